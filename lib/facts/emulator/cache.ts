import * as v from "valibot";
import type { ProbedEmulator } from "../probe/report.ts";
import { nameOf, Store } from "../store.ts";
import { type EmulatorReplies, readEmulatorReplies, RepliesForm, repliesJson } from "./replies.ts";

const Form = v.strictObject({
  premigrate: v.literal("emulator/2"),
  host: v.string(),
  path: v.string(),
  /** Which file it was, as the probe tells it: another one when that has changed. */
  identity: v.string(),
  ...RepliesForm.entries,
});
// As many as a fleet's hosts have, and of each those that a guest may still run after an upgrade.
const STORE = new Store(Form, { largest: 1024 * 1024, most: 1024 });

/** What the QEMUs of a host say of themselves, or said when they were the same files. */
export class Emulators {
  readonly #dir: string | undefined;
  readonly #host: string;
  /** What was said now, by the file that said it. */
  readonly #current = new Map<string, EmulatorReplies>();

  /** @param dir Where answers are kept; `undefined`: nowhere. */
  constructor(dir: string | undefined, host: string) {
    this.#dir = dir;
    this.#host = host;
  }

  /** Which file the one at a path was when it was asked last. */
  async identityOf(path: string): Promise<string | undefined> {
    return (await this.#find(path))?.identity;
  }

  /** What the one says that the probe looked at; what it was asked now is kept. */
  async read(emulator: ProbedEmulator | undefined): Promise<EmulatorReplies | undefined> {
    if (emulator?.identity === undefined) return undefined;
    const { identity, exe, path, qmp } = emulator;
    if (qmp === undefined) {
      const kept = await this.#find(path);
      if (kept?.identity !== identity) return undefined;
      this.#current.set(runningFile(identity), kept);
      return kept;
    }
    const replies = readEmulatorReplies(qmp);
    if (exe === undefined) return replies;
    this.#current.set(runningFile(exe), replies);
    if (replies.qemu === undefined) return replies;
    // A wrapper stays the same file whatever it will start.
    if (exe === identity) await this.#keep(path, identity, replies);
    await this.#keep(runningFile(exe), exe, replies);
    return replies;
  }

  /** What the file of a running QEMU says, or said when it was the one that was installed. */
  async readRunning(exe: string): Promise<EmulatorReplies | undefined> {
    const file = runningFile(exe);
    return this.#current.get(file) ?? await this.#find(file);
  }

  async #find(path: string): Promise<EmulatorReplies & { identity: string } | undefined> {
    if (this.#dir === undefined) return undefined;
    const kept = STORE.find(this.#dir, await nameOf(this.#host, path));
    if (kept?.host !== this.#host || kept.path !== path) return undefined;
    const { identity, qemu, skipVscCheck, missing } = kept;
    return { identity, qemu, skipVscCheck, missing };
  }

  async #keep(path: string, identity: string, replies: EmulatorReplies): Promise<void> {
    if (this.#dir === undefined) return;
    const record = { host: this.#host, path, identity, ...repliesJson(replies) };
    try {
      const name = await nameOf(this.#host, path);
      STORE.keep(this.#dir, name, { premigrate: "emulator/2", ...record });
    } catch {
      // A folder that is closed or full costs time, not the answer.
    }
  }
}

/**
 * What stands for the file of a running QEMU in place of a path: all of its identity but the time of
 * its last change, which is another one when the file is replaced (`ctime` of `unlink`).
 */
export function runningFile(exe: string): string {
  return exe.split(":").filter((_part, index) => index !== 2).join(":");
}
