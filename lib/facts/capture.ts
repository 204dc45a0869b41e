import { type HostAnswers, hostFacts } from "./host_facts.ts";
import { findDevicesInUse, type HoldingGuest } from "./libvirt/devices_in_use.ts";
import { readHost, readNodeDevices } from "./libvirt/guests.ts";
import { type LibvirtHost, unanswered } from "./libvirt/host.ts";
import { readNetworks } from "./libvirt/networks.ts";
import type { LibvirtUri } from "./libvirt/uri.ts";
import { Emulators } from "./emulator/cache.ts";
import type { EmulatorReplies } from "./emulator/replies.ts";
import { type ProbeTarget, runProbe } from "./probe/run_probe.ts";
import type { ProbedGuest, ProbedPremigrate } from "./probe/report.ts";
import { filesToAsk, type RomFile } from "./rom_files.ts";
import {
  addRealizeViews,
  isMadeUp,
  isMediated,
  type RealizeOptions,
} from "./vfio/realize_views.ts";
import { addRemoteViews } from "./vfio/remote_views.ts";
import { readHeldBy } from "./vfio/running_views.ts";
import type { Facts } from "./schema.ts";
import { VirshError } from "./libvirt/virsh_error.ts";
import type { Networks } from "../domain/mod.ts";

/** How a host is reached. */
export interface HostAccess {
  /** Its libvirt; absent: it is not asked. */
  readonly uri?: LibvirtUri | undefined;
  /** Where the probe is run; absent: it cannot be, and libvirt alone tells of devices. */
  readonly probe?: ProbeTarget | undefined;
  /** Where sysfs is on the host, if not at `/sys`. */
  readonly sysfs?: string | undefined;
  /** The folder where answers of emulators are kept; absent: each is asked. */
  readonly emulators?: string | undefined;
  /** The folder below which its premigrate is installed. */
  readonly root?: string | undefined;
}

/** What is to be known of a host. */
export interface CaptureRequest {
  /** PCI addresses and mdev UUIDs; `all`: whatever looks as if it could migrate. */
  readonly devices: readonly string[] | "all";
  /** Names of sysfs attributes that policies declare; where the probe is not run none is read. */
  readonly attributes?: readonly string[] | undefined;
  /** ROM files of guests' devices; where the probe is not run none is known. */
  readonly romFiles?: readonly RomFile[] | undefined;
  /** The guest's architecture; absent: the host's. */
  readonly arch?: string | undefined;
  /** The guest's QEMU, as its XML names it; absent: the one that libvirt would choose. */
  readonly emulator?: string | undefined;
  /** Find out which devices guests have now. */
  readonly inUse?: boolean | undefined;
  /** Find out what its libvirt networks are; `devices`: and read what their pools hand out. */
  readonly networks?: boolean | "devices" | undefined;
  /** Read the realize views of devices; of this host's only. */
  readonly realize?: RealizeOptions | undefined;
  /**
   * Read the devices that running guests hold, and let records stand in for what cannot be read; by
   * the premigrate that is installed there where the host is another.
   */
  readonly running?: RunningRequest | undefined;
  /** Go on without libvirt where it does not answer; what it would have told is missing. */
  readonly withoutLibvirt?: boolean | undefined;
}

/** Whose devices are to be read. */
export interface RunningRequest {
  /** The folder where what was read is kept. */
  readonly records: string;
  /** The guests that may hold some; absent: libvirt is asked. */
  readonly guests?: readonly HoldingGuest[] | undefined;
}

/**
 * Gathers a host's facts: one virsh process (two more each with `inUse` and `networks`) and one probe,
 * whatever the number of devices.
 *
 * @throws {VirshError} When libvirt gives no answer, unless `withoutLibvirt`.
 * @throws {ProbeRunError} When the probe cannot be run.
 */
export async function captureHost(
  access: HostAccess,
  request: CaptureRequest,
  signal: AbortSignal,
): Promise<Facts> {
  return (await capture(access, request, false, signal)).facts;
}

/** A host that a guest may go to. */
export interface DestinationHost {
  /** Its facts: what a hook there reads of its devices. */
  readonly facts: Facts;
  /** What its premigrate keeps; `undefined` where the probe is not run. */
  readonly premigrate: ProbedPremigrate | undefined;
}

/**
 * Gathers a host's facts as {@linkcode captureHost} does, and what its premigrate keeps, which is read
 * by the same probe: of a mediated device that nobody opens here its records tell.
 *
 * @throws {VirshError} When libvirt gives no answer, unless `withoutLibvirt`.
 * @throws {ProbeRunError} When the probe cannot be run.
 */
export async function captureDestination(
  access: HostAccess,
  request: CaptureRequest,
  signal: AbortSignal,
): Promise<DestinationHost> {
  const { root = "/" } = access;
  const { facts, premigrate } = await capture({ ...access, root }, request, false, signal);
  const isRead = premigrate === undefined || (request.realize !== undefined && isHere(access));
  if (isRead) return { facts, premigrate };
  const records = new Map(
    Array.from(premigrate.kept, ([path, text]) => [path.replace(/^realize\//, ""), text]),
  );
  const options = { allowReset: false, records, only: isMediated };
  return { facts: await addRealizeViews(facts, options, signal), premigrate };
}

function isHere({ probe }: HostAccess): boolean {
  return probe !== undefined && probe.ssh === undefined;
}

/** A host where guests run. */
export interface SourceHost {
  /** Its facts; the QEMU is the one that would be started now. */
  readonly facts: Facts;
  /** Facts of it with the QEMU that runs a guest, or why that is not known. */
  readonly withQemuOf: (facts: Facts, uuid: string | undefined) => Facts;
}

/**
 * Gathers a host's facts as {@linkcode captureHost} does, and which QEMU each of its guests runs: after
 * an upgrade a guest still runs the one that it was started with.
 *
 * @throws {VirshError} When libvirt gives no answer, unless `withoutLibvirt`.
 * @throws {ProbeRunError} When the probe cannot be run.
 */
export async function captureSource(
  access: HostAccess,
  request: CaptureRequest,
  signal: AbortSignal,
): Promise<SourceHost> {
  const { facts, guests, qemus } = await capture(access, request, true, signal);
  return {
    facts,
    withQemuOf: (facts, uuid = "") => withQemu(facts, guests.get(uuid), qemus.get(uuid)),
  };
}

interface Captured extends DestinationHost {
  readonly guests: ReadonlyMap<string, ProbedGuest>;
  /** What the guests' QEMUs say of themselves, where that is known. */
  readonly qemus: ReadonlyMap<string, EmulatorReplies>;
}

async function capture(
  access: HostAccess,
  request: CaptureRequest,
  guests: boolean,
  signal: AbortSignal,
): Promise<Captured> {
  const { uri, probe, sysfs, emulators, root } = access;
  const { attributes, romFiles = [], arch, emulator, realize, running, withoutLibvirt } = request;
  const asksHolders = isHere(access) && running !== undefined && running.guests === undefined;
  // A device that some guest has must not be opened.
  const inUse = request.inUse === true || realize !== undefined || asksHolders;
  const answers = uri === undefined ? NOT_ASKED : await askLibvirt(
    uri,
    { arch, emulator, inUse, networks: request.networks },
    withoutLibvirt === true,
    signal,
  );
  const devices = request.devices === "all" || request.networks !== "devices"
    ? request.devices
    : [...new Set([...request.devices, ...pooledDevices(answers.networks)])];
  if (probe === undefined) {
    if (uri === undefined || devices === "all") {
      throw new RangeError("Cannot capture all devices without the probe: give a way to run it");
    }
    const nodes = {
      time: new Date().toISOString(),
      devices: await readNodeDevices(uri, devices, signal),
    };
    const facts = hostFacts({ ...answers, nodes });
    return { facts, premigrate: undefined, guests: new Map(), qemus: new Map() };
  }
  const chosen = devices === "all" ? { all: true } : { devices };
  const path = emulatorToAsk(answers.libvirt, emulator);
  const known = new Emulators(emulators, probe.ssh?.host ?? "localhost");
  const report = await runProbe(
    probe,
    {
      ...chosen,
      attributes,
      files: filesToAsk(romFiles),
      sysfs,
      emulator: path,
      known: path === undefined ? undefined : await known.identityOf(path),
      guests: guests || (isHere(access) && running !== undefined),
      premigrate: root,
    },
    signal,
  );
  const replies = await known.read(report.emulator);
  const qemus = new Map<string, EmulatorReplies>();
  for (const { uuid, exe } of guests ? report.guests : []) {
    const own = exe === undefined ? undefined : await known.readRunning(exe);
    if (own !== undefined) qemus.set(uuid, own);
  }
  const facts = hostFacts({ ...answers, probe: report, romFiles, replies });
  return {
    facts: isHere(access)
      ? await addViews(
        facts,
        request,
        running?.guests ?? answers.inUse?.guests,
        report.guests,
        signal,
      )
      : running === undefined
      ? facts
      : await addRemoteViews(facts, probe, signal),
    premigrate: report.premigrate,
    guests: new Map(report.guests.map((guest) => [guest.uuid, guest])),
    qemus,
  };
}

async function addViews(
  facts: Facts,
  { realize, running }: CaptureRequest,
  holding: readonly HoldingGuest[] = [],
  probed: readonly ProbedGuest[],
  signal: AbortSignal,
): Promise<Facts> {
  if (running === undefined) {
    return realize === undefined ? facts : await addRealizeViews(facts, realize, signal);
  }
  const { records } = running;
  const held = await readHeldBy(facts, holding, probed, signal);
  const unopened = { allowReset: false, closed: true, only: isMadeUp };
  return addRealizeViews(facts, { records, ...realize ?? unopened, running: held }, signal);
}

function withQemu(
  facts: Facts,
  guest: ProbedGuest | undefined,
  replies: EmulatorReplies | undefined,
): Facts {
  const why = guest === undefined
    ? "which QEMU runs the guest was not found out"
    : guest.exe === undefined
    ? `the file of the guest's QEMU: ${guest.missing["exe"]}`
    : "the guest's QEMU is another file than the one that is installed now";
  const { qemu, skipVscCheck, missing = { qemu: why } } = replies ?? {
    qemu: undefined,
    skipVscCheck: undefined,
  };
  return {
    ...facts,
    host: { ...facts.host, qemu, skipVscCheck, missing: { ...facts.host.missing, ...missing } },
  };
}

/**
 * The QEMU that may be run to ask it: only the one that the host's libvirt chose. A guest's XML may
 * name any file; what another QEMU would say of itself is then not known.
 */
function emulatorToAsk(libvirt: LibvirtHost, wanted: string | undefined): string | undefined {
  return wanted === undefined || wanted === libvirt.emulator ? libvirt.emulator : undefined;
}

interface LibvirtAnswers extends Pick<HostAnswers, "inUse" | "networks"> {
  readonly libvirt: LibvirtHost;
}

const NOT_ASKED: LibvirtAnswers = { libvirt: unanswered("it was not asked") };

function pooledDevices(networks: Networks = {}): string[] {
  return Object.values(networks).flatMap((kind) => kind === "plain" ? [] : kind.devices);
}

async function askLibvirt(
  uri: LibvirtUri,
  { arch, emulator, inUse, networks }: Pick<
    CaptureRequest,
    "arch" | "emulator" | "inUse" | "networks"
  >,
  withoutLibvirt: boolean,
  signal: AbortSignal,
): Promise<LibvirtAnswers> {
  try {
    return {
      libvirt: await readHost(uri, { arch, emulator }, signal),
      inUse: inUse === true ? await findDevicesInUse(uri, signal) : undefined,
      networks: networks ? await readNetworks(uri, signal) : undefined,
    };
  } catch (error) {
    if (withoutLibvirt && error instanceof VirshError) return { libvirt: unanswered(error.found) };
    throw error;
  }
}
