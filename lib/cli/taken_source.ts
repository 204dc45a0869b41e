import { judgesPlainGuests, parseDuration } from "../config/config.ts";
import type { Guest } from "../facts/libvirt/guest.ts";
import { type LibvirtUri, LibvirtUriError, parseLibvirtUri } from "../facts/libvirt/uri.ts";
import type { CapturedDevice, Facts } from "../facts/mod.ts";
import { keyIds } from "../facts/probe/host_ids.ts";
import { readStampMetadata } from "../facts/stamp/stamp.ts";
import { devicesToStamp } from "../facts/stamp/stamp_guest.ts";
import { isMadeUp } from "../facts/vfio/realize_views.ts";
import { interfaceAddresses } from "../hook/arrival.ts";
import { hookFinding } from "../hook/codes.ts";
import { doubtMetadata, withOrigin } from "../hook/source.ts";
import { readOfflineMark } from "../hook/stamp_validity.ts";
import { wantDevices } from "../policy/guest.ts";
import type { Finding } from "../policy/mod.ts";
import type { DestinationRules } from "./destination_rules.ts";

/** What of a guest's source a hook on the destination goes by. */
export interface TakenSource {
  /** `undefined`: the hook would know nothing of it. */
  readonly facts: Facts | undefined;
  readonly findings: readonly Finding[];
  /** Where the facts come from, a sentence each. */
  readonly said: readonly string[];
}

/** A guest that runs on a host. */
export interface RunningGuest {
  readonly guest: Guest;
  /** Its host's libvirt. */
  readonly from: LibvirtUri;
  /** What its host tells now. */
  readonly live: Facts;
}

/**
 * Takes what a hook on the destination would (`findSource`): the guest's stamp, or what the source tells
 * now, if the hook would ask it. Where no hook decides, the second of these is always at hand.
 *
 * @param now In milliseconds since 1970.
 */
export async function takeSource(
  { guest: { uuid, domain }, from, live }: RunningGuest,
  destination: Facts,
  { config, isApplied, host }: DestinationRules,
  now: number,
): Promise<TakenSource> {
  const isPlain = wantDevices(domain).wanted.length === 0;
  if (isPlain && !judgesPlainGuests(config)) return { facts: live, findings: [], said: [] };
  const metadata = await readStampMetadata(domain.metadataElements);
  const doubt = doubtMetadata(metadata, {
    uuid,
    devices: devicesToStamp(domain),
    interfaces: interfaceAddresses(domain),
    host: await keyIds(destination.host, uuid),
    now,
    maxAge: parseDuration(config.maxAge) ?? 0,
  });
  if (metadata.kind === "stamp" && doubt === undefined) {
    const { time, facts } = metadata.stamp;
    // A stamp has none of what only both hosts together tell.
    const { networks, uuid: id = facts.host.uuid } = live.host;
    return {
      facts: { ...facts, host: { ...facts.host, uuid: id, networks } },
      findings: [],
      said: [
        `the source's facts are those of the guest's stamp, made on ${facts.host.name} at ${time}`,
      ],
    };
  }
  const doubts: Finding[] = doubt === undefined ? [] : [{ ...doubt, severity: "info" }];
  // Without devices nothing depends on them but what a policy asks for, and that says so itself.
  const noted = (findings: readonly Finding[]): Finding[] =>
    findings.map((finding) => isPlain ? { ...finding, severity: "info" } : finding);
  const marked = metadata.kind === "offline" && readOfflineMark(metadata.time, now);
  const said = marked && marked.code === "offline-migration"
    ? [
      `the guest runs, though it is marked as shut off: the hook of ${host} would compare no device`,
    ]
    : [];
  if (isApplied && !config.hosts.some((text) => isHost(text, [from.host, live.host.name]))) {
    const count = config.hosts.length;
    const unknown = count === 0
      ? doubt ?? hookFinding("no-stamp", undefined, {})
      : hookFinding("guest-not-found", undefined, { hosts: count });
    const findings = count === 0 ? [unknown] : [...doubts, unknown];
    return { facts: undefined, findings: noted(findings), said };
  }
  const { facts, findings } = await withOrigin(isApplied ? told(live) : live, domain, metadata);
  const isLess = isApplied && live.devices.some(isReadThere);
  const less = isLess ? ", without what its QEMUs hold: to a hook only a stamp tells that" : "";
  return {
    facts,
    findings: noted([...doubts, ...findings]),
    said: [...said, `the source's facts are those that ${live.host.name} tells now${less}`],
  };
}

/** What a hook on another host learns when it asks: neither what QEMUs hold, nor what is on record. */
function told(facts: Facts): Facts {
  const unread = { config: undefined, bars: undefined, romSize: undefined };
  return {
    ...facts,
    devices: facts.devices.map((device) => isReadThere(device) ? { ...device, ...unread } : device),
  };
}

function isReadThere(device: CapturedDevice): boolean {
  return isMadeUp(device) && device.config?.source === "vfio-region";
}

/** Whether a URI of a configuration leads to the host of one of these names. */
function isHost(text: string, names: readonly string[]): boolean {
  try {
    return names.includes(parseLibvirtUri(text).host);
  } catch (error) {
    if (error instanceof LibvirtUriError) return false;
    throw error;
  }
}
