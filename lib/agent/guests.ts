import { listGuests, listRunning } from "../facts/libvirt/guests.ts";
import type { GuestXml } from "./guest_metadata.ts";
import type { GuestId } from "../facts/libvirt/guest.ts";
import { THIS_HOST } from "../facts/libvirt/uri.ts";
import { STAMP_NAMESPACE } from "../facts/mod.ts";
import { runVirsh } from "../facts/libvirt/virsh.ts";
import type { VirshAnswer, VirshCommand } from "../facts/libvirt/virsh_script.ts";

/** The guests that run on a host. */
export interface RunningGuests {
  /** Those that can be changed now. */
  readonly idle: readonly GuestId[];
  /** Those that are being migrated, saved or dumped. */
  readonly busy: readonly GuestId[];
}

/**
 * The guests that run on this host. While one is on its way libvirt lets nothing set its metadata,
 * and waits half a minute before it says so (`virDomainObjBeginJob`).
 *
 * @throws {VirshError} When libvirt gives no answer.
 */
export async function listIdle(signal: AbortSignal): Promise<RunningGuests> {
  const guests = await listRunning(THIS_HOST, signal);
  const jobs = await ask(guests.map(({ uuid }) => ["domjobinfo", "--domain", uuid]), signal);
  return {
    idle: guests.filter((_guest, index) => isIdle(jobs[index])),
    busy: guests.filter((_guest, index) => !isIdle(jobs[index])),
  };
}

/** Where a guest arrives, libvirt answers with an error. */
function isIdle(job: VirshAnswer | undefined): boolean {
  return typeof job === "string" && /^Job type: +None\b/m.test(job);
}

/**
 * The guests with something of premigrate's in their running or persistent XML: a stamp, or a mark that
 * they are migrated while shut off.
 *
 * @throws {VirshError} When libvirt gives no answer.
 */
export async function listStamped(where: GuestXml, signal: AbortSignal): Promise<GuestId[]> {
  const guests = where === "live"
    ? await listRunning(THIS_HOST, signal)
    : await listGuests(THIS_HOST, ["--persistent"], signal);
  const found = await ask(
    guests.map(({ uuid }) => [
      ...["metadata", "--domain", uuid, "--uri", STAMP_NAMESPACE, `--${where}`],
    ]),
    signal,
  );
  // Where there is nothing, libvirt answers with an error.
  return guests.filter((_guest, index) => typeof found[index] === "string");
}

function ask(commands: readonly VirshCommand[], signal: AbortSignal): Promise<VirshAnswer[]> {
  return runVirsh(THIS_HOST, commands, { readOnly: true, signal });
}
