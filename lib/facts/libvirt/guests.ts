import { type Guest, guestCommands, type GuestId, parseGuest, parseGuestList } from "./guest.ts";
import { type EmulatorChoice, HOST_COMMANDS, type LibvirtHost, parseHost } from "./host.ts";
import { isUuid, nodeDeviceName, parseNodeDevice } from "./nodedev.ts";
import type { LibvirtUri } from "./uri.ts";
import type { CapturedDevice } from "../schema.ts";
import { runVirsh } from "./virsh.ts";
import { VirshError } from "./virsh_error.ts";
import type { Unanswered, VirshAnswer } from "./virsh_script.ts";

/**
 * The guests that run or are paused. One virsh process, read-only.
 *
 * @throws {VirshError} When libvirt gives no answer.
 */
export function listRunning(uri: LibvirtUri, signal: AbortSignal): Promise<GuestId[]> {
  return listGuests(uri, [], signal);
}

/**
 * Guests of a host by virsh's own choice: `--all`, or `--persistent` of those that run.
 *
 * @throws {VirshError} When libvirt gives no answer.
 */
export async function listGuests(
  uri: LibvirtUri,
  filter: readonly string[],
  signal: AbortSignal,
): Promise<GuestId[]> {
  const command = ["list", "--uuid", "--name", ...filter];
  const [answer = ""] = await runVirsh(uri, [command], { readOnly: true, signal });
  if (typeof answer !== "string") throw answer.missing;
  return parseGuestList(answer);
}

/**
 * Reads a running guest and the host where it runs. One virsh process, read-only; two where the
 * name is a number, which virsh would take for a guest's current id.
 *
 * @throws {VirshError} When libvirt gives no answer, has no such guest, or it is not running.
 *
 * @example
 * ```ts ignore
 * import { readGuest } from "./lib/facts/libvirt/guests.ts";
 * import { parseLibvirtUri } from "./lib/facts/libvirt/uri.ts";
 *
 * const uri = parseLibvirtUri("qemu+ssh://hosta/system");
 * const { uuid, xml, host } = await readGuest(uri, "vm1", AbortSignal.timeout(10_000));
 * ```
 */
export async function readGuest(
  uri: LibvirtUri,
  nameOrUuid: string,
  signal: AbortSignal,
): Promise<Guest> {
  const named = isNumber(nameOrUuid)
    ? (await listGuests(uri, ["--all"], signal)).find(({ name }) => name === nameOrUuid)
    : undefined;
  const [guest] = await readGuests(uri, [named?.uuid ?? nameOrUuid], signal);
  if (guest === undefined) throw new VirshError("truncated", uri, "virsh answered nothing");
  if ("missing" in guest) throw guest.missing;
  return guest;
}

/**
 * Reads several guests of a host as {@linkcode readGuest} does; in the place of one that cannot be
 * read is why. One virsh process, read-only.
 *
 * @throws {VirshError} When libvirt gives no answer.
 */
export async function readGuests(
  uri: LibvirtUri,
  uuids: readonly string[],
  signal: AbortSignal,
): Promise<(Guest | Unanswered)[]> {
  const commands = [...HOST_COMMANDS, ...uuids.flatMap(guestCommands)];
  const answers = await runVirsh(uri, commands, { readOnly: true, signal });
  const host = parseHost(answers);
  return uuids.map((uuid, index) => {
    const from = HOST_COMMANDS.length + 2 * index;
    return parseGuest(uri, uuid, answers.slice(from, from + 2), host);
  });
}

/** A guest that is on a host. */
export interface Claim {
  readonly guest: Guest;
  /** Whether libvirt migrates it away now; `undefined`: it does not tell. */
  readonly isLeaving: boolean | undefined;
}

/**
 * Reads a guest as {@linkcode readGuest} does, and whether it is on its way to another host. One
 * virsh process, read-only.
 *
 * The job of a migration is there before libvirt asks the destination anything
 * (`qemuMigrationSrcBegin`, and `qemuMigrationSrcPerformJob` for peer to peer), and while the
 * destination's hook runs: seen with libvirt 9.0, direct, peer to peer, tunnelled, and of a paused
 * guest.
 *
 * @throws {VirshError} When libvirt gives no answer, has no such guest, or it is not running.
 */
export async function readClaim(
  uri: LibvirtUri,
  uuid: string,
  signal: AbortSignal,
): Promise<Claim> {
  const job = ["domjobinfo", "--domain", uuid] as const;
  const commands = [...HOST_COMMANDS, ...guestCommands(uuid), job];
  const answers = await runVirsh(uri, commands, { readOnly: true, signal });
  const from = HOST_COMMANDS.length;
  const guest = parseGuest(uri, uuid, answers.slice(from, from + 2), parseHost(answers));
  if ("missing" in guest) throw guest.missing;
  return { guest, isLeaving: readLeaving(answers.at(-1)) };
}

/** `virsh domjobinfo`, in the C locale. */
function readLeaving(answer: VirshAnswer | undefined): boolean | undefined {
  if (typeof answer !== "string") return undefined;
  if (/^Job type: +None\b/m.test(answer)) return false;
  const [, operation] = /^Operation: +(.+)$/m.exec(answer) ?? [];
  return operation === undefined ? undefined : operation.trim() === "Outgoing migration";
}

/**
 * What libvirt says of a host, and of the QEMU that would run a guest there. One virsh process,
 * read-only.
 *
 * @throws {VirshError} When libvirt gives no answer.
 */
export async function readHost(
  uri: LibvirtUri,
  choice: EmulatorChoice,
  signal: AbortSignal,
): Promise<LibvirtHost> {
  return parseHost(await runVirsh(uri, HOST_COMMANDS, { readOnly: true, signal }))(choice);
}

/**
 * What libvirt knows of PCI functions and mediated devices (`DDDD:BB:SS.F` or UUID, lower case), in their
 * order; of others nothing.
 * One virsh process, read-only; two where mediated devices are among them, since the names of their
 * node devices must be looked up.
 *
 * @throws {VirshError} When libvirt gives no answer.
 */
export async function readNodeDevices(
  uri: LibvirtUri,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<CapturedDevice[]> {
  const options = { readOnly: true, signal };
  const [nodes = ""] = addresses.some(isUuid)
    ? await runVirsh(uri, [["nodedev-list", "--cap", "mdev"]], options)
    : [];
  const mdevs = typeof nodes === "string" ? nodes.split("\n") : [];
  const commands = addresses.map((address) => {
    const name = nodeDeviceName(address);
    return ["nodedev-dumpxml", "--device", mdevs.find((node) => node.startsWith(name)) ?? name];
  });
  const answers = await runVirsh(uri, commands, options);

  return addresses.flatMap((address, index) => {
    const answer = answers[index];
    const device = typeof answer === "string" ? parseNodeDevice(answer) : undefined;
    return device?.address === address ? [device] : [];
  });
}

/** What virsh takes for an id (`virshLookupDomainInternal`). */
function isNumber(name: string): boolean {
  return /^\s*[+-]?\d+$/.test(name);
}
