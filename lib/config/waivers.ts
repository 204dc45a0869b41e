import { PremigrateError } from "../error/mod.ts";
import { inputError, readLines, readUnpacked, writeText } from "../facts/files.ts";
import { unlessGone } from "../facts/store.ts";
import type { Paths } from "./paths.ts";
import { parseWaiver, readWaiver, type Waiver, writeWaiver } from "./waiver.ts";
import { UUID } from "../domain/uuid.ts";

/** A waiver that cannot be given or ended. */
function waiverError(guest: string, problem: string): PremigrateError {
  return new PremigrateError("waiver", `Cannot waive for guest ${guest}`, problem);
}

export interface GuestWaiver {
  /** The guest's UUID. */
  readonly guest: string;
  /** `undefined` where the file is damaged: then it waives nothing. */
  readonly waiver: Waiver | undefined;
}

const MOST = 10_000;

/** Writes a guest's waiver, whole or not at all, over one that it has. */
export async function giveWaiver(
  { waivers }: Pick<Paths, "waivers">,
  guest: string,
  waiver: Waiver,
): Promise<string> {
  const text = writeWaiver(waiver);
  if (parseWaiver(text) === undefined) {
    throw waiverError(guest, "wanted a reason of one line of printable text");
  }
  if (!await Deno.stat(waivers).then(({ isDirectory }) => isDirectory, () => false)) {
    throw waiverError(guest, `there is no folder ${waivers}; run \`premigrate install\` first`);
  }
  const path = `${waivers}/${guest}`;
  await writeText(path, text, { mode: 0o600 });
  return path;
}

/** Ends a guest's waiver. */
export async function endWaiver(
  { waivers }: Pick<Paths, "waivers">,
  guest: string,
): Promise<void> {
  try {
    await Deno.remove(`${waivers}/${guest}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw waiverError(guest, "it has no waiver");
  }
}

/** All waivers, also those that have ended, by guest. */
export function listWaivers({ waivers }: Pick<Paths, "waivers">): GuestWaiver[] {
  try {
    const names = Array.from(unlessGone(() => Deno.readDirSync(waivers)) ?? [], ({ name }) => name);
    const guests = names.filter((name) => UUID.test(name)).slice(0, MOST).sort();
    return guests.map((guest) => ({ guest, waiver: readWaiver(`${waivers}/${guest}`) }));
  } catch (error) {
    throw inputError(waivers, error instanceof Error ? error.message : String(error));
  }
}

const LONGEST_LINE = 64 * 1024;

/**
 * How often each waiver let a migration pass, by its id: the audit's lines of this week and of the
 * last, as no waiver is longer. Damaged lines are left out.
 */
export async function countUses(
  { audit }: Pick<Paths, "audit">,
): Promise<Map<string, number>> {
  const uses = new Map<string, number>();
  for await (const { waiver } of auditLines({ audit }, '"waiver"')) {
    if (typeof waiver === "string") uses.set(waiver, (uses.get(waiver) ?? 0) + 1);
  }
  return uses;
}

/** What a line of the audit tells, of that what is asked about. */
interface AuditLine {
  readonly waiver?: unknown;
  readonly guest?: unknown;
  readonly uuid?: unknown;
}

/** The UUIDs of guests of a name that came here this week or the last. */
export async function arrivedGuests(paths: Pick<Paths, "audit">, name: string): Promise<string[]> {
  const found = new Set<string>();
  for await (const { guest, uuid } of auditLines(paths, '"uuid"')) {
    if (guest === name && typeof uuid === "string" && UUID.test(uuid)) found.add(uuid);
  }
  return [...found];
}

async function* auditLines(
  { audit }: Pick<Paths, "audit">,
  key: string,
): AsyncGenerator<AuditLine> {
  for (const file of [audit, `${audit}.1`, `${audit}.1.gz`]) {
    if (!await Deno.stat(file).then(({ isFile }) => isFile, () => false)) continue;
    for await (const line of readLines(readUnpacked(file), LONGEST_LINE)) {
      if (line?.includes(key)) yield parseLine(line);
    }
  }
}

function parseLine(line: string): AuditLine {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}
