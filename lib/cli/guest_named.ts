import { ValidationError } from "@cliffy/command";
import type { Paths } from "../config/paths.ts";
import { arrivedGuests } from "../config/waivers.ts";
import { UUID } from "../domain/uuid.ts";
import { listGuests } from "../facts/libvirt/guests.ts";
import { THIS_HOST } from "../facts/libvirt/uri.ts";
import { VirshError } from "../facts/libvirt/virsh_error.ts";

const PATIENCE_MS = 10_000;

/**
 * The UUID of a guest by its name: of a guest of this host, or of one that came here; as it is where it
 * is a UUID.
 */
export async function uuidOfGuest(
  nameOrUuid: string,
  { root, paths }: { readonly root: string; readonly paths: Pick<Paths, "audit"> },
): Promise<string> {
  const lower = nameOrUuid.toLowerCase();
  if (UUID.test(lower)) return lower;
  const here = await guestsHere(nameOrUuid, root);
  const all = [...new Set([...here.uuids, ...await arrivedGuests(paths, nameOrUuid)])];
  const [uuid, ...others] = all;
  if (uuid === undefined) {
    throw new ValidationError(
      `Cannot find a guest "${nameOrUuid}" on this host or among those that came here` +
        `${here.problem === undefined ? "" : ` (${here.problem})`}` +
        ": wanted its name or UUID (on its own host: virsh domuuid)",
    );
  }
  if (others.length === 0) return uuid;
  const listed = all.map((uuid) => here.uuids.includes(uuid) ? `${uuid} (on this host)` : uuid);
  throw new ValidationError(
    `Several guests are called "${nameOrUuid}": wanted a UUID, one of ${listed.join(", ")}`,
  );
}

/** The guests of a name that this host's libvirt knows; of another root's it is not asked. */
async function guestsHere(
  wanted: string,
  root: string,
): Promise<{ readonly uuids: readonly string[]; readonly problem?: string }> {
  if (root !== "") return { uuids: [] };
  try {
    const guests = await listGuests(THIS_HOST, ["--all"], AbortSignal.timeout(PATIENCE_MS));
    return { uuids: guests.filter(({ name }) => name === wanted).map(({ uuid }) => uuid) };
  } catch (error) {
    if (!(error instanceof VirshError)) throw error;
    return { uuids: [], problem: error.message };
  }
}
