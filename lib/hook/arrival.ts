import {
  type Domain,
  DomainXmlError,
  type Networks,
  parseDomain,
  rewriteSources,
} from "../domain/mod.ts";
import { hostFacts } from "../facts/host_facts.ts";
import {
  type DevicesInUse,
  findDevicesInUse,
  isInUse,
  whyNotAllKnown,
} from "../facts/libvirt/devices_in_use.ts";
import { findHost } from "../facts/emulator/host_cache.ts";
import { keyIds } from "../facts/probe/host_ids.ts";
import { THIS_HOST } from "../facts/libvirt/uri.ts";
import { filesToAsk, romFilesOf } from "../facts/rom_files.ts";
import type { CapturedDevice, Facts } from "../facts/mod.ts";
import { addRealizeViews, isMediated } from "../facts/vfio/realize_views.ts";
import { findRealizeView } from "../facts/vfio/records.ts";
import { parseVfioAnswer, type VfioRegion, type VfioRegionRequest } from "../facts/vfio/region.ts";
import type { VfioRefusal } from "../facts/vfio/answer.ts";
import { mdevsToOpen } from "./mdevs_to_open.ts";
import type { Paths } from "../config/paths.ts";
import { parseProbeReport, type ProbeReport } from "../facts/probe/report.ts";
import { ProbeError } from "../facts/probe/sections.ts";
import { readStampMetadata, type StampMetadata } from "../facts/stamp/stamp.ts";
import { devicesToStamp } from "../facts/stamp/stamp_guest.ts";
import { VirshError } from "../facts/libvirt/virsh_error.ts";
import {
  type Answer,
  type Choice,
  type Finding,
  judge,
  Registry,
  type SideFacts,
} from "../policy/mod.ts";
import { answerWithoutPairs } from "../policy/judge.ts";
import { engineFinding } from "../policy/engine_codes.ts";
import { wantDevices } from "../policy/guest.ts";
import type { PluginPolicies } from "../plugin/apply.ts";
import {
  type Config,
  declaredAttributes,
  judgesPlainGuests,
  parseDuration,
} from "../config/config.ts";
import { hookFinding } from "./codes.ts";
import type { Rewritten } from "./decision.ts";
import { judgeWithChosen, type PluginTerms } from "../config/plugins.ts";
import { policySet } from "../config/policy_set.ts";
import { findSource, type OnSource, onSource, type Source } from "./source.ts";

const MOST_PATIENCE_MS = 5000;

/** A guest that is about to arrive. */
export interface Arrival {
  /** The XML that libvirt hands over. */
  readonly xml: string;
  /** What the probe printed on this host. */
  readonly probed: string;
  /** The deadline, in seconds. */
  readonly seconds: number;
  /** What VFIO's reader printed of mediated devices, by UUID; `deadline`: the probe was ended. */
  readonly regions: ReadonlyMap<string, string>;
  /** Which time the bundle is started for it: 1 to 3. */
  readonly round: number;
  /** Now, in milliseconds since 1970. */
  readonly now: number;
  /** Where the host's cache and the records of realize views are. */
  readonly paths: Pick<Paths, "cache" | "realize">;
  /** How code plugins are run. */
  readonly plugins: PluginTerms;
  /** The deadline. */
  readonly signal: AbortSignal;
}

/** What was found. */
export interface Judged {
  readonly answer: Answer;
  readonly source: Facts | undefined;
  readonly destination: Facts | undefined;
  /** The devices that the guest is to get instead of those in the XML, by alias. */
  readonly rewritten: Readonly<Record<string, Rewritten>>;
  /** The XML with them; `undefined`: as it came. */
  readonly xml: string | undefined;
}

/** What has to be read of this host before anything can be said. */
export interface Needed {
  /** The architecture whose QEMU is not known here. */
  readonly arch: string | undefined;
  /** Whether libvirt is to be asked what its networks are. */
  readonly networks: boolean;
  /** The probe's arguments. */
  readonly ask: readonly string[];
}

/**
 * Reads the XML that libvirt hands over; where it is no guest, why.
 *
 * @param findNetworks Gives what is known of this host's; it is asked where the guest is on one.
 */
export function readGuestXml(
  xml: string,
  findNetworks: () => Networks = () => ({}),
): Domain | { readonly missing: Finding } {
  if (xml.trim() === "") return { missing: hookFinding("nothing-handed-over", undefined, {}) };
  try {
    const guest = parseDomain(xml);
    const isOnNetwork = guest.interfaces.length > 0 ||
      guest.hostDevices.some(({ kind }) => kind === "unknown-until-start");
    return isOnNetwork ? parseDomain(xml, findNetworks()) : guest;
  } catch (error) {
    if (!(error instanceof DomainXmlError)) throw error;
    return { missing: hookFinding("not-a-domain", undefined, { problem: error.message }) };
  }
}

/** Judges a guest that is about to arrive, or says what else has to be read first. */
export async function judgeArrival(
  guest: Domain,
  arrival: Arrival,
  config: Config,
): Promise<Judged | Needed> {
  const metadata = await readStampMetadata(guest.metadataElements);
  const { now, round, signal } = arrival;
  const isOffline = metadata.kind === "offline";
  const devices = wantDevices(guest);
  const { wanted } = devices;
  // A guest that is shut off has a new device from a pool at its next start.
  const findings = isOffline
    ? devices.findings.filter(({ code }) => code !== "network-may-be-pool")
    : devices.findings;
  const networks = round === 1 && !isOffline && guest.networks.length > 0;
  // An interface on a network that is no pool here may be a device of a pool on the source; only a stamp
  // tells that.
  const isPlain = wanted.length === 0 && !stampsAnInterface(metadata, guest);
  if (isPlain && (isOffline || !judgesPlainGuests(config))) {
    return networks ? { arch: undefined, networks, ask: [] } : withoutPairs(config, findings);
  }

  const destination = await readDestination(guest, arrival);
  if ("ask" in destination) return { ...destination, networks };
  if (networks) return { arch: undefined, networks, ask: [] };
  const source = await findSource(metadata, {
    uuid: guest.uuid,
    devices: devicesToStamp(guest),
    interfaces: interfaceAddresses(guest),
    host: await keyIds(destination.facts?.host ?? { name: "" }, guest.uuid ?? ""),
    now,
    maxAge: parseDuration(config.maxAge) ?? 0,
  }, {
    hosts: config.hosts,
    name: guest.name,
    attributes: declaredAttributes(config),
    // What is left is for the facts of the one that is found.
    patience: Math.min(MOST_PATIENCE_MS, arrival.seconds * 1000 / 4),
    signal,
  });
  const noted = [
    ...round > 1 ? [hookFinding("asked-anew", undefined, {})] : [],
    // Without devices nothing depends on them but what a policy asks for, and that says so itself.
    ...[...destination.findings, ...source.findings].map((finding): Finding =>
      isPlain ? { ...finding, severity: "info" } : finding
    ),
  ];
  if (source.facts !== undefined && destination.facts !== undefined) {
    return await judgeOnBoth(guest, arrival, config, {
      source: { ...source, facts: source.facts },
      destination: destination.facts,
      noted,
    });
  }
  const known = [...noted, ...findings];
  // Nothing is sent of a guest that is shut off.
  const judged = metadata.kind === "offline"
    ? withoutPairs(config, known)
    : await judgeWithChosen(config, arrival.plugins, (plugins) =>
      withoutPairs(config, known, {
        source: source.facts ?? NO_FACTS,
        destination: destination.facts ?? NO_FACTS,
        guest,
        plugins,
      }));
  return { ...judged, destination: destination.facts };
}

/** Where the guest has interfaces that may be devices of a pool on the source. */
export function interfaceAddresses({ interfaces, hostDevices }: Domain): string[] {
  const pooled = hostDevices.flatMap((device) =>
    device.kind === "unknown-until-start" ? [device] : []
  );
  return [...interfaces, ...pooled].flatMap(({ address }) =>
    address?.type === "pci" ? [address.bdf] : []
  );
}

/** Whether a stamp tells, or might have told, that one of the guest's interfaces is a device. */
function stampsAnInterface(metadata: StampMetadata, guest: Domain): boolean {
  if (guest.interfaces.length === 0) return false;
  if (metadata.kind !== "stamp") return metadata.kind === "unusable";
  const addresses = interfaceAddresses(guest);
  const isPlaced = addresses.length >= guest.interfaces.length;
  return metadata.stamp.devices.some((device) => !isPlaced || addresses.includes(device.guest));
}

async function judgeOnBoth(
  guest: Domain,
  arrival: Arrival,
  config: Config,
  { source, destination, noted }: {
    readonly source: Source & { readonly facts: Facts };
    readonly destination: Facts;
    readonly noted: readonly Finding[];
  },
): Promise<Judged | Needed> {
  const there = onSource(guest, source.devices);
  const { targets } = there;
  const own = config.guests[guest.uuid ?? ""];
  const onFailed = own?.onTrouble.policy ?? config.onTrouble.policy;
  const isRewritten = own?.rewrite ?? config.rewrite;
  const free = isRewritten
    ? await readFree(destination, new Set(targets.values()), arrival.signal)
    : { devices: destination.devices, findings: [] };
  const answer = await judgeWithChosen(config, arrival.plugins, (plugins) =>
    judge({
      registry: policySet(config, plugins),
      source: source.facts,
      destination: { ...destination, devices: free.devices },
      guest: there.guest,
      targets,
      ...isRewritten && { choose: policySet(config, plugins, onFailed) },
      arriving: there.pools,
      findings: [...noted, ...there.findings, ...findStrangers(there), ...free.findings],
    }));
  const { choices = [] } = answer;
  const unopened = findUnopened(choices, there.guest, arrival, {
    source: source.facts.devices,
    destination: free.devices,
  });
  if (unopened.length > 0) {
    const ask = [...new Set([...argumentsFor(guest), ...unopened])];
    return { arch: undefined, networks: false, ask };
  }
  const rewritten = rewrittenBy(choices, targets);
  const addresses = rewritten.map(([alias, { to }]) => [alias, to] as const);
  return {
    answer,
    source: source.facts,
    destination,
    rewritten: Object.fromEntries(rewritten),
    xml: rewritten.length > 0
      ? rewriteSources(arrival.xml, guest, Object.fromEntries(addresses))
      : undefined,
  };
}

/** Of a device that is not the source's the address is the destination's: it finds another there. */
function findStrangers({ guest, targets, pools }: OnSource): Finding[] {
  return wantDevices(guest).wanted.flatMap(({ name, address }) =>
    address === undefined || targets.has(name) || pools.has(name)
      ? []
      : [engineFinding("no-facts", name, { address, side: "the source" })]
  );
}

/** This host's mediated devices that are to be opened, where one that is wanted was not found. */
function findUnopened(
  choices: readonly Choice[],
  guest: Domain,
  { round, regions }: Arrival,
  devices: Readonly<Record<"source" | "destination", readonly CapturedDevice[]>>,
): string[] {
  if (round >= MOST_ROUNDS) return [];
  const lacking = choices.filter(({ address }) => address === undefined).map(({ name }) => name);
  const wants = wantDevices(guest).wanted.flatMap(({ name, address }) =>
    lacking.includes(name) ? [address] : []
  );
  return mdevsToOpen({
    wanted: devices.source.filter(({ address }) => wants.includes(address)),
    devices: devices.destination,
    tried: new Set(regions.keys()),
    isLast: round === MOST_ROUNDS - 1,
  });
}

/** The devices that were chosen in place of those in the XML. */
function rewrittenBy(
  choices: readonly Choice[],
  targets: ReadonlyMap<string, string>,
): [alias: string, Rewritten][] {
  return choices.flatMap(({ name, address: to }): [string, Rewritten][] => {
    const from = targets.get(name);
    return from === undefined || to === undefined || from === to ? [] : [[name, { from, to }]];
  });
}

/** This host's devices, with whether a guest has them. */
async function readFree(
  { devices }: Facts,
  named: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Pick<Facts, "devices"> & { readonly findings: readonly Finding[] }> {
  const inUse = await devicesInUse(signal);
  const problem = whyNotAllKnown(inUse);
  const unread = problem === undefined
    ? []
    : [{ ...engineFinding("guest-not-read", undefined, { problem }), severity: "warn" } as const];
  return {
    devices: devices.map((device) => {
      const known = { ...device, inUse: isInUse(device, inUse) };
      // Where only a guest that cannot be read may have the XML's own device, that is the device that
      // the guest gets without `rewrite`, too: libvirt and the kernel give none twice.
      const isOwn = inUse !== undefined && known.inUse === undefined && named.has(device.address);
      return isOwn ? { ...known, inUse: false } : known;
    }),
    findings: unread,
  };
}

async function devicesInUse(signal: AbortSignal): Promise<DevicesInUse | undefined> {
  try {
    return await findDevicesInUse(THIS_HOST, signal);
  } catch (error) {
    if (error instanceof VirshError) return undefined;
    throw error;
  }
}

interface Destination {
  readonly facts: Facts | undefined;
  readonly findings: readonly Finding[];
}

async function readDestination(
  guest: Domain,
  arrival: Arrival,
): Promise<Destination | Omit<Needed, "networks">> {
  let report: ProbeReport;
  try {
    report = parseProbeReport(arrival.probed);
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    const finding = arrival.regions.has("deadline")
      ? hookFinding("deadline-passed", undefined, { seconds: arrival.seconds })
      : hookFinding("destination-not-read", undefined, { problem: error.message });
    return { facts: undefined, findings: [finding] };
  }
  const { arch, emulator } = guest;
  // The launcher may have taken another element's text for the guest's QEMU.
  const kept = report.emulator !== undefined && report.emulator.path === emulator
    ? findHost(arrival.paths.cache, report.emulator, arrival.now)
    : undefined;
  const romFiles = romFilesOf(guest, { running: false });
  const files = filesToAsk(romFiles);
  const own = devicesToStamp(guest).map(({ source }) => source);
  const seen = new Set([...report.devices.map(({ address }) => address), ...report.absent]);
  const isSeen = (address: string): boolean => seen.has(address);
  const asks = emulator !== undefined && isPlainPath(emulator);
  const asksQemu = arrival.round === 1 && asks && kept === undefined;
  // What a pool hands out is known in the second round only, where libvirt had to be asked first.
  const isMissing = (arrival.round === 1 && (files.length > 0 || !own.every(isSeen))) ||
    (arrival.round <= 2 && !pooledOf(guest).every(isSeen));
  if (asksQemu || isMissing) {
    return {
      arch: asksQemu ? arch : undefined,
      ask: argumentsFor(guest),
    };
  }
  const { host: libvirt, replies } = kept ?? {};
  const facts = hostFacts({ probe: report, libvirt, replies, romFiles });
  return { facts: await withRegions(facts, arrival), findings: [] };
}

/** Puts VFIO's own view in place for devices of which sysfs shows nothing, or not the truth. */
async function withRegions(facts: Facts, { regions, paths, signal }: Arrival): Promise<Facts> {
  const readers = {
    read: ({ address }: VfioRegionRequest): Promise<VfioRegion | VfioRefusal> => {
      const answer = regions.get(address);
      const unread = { result: "failed", reason: "it was not opened" } as const;
      return Promise.resolve(answer === undefined ? unread : parseVfioAnswer(answer, ""));
    },
    find: findRealizeView,
    record: (): Promise<undefined> => Promise.resolve(undefined),
  };
  const options = { allowReset: false, records: paths.realize, only: isMediated };
  return await addRealizeViews(facts, options, signal, readers);
}

/** The probe's, for all that is to be read of this host for the guest alone. */
function argumentsFor(guest: Domain): string[] {
  const { emulator } = guest;
  return [
    ...emulator !== undefined && isPlainPath(emulator) ? ["--emulator", emulator] : [],
    ...filesToAsk(romFilesOf(guest, { running: false })).flatMap((path) => ["--file", path]),
    ...new Set([...devicesToStamp(guest).map(({ source }) => source), ...pooledOf(guest)]),
  ];
}

/** What the guest may get of networks that are pools. */
function pooledOf({ hostDevices }: Domain): string[] {
  return hostDevices.flatMap((device) =>
    device.kind === "unknown-until-start" ? device.pool?.devices ?? [] : []
  );
}

/** What the probe takes for a path; libvirt's are. */
function isPlainPath(path: string): boolean {
  return /^\/[A-Za-z0-9._/-]+$/.test(path) && !path.includes("..");
}

// As the launcher: for the emulator and what it missed, and for what is to be chosen from.
const MOST_ROUNDS = 3;
const NO_FACTS: SideFacts = { host: { name: "" }, devices: [] };

/**
 * An answer about no pair of devices.
 *
 * @param known What policies on the guest as a whole are asked about; absent: they are not.
 */
export function withoutPairs(
  config: Config,
  findings: readonly Finding[],
  known?: {
    readonly source: SideFacts;
    readonly destination: SideFacts;
    readonly guest: Domain;
    readonly plugins: PluginPolicies;
  },
): Judged {
  const registry = policySet(config, known?.plugins);
  const question = { source: NO_FACTS, destination: NO_FACTS, ...known, registry, findings };
  return {
    answer: answerWithoutPairs(question, known === undefined ? new Registry() : registry),
    source: undefined,
    destination: undefined,
    rewritten: {},
    xml: undefined,
  };
}
