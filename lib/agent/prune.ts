import { listRecords, unlessGone } from "../facts/store.ts";
import type { GuestId } from "../facts/libvirt/guest.ts";
import type { Paths } from "../config/paths.ts";
import { listWaivers } from "../config/waivers.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const HOUR_MS = 60 * 60 * 1000;

/**
 * Removes the waivers that ended more than a day ago. What is no waiver is left alone.
 *
 * @param now Milliseconds since 1970.
 * @returns The guests that had one, by UUID.
 */
export function pruneWaivers(paths: Pick<Paths, "waivers">, now: number): string[] {
  const ended = listWaivers(paths).flatMap(({ guest, waiver }) =>
    waiver !== undefined && waiver.until * 1000 + DAY_MS <= now ? [guest] : []
  );
  for (const guest of ended) unlessGone(() => Deno.removeSync(`${paths.waivers}/${guest}`));
  return ended;
}

/**
 * Removes what was read at the start of guests that are no longer there, and what was not written to
 * its end. Nothing younger than an hour: a guest that is only being started may not be listed yet.
 *
 * @param now Milliseconds since 1970.
 * @param listAll Tells which guests there are; it is not asked where there is no old file.
 */
export async function pruneStarts(
  { started }: Pick<Paths, "started">,
  now: number,
  listAll: () => Promise<readonly Pick<GuestId, "uuid">[]>,
): Promise<void> {
  const old = listRecords(started).filter(({ written }) => written + HOUR_MS <= now);
  if (old.length === 0) return;
  const guests = new Set((await listAll()).map(({ uuid }) => uuid));
  for (const { path, name, isWhole } of old) {
    if (!isWhole || !guests.has(name)) unlessGone(() => Deno.removeSync(path));
  }
}
