import { encodeHex } from "@std/encoding/hex";
import * as v from "valibot";
import { parseQemuVersion, QemuVersionError } from "../../qemu/version.ts";
import type { EmulatorReplies } from "./replies.ts";
import { keepRecord } from "../record_files.ts";

/** Where answers of emulators are kept; they are asked anew where it cannot be written. */
export const EMULATOR_CACHE = "/var/cache/premigrate/emulators";

/** What an emulator said, and which file it was then. */
export interface KeptReplies {
  /** As the probe tells it: another one when the file has changed. */
  readonly identity: string;
  readonly replies: EmulatorReplies;
}

const LARGEST = 1024 * 1024;
// Those of a fleet's hosts, and of each that a guest may still run after an upgrade.
const MOST = 1024;

const Strings = v.record(v.string(), v.string());
const Kept = v.strictObject({
  premigrate: v.literal("emulator/2"),
  host: v.string(),
  path: v.string(),
  identity: v.string(),
  qemu: v.string(),
  skipVscCheck: v.optional(v.record(v.string(), v.boolean())),
  missing: Strings,
});
const KeptText = v.pipe(v.string(), v.parseJson(), Kept);

/** What the emulator at `path` of a host said last; `undefined` where that is not known. */
export async function findReplies(
  dir: string,
  host: string,
  path: string,
): Promise<KeptReplies | undefined> {
  try {
    const file = `${dir}/${await nameOf(host, path)}.json`;
    if ((await Deno.stat(file)).size > LARGEST) return undefined;
    const kept = v.safeParse(KeptText, await Deno.readTextFile(file));
    if (!kept.success || kept.output.host !== host || kept.output.path !== path) return undefined;
    const { identity, qemu, skipVscCheck, missing } = kept.output;
    return { identity, replies: { qemu: parseQemuVersion(qemu), skipVscCheck, missing } };
  } catch (error) {
    if (isUnusable(error) || error instanceof QemuVersionError) return undefined;
    throw error;
  }
}

/** Keeps what an emulator said, where that can be done. */
export async function keepReplies(
  dir: string,
  host: string,
  path: string,
  { identity, replies }: KeptReplies,
): Promise<void> {
  const { qemu, skipVscCheck, missing } = replies;
  const kept = { premigrate: "emulator/2", host, path, identity, qemu, skipVscCheck, missing };
  const bytes = new TextEncoder().encode(JSON.stringify(kept));
  try {
    await keepRecord(dir, await nameOf(host, path), bytes, MOST);
  } catch (error) {
    if (!isUnusable(error)) throw error;
  }
}

/**
 * Under what is kept what the file of a running QEMU said, in place of a path: all of its identity but
 * the time of its last change, which is another one when the file is replaced (`ctime` of `unlink`).
 */
export function runningFile(exe: string): string {
  return exe.split(":").filter((_part, index) => index !== 2).join(":");
}

/** A folder that is missing, closed or full costs time, not the answer. */
function isUnusable(error: unknown): boolean {
  return error instanceof Deno.errors.NotCapable ||
    (error instanceof Error && "code" in error) || error instanceof Deno.errors.NotFound;
}

async function nameOf(host: string, path: string): Promise<string> {
  const name = new TextEncoder().encode(JSON.stringify([host, path]));
  return encodeHex(await crypto.subtle.digest("SHA-256", name));
}
