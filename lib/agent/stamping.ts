import type { Domain } from "../domain/mod.ts";
import { captureSource, type SourceHost } from "../facts/capture.ts";
import { readGuestOrigin } from "../facts/stamp/guest_origin.ts";
import { isGone } from "../facts/libvirt/guest.ts";
import { listRunning, readGuests } from "../facts/libvirt/guests.ts";
import {
  type Facts,
  readStampMetadata,
  type Stamp,
  STAMP_NAMESPACE,
  StampError,
  withoutNamespace,
} from "../facts/mod.ts";
import { romFilesOf } from "../facts/rom_files.ts";
import { devicesToStamp, makeStamp, writeFitting } from "../facts/stamp/stamp_guest.ts";
import { findStart, recordStart } from "../facts/vfio/start_records.ts";
import { THIS_HOST } from "../facts/libvirt/uri.ts";
import type { VirshError } from "../facts/libvirt/virsh_error.ts";
import type { Unanswered } from "../facts/libvirt/virsh_script.ts";
import type { Paths } from "../config/paths.ts";
import {
  findGuests,
  setElements,
  type StampedView,
  type StampOutcome,
  type StampResult,
} from "./guest_metadata.ts";

// What virsh takes as one argument (MAX_ARG_STRLEN), less the rest of the command.
const LONGEST_ELEMENT = 119_000;

/** What is kept of QEMUs, of kinds of device and of guests' starts. */
export type StampPaths = Pick<Paths, "emulators" | "realize" | "started">;

interface Made {
  readonly outcome: StampOutcome;
  /** What its metadata is to have of ours; absent: what it has. */
  readonly set?: string | "nothing";
}

/**
 * Puts stamps into the live XML of guests that run on this host; never into the persistent one,
 * where they would come back with the next start. A guest that cannot be stamped does not keep the
 * others from it.
 *
 * @param asked Names or UUIDs; `all`: the running guests that have devices.
 * @param attributes Names of sysfs attributes that policies declare.
 *
 * @throws {VirshError} When libvirt gives no answer.
 * @throws {ProbeRunError} When the host's devices cannot be read.
 */
export async function stampGuests(
  asked: readonly string[] | "all",
  paths: StampPaths,
  signal: AbortSignal,
  attributes: readonly string[] = [],
): Promise<StampResult[]> {
  const found = findGuests(asked, await listRunning(THIS_HOST, signal));
  const uuids = new Set(found.flatMap(({ guest }) => guest?.uuid ?? []));
  const domains = await readDomains(uuids, signal);
  const host = await capture([...domains.values()], attributes, paths, signal);

  const made: (StampResult & Made)[] = [];
  for (const one of found) {
    const domain = domains.get(one.guest?.uuid ?? "");
    if (asked === "all" && domain !== undefined && "missing" in domain && isGone(domain.missing)) {
      continue;
    }
    made.push({ ...one, ...await stampOf(domain, host, paths, signal) });
  }
  const elements = new Map(
    made.flatMap(({ guest, set }) =>
      guest && set !== undefined ? [[guest.uuid, set === "nothing" ? undefined : set]] : []
    ),
  );
  const errors = await setElements(elements, "live", signal);
  const results = made.map(({ asked, guest, outcome }): StampResult => {
    const error = errors.get(guest?.uuid ?? "");
    return { asked, guest, outcome: error === undefined ? outcome : outcomeOf(error) };
  });
  return asked === "all" ? results.filter(({ outcome }) => outcome.kind !== "no-devices") : results;
}

/** The guests' live XML, or why it cannot be read, by UUID. */
async function readDomains(
  uuids: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Map<string, Domain | Unanswered>> {
  if (uuids.size === 0) return new Map();
  const guests = await readGuests(THIS_HOST, [...uuids], signal);
  return new Map(
    [...uuids].flatMap((uuid, index) => {
      const guest = guests[index];
      if (guest === undefined) return [];
      return [[uuid, "missing" in guest ? guest : guest.domain]];
    }),
  );
}

/** Reads the host and all devices of the guests at once; `undefined` where they have none. */
async function capture(
  domains: readonly (Domain | Unanswered)[],
  attributes: readonly string[],
  { emulators, realize: records }: StampPaths,
  signal: AbortSignal,
): Promise<SourceHost | undefined> {
  const devices = domains.flatMap((domain) =>
    "missing" in domain ? [] : devicesToStamp(domain).map(({ source }) => source)
  );
  const isStamped = domains.some((domain) => !("missing" in domain) && hasOurs(domain));
  if (devices.length === 0 && !isStamped) return undefined;
  const romFiles = domains.flatMap((domain) =>
    "missing" in domain ? [] : romFilesOf(domain, { running: true })
  );
  const guests = domains.flatMap((domain) =>
    "missing" in domain || domain.uuid === undefined
      ? []
      : [{ uuid: domain.uuid, devices: devicesToStamp(domain).map(({ source }) => source) }]
  );
  const request = {
    devices: [...new Set(devices)],
    attributes,
    romFiles,
    running: { records, guests },
  };
  return await captureSource({ uri: THIS_HOST, probe: {}, emulators }, request, signal);
}

function hasOurs({ metadataElements }: Domain): boolean {
  return metadataElements.some(({ namespace }) => namespace === STAMP_NAMESPACE);
}

async function stampOf(
  domain: Domain | Unanswered | undefined,
  host: SourceHost | undefined,
  { started }: StampPaths,
  signal: AbortSignal,
): Promise<Made> {
  if (domain === undefined) return failed("no such guest runs on this host");
  if ("missing" in domain) return { outcome: outcomeOf(domain.missing) };
  const isBare = devicesToStamp(domain).length === 0;
  if (host === undefined || (isBare && !hasOurs(domain))) {
    return { outcome: { kind: "no-devices" } };
  }
  const { name, uuid = "" } = domain;
  if (isBare) {
    keepUnplugged(started, uuid, host.facts);
    return { outcome: { kind: "removed" }, set: "nothing" };
  }
  const start = findStart(started, uuid);
  const made = {
    guest: domain,
    facts: host.withQemuOf(host.facts, uuid),
    time: host.facts.host.time ?? new Date().toISOString(),
    origin: await readGuestOrigin({ name, uuid }, signal),
    old: await readStampMetadata(domain.metadataElements),
    start: "missing" in start ? undefined : start,
  };
  try {
    const { stamp, element } = await writeFitting(await makeStamp(made), LONGEST_ELEMENT);
    const size = withoutNamespace(element).length;
    const { time } = stamp;
    return { outcome: { kind: "stamped", devices: viewsOf(stamp), size, time }, set: element };
  } catch (error) {
    if (error instanceof StampError) return failed(error.problem);
    throw error;
  }
}

/**
 * A guest without devices has nothing to tell of its host, and who writes its metadata is not to
 * learn it. That it was seen without any is kept here: one that is plugged in later is a new one.
 */
function keepUnplugged(dir: string, guest: string, { host: { time, bootId } }: Facts): void {
  if (time === undefined || bootId === undefined) return;
  recordStart(dir, { guest, time, bootId, devices: [] });
}

function viewsOf({ facts }: Stamp): StampedView[] {
  return facts.devices.map(({ address, config, missing }) => ({
    address,
    config: config?.kind,
    missing: config === undefined ? missing?.["realizeView"] ?? missing?.["config"] : undefined,
  }));
}

function failed(reason: string): Made {
  return { outcome: { kind: "failed", reason } };
}

function outcomeOf({ found }: VirshError): StampOutcome {
  return { kind: "failed", reason: found };
}
