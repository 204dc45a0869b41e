import { InputError, readChunks, readLines, readText, writeText } from "../facts/files.ts";
import { pathsBelow } from "./paths.ts";
import { parseWaiver, type Waiver, writeWaiver } from "./waiver.ts";

/** A waiver that cannot be given or ended. */
export class WaiverError extends Error {
  /** `problem` ends the message. */
  constructor(guest: string, problem: string) {
    super(`Cannot waive for guest ${guest}: ${problem}`);
    this.name = "WaiverError";
  }
}

/** A waiver of a guest. */
export interface GuestWaiver {
  /** The guest's UUID. */
  readonly guest: string;
  /** `undefined` where the file is damaged: then it waives nothing. */
  readonly waiver: Waiver | undefined;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const MOST = 10_000;

/** Writes a guest's waiver, whole or not at all, over one that it has. */
export async function giveWaiver(root: string, guest: string, waiver: Waiver): Promise<string> {
  const text = writeWaiver(waiver);
  if (parseWaiver(text) === undefined) {
    throw new WaiverError(guest, "wanted a reason of one line of printable text");
  }
  const { waivers } = pathsBelow(root);
  if (!await Deno.stat(waivers).then(({ isDirectory }) => isDirectory, () => false)) {
    throw new WaiverError(guest, `there is no folder ${waivers}; run \`premigrate install\` first`);
  }
  const path = `${waivers}/${guest}`;
  await writeText(path, text, { mode: 0o600 });
  return path;
}

/** Ends a guest's waiver. */
export async function endWaiver(root: string, guest: string): Promise<void> {
  try {
    await Deno.remove(`${pathsBelow(root).waivers}/${guest}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new WaiverError(guest, "it has no waiver");
  }
}

/** All waivers, also those that have ended, by guest. */
export async function listWaivers(root: string): Promise<GuestWaiver[]> {
  const { waivers } = pathsBelow(root);
  const guests: string[] = [];
  try {
    for await (const { name } of Deno.readDir(waivers)) {
      if (UUID.test(name)) guests.push(name);
      if (guests.length >= MOST) break;
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new InputError(waivers, error instanceof Error ? error.message : String(error));
  }
  return await Promise.all(
    guests.sort().map(async (guest) => ({
      guest,
      waiver: parseWaiver(await readText(`${waivers}/${guest}`)),
    })),
  );
}

const LONGEST_LINE = 64 * 1024;
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * How often each waiver let a migration pass, by its id: the audit's lines of this week and of the
 * last, as no waiver is longer. Damaged lines are left out.
 */
export async function countUses(root: string): Promise<Map<string, number>> {
  const uses = new Map<string, number>();
  const { audit } = pathsBelow(root);
  for (const file of [audit, `${audit}.1`, `${audit}.1.gz`]) {
    if (!await Deno.stat(file).then(({ isFile }) => isFile, () => false)) continue;
    try {
      for await (const line of readLines(atMost(MOST_BYTES, bytesOf(file)), LONGEST_LINE)) {
        const id = line === undefined ? undefined : waiverOf(line);
        if (id !== undefined) uses.set(id, (uses.get(id) ?? 0) + 1);
      }
    } catch (error) {
      // Damaged compression; what came before it counts.
      if (!(error instanceof TypeError)) throw error;
    }
  }
  return uses;
}

function bytesOf(file: string): AsyncIterable<Uint8Array> {
  const bytes = readChunks(file);
  return file.endsWith(".gz")
    ? ReadableStream.from(bytes).pipeThrough(new DecompressionStream("gzip"))
    : bytes;
}

async function* atMost(
  most: number,
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let left = most;
  for await (const chunk of stream) {
    yield chunk;
    left -= chunk.length;
    if (left < 0) return;
  }
}

function waiverOf(line: string): string | undefined {
  if (!line.includes('"waiver"')) return undefined;
  try {
    const { waiver }: { readonly waiver?: unknown } = JSON.parse(line) ?? {};
    return typeof waiver === "string" ? waiver : undefined;
  } catch {
    return undefined;
  }
}
