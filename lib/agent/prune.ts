import { unlessGone } from "../facts/record_files.ts";
import { parseWaiver } from "../config/waiver.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const HOUR_MS = 60 * 60 * 1000;
// Far above the guests of any host; what is left is for the next time.
const MOST_FILES = 10_000;
const LARGEST_WAIVER = 16 * 1024;

const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const WAIVER_NAME = new RegExp(`^${UUID}$`);
/** A record, or one that was never finished. */
const RECORD_NAME = new RegExp(`^(${UUID})\\.(json|${UUID})$`);

/**
 * Removes the waivers that ended more than a day ago. What is no waiver is left alone.
 *
 * @param now Milliseconds since 1970.
 * @returns The guests that had one, by UUID.
 */
export async function pruneWaivers(dir: string, now: number): Promise<string[]> {
  const ended: string[] = [];
  for (const guest of await namesIn(dir)) {
    if (!WAIVER_NAME.test(guest)) continue;
    const path = `${dir}/${guest}`;
    const { size = 0 } = await unlessGone(Deno.stat(path)) ?? {};
    if (size > LARGEST_WAIVER) continue;
    const waiver = parseWaiver(await unlessGone(Deno.readTextFile(path)) ?? "");
    if (waiver === undefined || waiver.until * 1000 + DAY_MS > now) continue;
    await unlessGone(Deno.remove(path));
    ended.push(guest);
  }
  return ended;
}

/**
 * Removes what was read at the start of guests that are no longer there, and what was not written to
 * its end. Nothing younger than an hour: a guest that is only being started may not be listed yet.
 *
 * @param now Milliseconds since 1970.
 * @param listAll Tells which guests there are, by UUID; it is not asked where there is no old file.
 */
export async function pruneStarts(
  dir: string,
  now: number,
  listAll: () => Promise<ReadonlySet<string>>,
): Promise<void> {
  const old: { path: string; guest: string; isRecord: boolean }[] = [];
  for (const name of await namesIn(dir)) {
    const [, guest, ending] = RECORD_NAME.exec(name) ?? [];
    if (guest === undefined) continue;
    const path = `${dir}/${name}`;
    const written = (await unlessGone(Deno.stat(path)))?.mtime?.getTime();
    if (written === undefined || written + HOUR_MS > now) continue;
    old.push({ path, guest, isRecord: ending === "json" });
  }
  if (old.length === 0) return;
  const guests = await listAll();
  for (const { path, guest, isRecord } of old) {
    if (!isRecord || !guests.has(guest)) await unlessGone(Deno.remove(path));
  }
}

/** No folder holds nothing. */
async function namesIn(dir: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(dir)) {
      if (isFile) names.push(name);
      if (names.length >= MOST_FILES) break;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names;
}
