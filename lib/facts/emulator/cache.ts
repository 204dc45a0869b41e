import * as v from "valibot";
import { nameOf, Store } from "../store.ts";
import { type EmulatorReplies, RepliesForm, repliesJson } from "./replies.ts";

/** What an emulator said, and which file it was then. */
export interface KeptReplies {
  /** As the probe tells it: another one when the file has changed. */
  readonly identity: string;
  readonly replies: EmulatorReplies;
}

// As many as a fleet's hosts have, and of each those that a guest may still run after an upgrade.
const STORE = new Store(
  v.strictObject({
    premigrate: v.literal("emulator/2"),
    host: v.string(),
    path: v.string(),
    identity: v.string(),
    ...RepliesForm.entries,
  }),
  { largest: 1024 * 1024, most: 1024 },
);

/** What the emulator at `path` of a host said last; `undefined` where that is not known. */
export async function findReplies(
  dir: string | undefined,
  host: string,
  path: string,
): Promise<KeptReplies | undefined> {
  if (dir === undefined) return undefined;
  const kept = STORE.find(dir, await nameOf(host, path));
  if (kept?.host !== host || kept.path !== path) return undefined;
  const { identity, qemu, skipVscCheck, missing } = kept;
  return { identity, replies: { qemu, skipVscCheck, missing } };
}

/** Keeps what an emulator said, where that can be done. */
export async function keepReplies(
  dir: string | undefined,
  host: string,
  path: string,
  { identity, replies }: KeptReplies,
): Promise<void> {
  if (dir === undefined) return;
  const record = {
    premigrate: "emulator/2",
    host,
    path,
    identity,
    ...repliesJson(replies),
  } as const;
  try {
    STORE.keep(dir, await nameOf(host, path), record);
  } catch {
    // A folder that is closed or full costs time, not the answer.
  }
}

/**
 * Under what is kept what the file of a running QEMU said, in place of a path: all of its identity but
 * the time of its last change, which is another one when the file is replaced (`ctime` of `unlink`).
 */
export function runningFile(exe: string): string {
  return exe.split(":").filter((_part, index) => index !== 2).join(":");
}
