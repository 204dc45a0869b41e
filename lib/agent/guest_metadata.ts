import { listGuests, listRunning } from "../facts/libvirt/guests.ts";
import type { GuestId } from "../facts/libvirt/guest.ts";
import { THIS_HOST } from "../facts/libvirt/uri.ts";
import { STAMP_KEY, STAMP_NAMESPACE, withoutNamespace, writeOfflineMark } from "../facts/mod.ts";
import { runVirsh } from "../facts/libvirt/virsh.ts";
import type { VirshError } from "../facts/libvirt/virsh_error.ts";

/** What became of a guest that was asked for. */
export interface StampResult {
  /** As it was asked for: a name or UUID. */
  readonly asked: string;
  /** The guest; `undefined` where there is none. */
  readonly guest: GuestId | undefined;
  /** What was done. */
  readonly outcome: StampOutcome;
}

/** What was done with a guest's metadata. */
export type StampOutcome =
  | {
    readonly kind: "stamped";
    readonly devices: readonly StampedView[];
    readonly size: number;
    /** When the host's facts were read, in ISO 8601. */
    readonly time: string;
  }
  /** It has no host device that a migration carries over. */
  | { readonly kind: "no-devices" }
  | { readonly kind: "marked" | "removed" }
  | { readonly kind: "failed"; readonly reason: string };

/** A device in a stamp. */
export interface StampedView {
  /** Its address on the host. */
  readonly address: string;
  /** Whose view of its config space there is; `undefined`: none. */
  readonly config: string | undefined;
  /** Why there is none. */
  readonly missing: string | undefined;
}

/** A guest's live XML, or the one that it is started with. */
export type GuestXml = "live" | "config";

/** The guests that were asked for; libvirt, too, takes a text for a UUID before a name. */
export function findGuests(
  asked: readonly string[] | "all",
  guests: readonly GuestId[],
): Pick<StampResult, "asked" | "guest">[] {
  if (asked === "all") return guests.map((guest) => ({ asked: guest.name, guest }));
  return asked.map((asked) => {
    const guest = guests.find(({ uuid }) => uuid === asked.toLowerCase()) ??
      guests.find(({ name }) => name === asked);
    return { asked, guest };
  });
}

/**
 * Sets an element of ours in guests' metadata (`undefined` removes it), with one virsh process for
 * each 120,000 bytes. Gives why it failed, by UUID.
 *
 * @throws {VirshError} When libvirt gives no answer, or an element is longer than virsh can be told.
 */
export async function setElements(
  elements: ReadonlyMap<string, string | undefined>,
  where: GuestXml,
  signal: AbortSignal,
): Promise<Map<string, VirshError>> {
  const commands = Array.from(elements, ([uuid, element]) => [
    ...["metadata", "--domain", uuid, "--uri", STAMP_NAMESPACE, `--${where}`],
    ...element === undefined
      ? ["--remove"]
      : ["--key", STAMP_KEY, "--set", withoutNamespace(element)],
  ]);
  const answers = await runVirsh(THIS_HOST, commands, { readOnly: false, signal });
  const errors = new Map<string, VirshError>();
  for (const [index, uuid] of [...elements.keys()].entries()) {
    const answer = answers[index];
    if (answer !== undefined && typeof answer !== "string") errors.set(uuid, answer.missing);
  }
  return errors;
}

/** Removes what premigrate has in guests' metadata; `all`: of all that run. */
export async function removeStamps(
  asked: readonly string[] | "all",
  where: GuestXml,
  signal: AbortSignal,
): Promise<StampResult[]> {
  const guests = where === "live"
    ? await listRunning(THIS_HOST, signal)
    : await listGuests(THIS_HOST, ["--all"], signal);
  const found = findGuests(asked, guests);
  const set = new Map(found.flatMap(({ guest }) => guest ? [[guest.uuid, undefined]] : []));
  const errors = await setElements(set, where, signal);
  return found.map((one) => ({ ...one, outcome: outcomeOf(one.guest, "removed", errors) }));
}

/**
 * Marks guests that are shut off: they are about to be migrated so, which `migrate begin` does not
 * tell. The hook believes a mark for some minutes only.
 */
export async function markOffline(
  asked: readonly string[],
  signal: AbortSignal,
): Promise<StampResult[]> {
  const all = await listGuests(THIS_HOST, ["--all"], signal);
  const runs = new Set((await listRunning(THIS_HOST, signal)).map(({ uuid }) => uuid));
  const found = findGuests(asked, all);
  const mark = writeOfflineMark(new Date().toISOString());
  const set = new Map(
    found.flatMap(({ guest }) => guest && !runs.has(guest.uuid) ? [[guest.uuid, mark]] : []),
  );
  const errors = await setElements(set, "config", signal);
  return found.map((one) => ({
    ...one,
    outcome: one.guest !== undefined && runs.has(one.guest.uuid)
      ? { kind: "failed", reason: "it runs, and the mark is for guests that are shut off" }
      : outcomeOf(one.guest, "marked", errors),
  }));
}

function outcomeOf(
  guest: GuestId | undefined,
  done: "marked" | "removed",
  errors: ReadonlyMap<string, VirshError>,
): StampOutcome {
  if (guest === undefined) return { kind: "failed", reason: "there is no such guest" };
  const error = errors.get(guest.uuid);
  return error === undefined ? { kind: done } : { kind: "failed", reason: error.found };
}
