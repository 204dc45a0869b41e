import type { Domain, GuestAddress, HostDevice } from "../domain/mod.ts";
import { captureSource } from "../facts/capture.ts";
import { isGone } from "../facts/libvirt/guest.ts";
import { type Claim, readClaim } from "../facts/libvirt/guests.ts";
import { type LibvirtUri, LibvirtUriError, parseLibvirtUri } from "../facts/libvirt/uri.ts";
import type { Facts } from "../facts/mod.ts";
import type { StampedDevice, StampMetadata } from "../facts/stamp/stamp.ts";
import { devicesToStamp, makeStamp } from "../facts/stamp/stamp_guest.ts";
import { romFilesOf } from "../facts/rom_files.ts";
import { ProbeRunError } from "../facts/probe/run_probe.ts";
import { VirshError } from "../facts/libvirt/virsh_error.ts";
import type { Finding, Pool } from "../policy/mod.ts";
import { engineFinding } from "../policy/engine_codes.ts";
import { hookFinding } from "./codes.ts";
import { doubtStamp, readOfflineMark, type StampTerms } from "./stamp_validity.ts";

/** What is known of the host that the guest comes from. */
export interface Source {
  /** Its facts; `undefined`: nothing is known. */
  readonly facts: Facts | undefined;
  /** The guest's devices there. */
  readonly devices: readonly StampedDevice[];
  /** What was found in looking for it. */
  readonly findings: readonly Finding[];
}

/** What is asked for where there is no stamp. */
export interface Asking {
  /** Libvirt URIs. */
  readonly hosts: readonly string[];
  /** The guest's name, as the XML that libvirt hands over has it. */
  readonly name: string;
  /** Names of sysfs attributes that policies declare. */
  readonly attributes?: readonly string[] | undefined;
  /** How long the other hosts are waited for when one sends the guest, in milliseconds. */
  readonly patience: number;
  /** The deadline. */
  readonly signal: AbortSignal;
}

const NOTHING = { facts: undefined, devices: [] };

/** What virsh calls a guest whose processors run; it calls a left-over "paused". */
const RUNNING = ["running", "idle"];

/** The source's facts: of the stamp, else of the configured host where the guest runs. */
export async function findSource(
  metadata: StampMetadata,
  terms: StampTerms,
  asking: Asking,
): Promise<Source> {
  const { hosts } = asking;
  const doubt = doubtMetadata(metadata, terms);
  if (metadata.kind === "stamp" && doubt === undefined) {
    const { facts, devices } = metadata.stamp;
    return { facts, devices, findings: [] };
  }
  if (metadata.kind === "offline") {
    return { ...NOTHING, findings: [readOfflineMark(metadata.time, terms.now)] };
  }
  if (hosts.length === 0 || terms.uuid === undefined) {
    return { ...NOTHING, findings: [doubt ?? hookFinding("no-stamp", undefined, {})] };
  }
  const noted: Finding[] = doubt === undefined ? [] : [{ ...doubt, severity: "info" }];
  return await askHosts({ ...terms, uuid: terms.uuid }, asking, metadata, noted);
}

/** Why what a guest has in its metadata is no stamp that is used. */
export function doubtMetadata(metadata: StampMetadata, terms: StampTerms): Finding | undefined {
  if (metadata.kind === "stamp") return doubtStamp(metadata.stamp, terms);
  if (metadata.kind !== "unusable") return undefined;
  return hookFinding("stamp-unusable", undefined, { reason: metadata.reason });
}

interface Asked extends Claim {
  readonly uri: LibvirtUri;
}

interface Unasked {
  readonly missing: VirshError | LibvirtUriError;
}

async function askHosts(
  terms: StampTerms & { readonly uuid: string },
  asking: Asking,
  metadata: StampMetadata,
  noted: readonly Finding[],
): Promise<Source> {
  const { name, attributes, signal } = asking;
  const answers = await gatherAnswers(terms, asking);
  const claims = answers.filter((answer): answer is Asked =>
    !("missing" in answer) && isClaim(answer, name)
  );
  // Where libvirt tells of the migration itself, no other host is the source.
  const leaving = claims.filter(({ isLeaving }) => isLeaving === true);
  const [source, ...others] = withoutRepeats(leaving.length > 0 ? leaving : claims);
  if (source === undefined) {
    const failed = answers.flatMap((answer) => whyNot(answer, name));
    const none = hookFinding("guest-not-found", undefined, { hosts: asking.hosts.length });
    return { ...NOTHING, findings: [...noted, ...failed.length > 0 ? failed : [none]] };
  }
  if (others.length > 0) {
    const hosts = [source, ...others].map(({ uri }) => uri.host).sort().join(", ");
    return {
      ...NOTHING,
      findings: [...noted, hookFinding("several-sources", undefined, { hosts })],
    };
  }
  try {
    const read = await readSource(source, terms.uuid, metadata, { attributes, signal });
    return { ...read, findings: [...noted, ...read.findings] };
  } catch (error) {
    if (!(error instanceof VirshError || error instanceof ProbeRunError)) throw error;
    return { ...NOTHING, findings: [...noted, notRead(error)] };
  }
}

/**
 * What the hosts answer: all of them, or those that do until the others have been waited for long
 * enough. One that is down must not take the time, and one that has the guest, too, must be heard.
 */
async function gatherAnswers(
  terms: StampTerms & { readonly uuid: string },
  { hosts, name, patience, signal }: Asking,
): Promise<(Asked | Unasked)[]> {
  using ended = new AbortOnEnd();
  const until = AbortSignal.any([signal, ended.signal]);
  const answers: (Asked | Unasked)[] = [];
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const all = hosts.map(async (host) => {
    try {
      const answer = await askHost(host, terms, until);
      answers.push(answer);
      if (isClaim(answer, name)) timer ??= setTimeout(resolve, patience);
    } catch (error) {
      if (!(error instanceof VirshError || error instanceof LibvirtUriError)) throw error;
      answers.push({ missing: error });
    }
  });
  try {
    await Promise.race([Promise.all(all), enough]);
    return [...answers];
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a host may be the source: it has the guest under this name, and sends it, or runs it. */
function isClaim({ guest, isLeaving }: Claim, name: string): boolean {
  return guest.name === name && (isLeaving ?? RUNNING.includes(guest.state));
}

/** A host may be configured by two names; two hosts of cloned firmware may have one UUID. */
function withoutRepeats(claims: readonly Asked[]): Asked[] {
  const idOf = ({ guest: { host: { uuid, name } } }: Asked): string | undefined =>
    uuid === undefined || name === undefined ? undefined : `${uuid} ${name}`;
  return claims.filter((claim, index) => {
    const id = idOf(claim);
    return id === undefined || claims.findIndex((other) => idOf(other) === id) === index;
  });
}

/** Why a host is not the source, where that is a finding. */
function whyNot(answer: Asked | Unasked, name: string): Finding[] {
  if ("missing" in answer) {
    const { missing } = answer;
    if (missing instanceof VirshError) return isGone(missing) ? [] : [notRead(missing)];
    const data = { host: "a host of config.yaml", problem: missing.message };
    return [hookFinding("host-not-read", undefined, data)];
  }
  const { uri: { host }, guest } = answer;
  return [
    guest.name === name
      ? hookFinding("guest-not-leaving", undefined, { host, state: guest.state })
      : hookFinding("guest-of-other-name", undefined, { host, name: guest.name, wanted: name }),
  ];
}

class AbortOnEnd extends AbortController implements Disposable {
  [Symbol.dispose](): void {
    this.abort();
  }
}

async function askHost(
  text: string,
  { uuid, host }: StampTerms & { readonly uuid: string },
  signal: AbortSignal,
): Promise<Asked> {
  const uri = parseLibvirtUri(text);
  // Libvirt here may have no time to answer: it waits for this hook, and perhaps for others.
  if (uri.isLocal || uri.host === host.name) {
    throw new VirshError("no-such-domain", uri, "this is the destination itself");
  }
  return { uri, ...await readClaim(uri, uuid, signal) };
}

function notRead({ code, host, found }: VirshError | ProbeRunError): Finding {
  const finding = hookFinding("host-not-read", undefined, { host, problem: found });
  // That the deadline passed is a finding of its own, and kind of trouble.
  return code === "timeout" ? { ...finding, severity: "info" } : finding;
}

async function readSource(
  { uri, guest: { domain } }: Asked,
  uuid: string,
  metadata: StampMetadata,
  { attributes, signal }: Pick<Asking, "attributes" | "signal">,
): Promise<Source> {
  const { arch, emulator } = domain;
  const addresses = devicesToStamp(domain).map(({ source }) => source);
  const probe = uri.ssh && { ssh: uri.ssh };
  const romFiles = romFilesOf(domain, { running: true });
  const request = { devices: addresses, attributes, romFiles, arch, emulator };
  const source = await captureSource({ uri, probe }, request, signal);
  return await withOrigin(source.withQemuOf(source.facts, uuid), domain, metadata);
}

/**
 * What a host tells now of a guest that runs there, with the bytes of the host where it was started: an
 * old stamp still has them.
 */
export async function withOrigin(
  facts: Facts,
  domain: Domain,
  metadata: StampMetadata,
): Promise<Source & { readonly facts: Facts }> {
  const devices = devicesToStamp(domain);
  const captured = new Set(facts.devices.map(({ address }) => address));
  const isWhole = devices.every(({ source }) => captured.has(source));
  if (!isWhole || metadata.kind !== "stamp" || metadata.stamp.guest !== domain.uuid) {
    const { name } = facts.host;
    return {
      facts,
      devices,
      findings: [hookFinding("origin-not-known", undefined, { host: name })],
    };
  }
  const time = facts.host.time ?? metadata.stamp.time;
  const origin = { kind: "incoming", since: undefined } as const;
  const made = { guest: domain, facts, time, origin, old: metadata, start: undefined };
  const stamp = await makeStamp(made);
  return { facts: stamp.facts, devices, findings: [] };
}

/** A guest as its source has it. */
export interface OnSource {
  /** With its devices as the source has them. */
  readonly guest: Domain;
  /** Where the XML has these on the destination. */
  readonly targets: ReadonlyMap<string, string>;
  /** The pools of the destination's networks that will give it the devices of these names. */
  readonly pools: ReadonlyMap<string, Pool>;
  /** Findings about its networks. */
  readonly findings: readonly Finding[];
}

/**
 * The guest with its devices as the source has them: paired by where the guest sees them, which a
 * migration keeps. An interface on a libvirt network is a device there if one of them is at its place.
 */
export function onSource(guest: Domain, devices: readonly StampedDevice[]): OnSource {
  const targets = new Map<string, string>();
  const pools = new Map<string, Pool>();
  const findings: Finding[] = [];
  const find = (address: GuestAddress | undefined): StampedDevice | undefined =>
    address?.type === "pci" ? devices.find(({ guest }) => guest === address.bdf) : undefined;
  const hostDevices = guest.hostDevices.flatMap((device): HostDevice[] => {
    if (device.kind === "other") return [device];
    const there = find(device.address);
    if (device.kind !== "unknown-until-start") {
      if (there === undefined) return [device];
      targets.set(device.alias, device.source);
      return [{ ...device, source: there.source }];
    }
    const { alias, network, pool, address, failover } = device;
    if (pool === undefined || address?.type !== "pci" || failover !== undefined) return [device];
    if (there === undefined) {
      const data = { network, pool: "the destination", plain: "the source" };
      findings.push(engineFinding("network-kinds-differ", alias, data));
      return [];
    }
    if (pool.devices.length === 0) return [device];
    pools.set(alias, { network, devices: pool.devices });
    return [{ ...device, source: there.source }];
  });
  for (const { network, address } of guest.interfaces) {
    // Of one that is not known that is said already.
    if (guest.networks.includes(network) || find(address) === undefined) continue;
    const data = { network, pool: "the source", plain: "the destination" };
    findings.push(engineFinding("network-kinds-differ", undefined, data));
  }
  return { guest: { ...guest, hostDevices }, targets, pools, findings };
}
