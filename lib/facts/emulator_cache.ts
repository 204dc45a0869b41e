import * as v from "valibot";
import { parseQemuVersion, QemuVersionError } from "../qemu/version.ts";
import type { EmulatorReplies } from "./emulator_replies.ts";

/** Where answers of emulators are kept; they are asked anew where it cannot be written. */
export const EMULATOR_CACHE = "/var/cache/premigrate/emulators";

/** What an emulator said, and which file it was then. */
export interface KeptReplies {
  /** As the probe tells it: another one when the file has changed. */
  readonly identity: string;
  readonly replies: EmulatorReplies;
}

const LARGEST = 1024 * 1024;

const Strings = v.record(v.string(), v.string());
const Kept = v.strictObject({
  premigrate: v.literal("emulator/1"),
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
    const file = await fileOf(dir, host, path);
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
  const kept = { premigrate: "emulator/1", host, path, identity, qemu, skipVscCheck, missing };
  try {
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    const file = await fileOf(dir, host, path);
    const unfinished = `${file}.${crypto.randomUUID()}`;
    await Deno.writeTextFile(unfinished, JSON.stringify(kept), { createNew: true, mode: 0o600 });
    await Deno.rename(unfinished, file);
  } catch (error) {
    if (!isUnusable(error)) throw error;
  }
}

/** A folder that is missing, closed or full costs time, not the answer. */
function isUnusable(error: unknown): boolean {
  return error instanceof Deno.errors.NotCapable ||
    (error instanceof Error && "code" in error) || error instanceof Deno.errors.NotFound;
}

async function fileOf(dir: string, host: string, path: string): Promise<string> {
  const name = new TextEncoder().encode(JSON.stringify([host, path]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", name));
  return `${dir}/${Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")}.json`;
}
