import type { Domain } from "../domain/mod.ts";
import { captureHost } from "../facts/capture.ts";
import { readGuest } from "../facts/libvirt.ts";
import type { Guest } from "../facts/libvirt_guest.ts";
import { type LibvirtUri, LibvirtUriError, parseLibvirtUri } from "../facts/libvirt_uri.ts";
import { parseDomain } from "../domain/mod.ts";
import type { Facts } from "../facts/mod.ts";
import type { StampedDevice, StampMetadata } from "../facts/stamp.ts";
import { devicesToStamp, makeStamp } from "../facts/stamp_guest.ts";
import { romFilesOf } from "../facts/rom_files.ts";
import { ProbeRunError } from "../facts/probe.ts";
import { VirshError } from "../facts/virsh_error.ts";
import { engineFinding, type Finding } from "../policy/mod.ts";
import { doubtStamp, readOfflineMark, type StampTerms } from "./believe.ts";

/** What is known of the host that the guest comes from. */
export interface Source {
  /** Its facts; `undefined`: nothing is known. */
  readonly facts: Facts | undefined;
  /** The guest's devices there. */
  readonly devices: readonly StampedDevice[];
  /** What there is to say of where this comes from. */
  readonly findings: readonly Finding[];
}

/** What is asked for where there is no stamp. */
export interface Asking {
  /** Libvirt URIs. */
  readonly hosts: readonly string[];
  /** Names of sysfs attributes that policies declare. */
  readonly attributes?: readonly string[] | undefined;
  /** The deadline. */
  readonly signal: AbortSignal;
}

const NOTHING = { facts: undefined, devices: [] };

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
    return { ...NOTHING, findings: [doubt ?? engineFinding("no-stamp", undefined, {})] };
  }
  const noted: Finding[] = doubt === undefined ? [] : [{ ...doubt, severity: "info" }];
  return await askHosts({ ...terms, uuid: terms.uuid }, asking, metadata, noted);
}

function doubtMetadata(metadata: StampMetadata, terms: StampTerms): Finding | undefined {
  if (metadata.kind === "stamp") return doubtStamp(metadata.stamp, terms);
  if (metadata.kind !== "unusable") return undefined;
  return engineFinding("stamp-unusable", undefined, { reason: metadata.reason });
}

interface Asked {
  readonly uri: LibvirtUri;
  readonly guest: Guest;
}

async function askHosts(
  terms: StampTerms & { readonly uuid: string },
  { hosts, attributes, signal }: Asking,
  metadata: StampMetadata,
  noted: readonly Finding[],
): Promise<Source> {
  using found = new AbortOnEnd();
  const asking = AbortSignal.any([signal, found.signal]);
  try {
    // The first that runs it; another that is down must not take the time.
    const asked = await Promise.any(hosts.map((host) => askHost(host, terms, asking)));
    const source = await readSource(asked, terms.uuid, metadata, { attributes, signal });
    return { ...source, findings: [...noted, ...source.findings] };
  } catch (error) {
    if (error instanceof VirshError || error instanceof ProbeRunError) {
      return { ...NOTHING, findings: [...noted, notRead(error)] };
    }
    if (!(error instanceof AggregateError)) throw error;
    const failed = error.errors.flatMap((reason) => {
      if (reason instanceof VirshError) return isElsewhere(reason) ? [] : [notRead(reason)];
      if (!(reason instanceof LibvirtUriError)) throw reason;
      const data = { host: "a host of config.yaml", problem: reason.message };
      return [engineFinding("host-not-read", undefined, data)];
    });
    const none = engineFinding("guest-not-found", undefined, { hosts: hosts.length });
    return { ...NOTHING, findings: [...noted, ...failed.length > 0 ? failed : [none]] };
  }
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
  return { uri, guest: await readGuest(uri, uuid, signal) };
}

function isElsewhere({ code }: VirshError): boolean {
  return code === "no-such-domain" || code === "not-running";
}

function notRead({ code, host, found }: VirshError | ProbeRunError): Finding {
  const finding = engineFinding("host-not-read", undefined, { host, problem: found });
  // That the deadline passed is a finding of its own, and kind of trouble.
  return code === "timeout" ? { ...finding, severity: "info" } : finding;
}

async function readSource(
  { uri, guest }: Asked,
  uuid: string,
  metadata: StampMetadata,
  { attributes, signal }: Omit<Asking, "hosts">,
): Promise<Source> {
  const domain = parseDomain(guest.xml);
  const devices = devicesToStamp(domain);
  const { arch, emulator } = domain;
  const addresses = devices.map(({ source }) => source);
  const probe = uri.ssh && { ssh: uri.ssh };
  const romFiles = romFilesOf(domain, { running: true });
  const request = { devices: addresses, attributes, romFiles, arch, emulator };
  const facts = await captureHost({ uri, probe }, request, signal);
  // An old stamp still has the bytes of the host where the guest was started.
  const captured = new Set(facts.devices.map(({ address }) => address));
  const isWhole = addresses.every((address) => captured.has(address));
  if (!isWhole || metadata.kind !== "stamp" || metadata.stamp.guest !== uuid) {
    const { name } = facts.host;
    return {
      facts,
      devices,
      findings: [engineFinding("origin-not-known", undefined, { host: name })],
    };
  }
  const time = facts.host.time ?? metadata.stamp.time;
  const origin = { kind: "incoming", since: undefined } as const;
  const made = { guest: domain, facts, time, origin, old: metadata, start: undefined };
  const stamp = await makeStamp(made);
  return { facts: stamp.facts, devices, findings: [] };
}

/** The guest with its devices as the source has them, and where the XML has them on the destination. */
export function onSource(
  guest: Domain,
  devices: readonly StampedDevice[],
): { readonly guest: Domain; readonly targets: ReadonlyMap<string, string> } {
  const targets = new Map<string, string>();
  const hostDevices = guest.hostDevices.map((device) => {
    if (device.kind !== "pci" && device.kind !== "mdev") return device;
    const { address } = device;
    const there = address?.type === "pci"
      ? devices.find(({ guest }) => guest === address.bdf)
      : undefined;
    if (there === undefined) return device;
    targets.set(device.alias, device.source);
    return { ...device, source: there.source };
  });
  return { guest: { ...guest, hostDevices }, targets };
}
