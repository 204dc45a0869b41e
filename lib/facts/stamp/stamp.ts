import { PremigrateError } from "../../error/mod.ts";
import { decodeBase64, encodeBase64 } from "@std/encoding/base64";
import { deflateSync, Inflate } from "fflate";
import * as v from "valibot";
import type { MetadataElement } from "../../domain/mod.ts";
import { sha256 } from "../sha256.ts";
import { keyIds } from "../probe/host_ids.ts";
import { oneLine } from "../one_line.ts";
import { AnyFactsSchema } from "../old_keys.ts";
import type { CapturedDevice, CapturedHost, Facts } from "../schema.ts";
import { factsJson } from "../write.ts";
import { UUID } from "../../domain/uuid.ts";

/** The XML namespace of what premigrate keeps in a domain's `<metadata>`. */
export const STAMP_NAMESPACE = "urn:premigrate:stamp";
/** Its prefix: what libvirt calls the key. */
export const STAMP_KEY = "premigrate";

/** What is known of a running guest's devices on its host: it travels in the domain XML. */
export interface Stamp {
  /** The guest's UUID. */
  readonly guest: string;
  /** When the host's facts were read, in ISO 8601. */
  readonly time: string;
  /** The guest's devices. */
  readonly devices: readonly StampedDevice[];
  /** Facts of the host and of these devices, as far as a verdict may need them. */
  readonly facts: Facts;
}

/** Where a device is. */
export interface StampedDevice {
  /** Its PCI address in the guest, which a migration keeps. */
  readonly guest: string;
  /** Its address on the host. */
  readonly source: string;
}

/** What premigrate has in a domain's `<metadata>`. */
export type StampMetadata =
  | { readonly kind: "stamp"; readonly stamp: Stamp }
  /** The operator says that the guest is migrated while it is shut off. */
  | { readonly kind: "offline"; readonly time: string }
  | { readonly kind: "none" }
  | { readonly kind: "unusable"; readonly reason: string };

/** A stamp that cannot be made. */
export class StampError extends PremigrateError {
  /** `problem` ends the message. */
  constructor(problem: string) {
    super("stamp", "Cannot make the stamp", problem);
  }
}

const VERSION = "1";
/**
 * Facts that the first readers of stamps do not know: they take no key but theirs, and any text for a
 * note. So these travel as the facts' note: of config bytes those of the view that they do not know.
 */
const LATER_FACTS: {
  readonly host: readonly (keyof CapturedHost)[];
  readonly device: readonly (keyof CapturedDevice)[];
} = { host: ["romFiles"], device: ["config"] };
// Reasons are for people; nothing is decided by them.
const MOST_REASONS = 64;
const LONGEST_TEXT = 256 * 1024;
const LARGEST_JSON = 4 * 1024 * 1024;
// Deflate makes at most 1032 bytes of one, so that a bomb is noticed after half a megabyte.
const INFLATE_STEP = 512;

const Time = v.pipe(v.string(), v.isoTimestamp());
const GuestAddress = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/, "wanted DDDD:BB:SS.F"),
);
// A host's and a boot's are UUIDs wherever libvirt and Linux tell them; it needs no escapes in XML.
const ID = /^[0-9A-Za-z._:-]{1,64}$/;

const StampSchema = v.strictObject({
  premigrate: v.literal("stamp/1"),
  guest: v.pipe(v.string(), v.regex(UUID)),
  time: Time,
  devices: v.pipe(
    v.array(v.strictObject({ guest: GuestAddress, source: v.string() })),
    v.maxLength(1024),
  ),
  facts: AnyFactsSchema,
});

/** What stands in a stamp's note. */
const LaterText = v.pipe(
  v.string(),
  v.parseJson(),
  v.looseObject({
    premigrate: v.literal("later/1"),
    host: v.record(v.string(), v.unknown()),
    devices: v.array(v.record(v.string(), v.unknown())),
  }),
);
const WithLater = v.looseObject({
  facts: v.looseObject({
    note: LaterText,
    host: v.record(v.string(), v.unknown()),
    devices: v.array(v.record(v.string(), v.unknown())),
  }),
});

/**
 * Writes a stamp as the element that {@linkcode readStampMetadata} reads back. Everybody who may read
 * the guest's XML reads it, so it holds what policies are given, and no more: of the host's ids only
 * what {@linkcode keyIds} makes of them.
 *
 * With 4096 bytes of config space (most of them 0) a stamp of one device takes 1.4 KB, of
 * eight alike devices 1.8 KB; were all bytes random, 7.9 KB and 53 KB. Attributes that policies
 * declare come on top: eight devices with 32 of 64 random characters each take 19 KB.
 *
 * @throws {StampError} When it does not fit its own schema or bounds.
 *
 * @example
 * ```ts
 * import { parseDomain, setMetadata } from "premigrate/domain";
 * import { parseFacts } from "premigrate";
 * import { assertEquals } from "@std/assert";
 *
 * const facts = parseFacts('{"premigrate":"facts/1","host":{"name":"hosta"},"devices":[]}');
 * const guest = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";
 * const element = await writeStamp({ guest, time: "2026-01-01T00:00:00Z", devices: [], facts });
 *
 * const xml = `<domain type='kvm'><name>web1</name><uuid>${guest}</uuid></domain>`;
 * const stamped = setMetadata(xml, parseDomain(xml), STAMP_NAMESPACE, element);
 * const read = await readStampMetadata(parseDomain(stamped).metadataElements);
 * assertEquals(read.kind === "stamp" && read.stamp.facts, facts);
 * ```
 */
export async function writeStamp(stamp: Stamp): Promise<string> {
  const { guest, time, devices } = stamp;
  const facts = factsJson(setLaterApart(await carried(stamp.facts, guest)));
  const json = JSON.stringify({ premigrate: "stamp/1", guest, time, devices, facts });
  const checked = parseStamp(json);
  if (typeof checked === "string") throw new StampError(checked);

  const bytes = new TextEncoder().encode(json);
  const text = encodeBase64(deflateSync(bytes, { level: 9 }));
  if (bytes.length > LARGEST_JSON || text.length > LONGEST_TEXT) {
    throw new StampError(`too large: ${text.length} characters, wanted ${LONGEST_TEXT} at most`);
  }
  const { uuid, bootId } = checked.facts.host;
  const attributes = { version: VERSION, host: uuid, boot: bootId, time };
  return element("stamp", { ...attributes, digest: await sha256(bytes) }, text);
}

/** Writes the mark of a guest that is about to be migrated while it is shut off. */
export function writeOfflineMark(time: string): string {
  return element("offline", { time });
}

/**
 * An element of ours as `virsh metadata --set` wants it: libvirt declares the namespace itself
 * (`virXMLInjectNamespace`).
 */
export function withoutNamespace(element: string): string {
  return element.replace(/^<premigrate:(\w+) xmlns:premigrate="[^"]*"/, "<$1")
    .replace(/<\/premigrate:(\w+)>$/, "</$1>");
}

/**
 * Reads what premigrate has in a domain's `<metadata>`, in bounded time and memory. Anybody may have
 * written there: whatever is damaged, too large or contradicts itself is unusable, never an error.
 */
export async function readStampMetadata(
  elements: readonly MetadataElement[],
): Promise<StampMetadata> {
  const ours = elements.filter(({ namespace }) => namespace === STAMP_NAMESPACE);
  const [element] = ours;
  if (element === undefined) return { kind: "none" };
  if (ours.length > 1) return unusable(`${ours.length} elements, wanted one`);
  const { name, attributes, text } = element;
  if (name === "offline") {
    const { success, output } = v.safeParse(Time, attributes["time"]);
    return success ? { kind: "offline", time: output } : unusable("the mark has no time");
  }
  if (name !== "stamp") return unusable(`<${name}>, wanted a stamp`);
  if (attributes["version"] !== VERSION) {
    return unusable(`version ${attributes["version"]}, wanted ${VERSION}`);
  }
  const bytes = unpack(text.trim());
  if (typeof bytes === "string") return unusable(bytes);
  if (await sha256(bytes) !== attributes["digest"]) return unusable("it is not what was written");
  const stamp = parseStamp(new TextDecoder().decode(bytes));
  if (typeof stamp === "string") return unusable(stamp);
  const { host } = stamp.facts;
  const said = { host: host.uuid, boot: host.bootId, time: stamp.time };
  for (const [name, value] of Object.entries(said)) {
    if (attributes[name] !== value) return unusable(`its attribute ${name} says something else`);
  }
  // The first writers of stamps put the ids themselves there.
  const facts = { ...stamp.facts, host: await keyIds(host, stamp.guest) };
  return { kind: "stamp", stamp: { ...stamp, facts } };
}

function unusable(reason: string): StampMetadata {
  return { kind: "unusable", reason: oneLine(reason) };
}

/** What the JSON says; or why it is no stamp. */
function parseStamp(json: string): Stamp | string {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { success, output, issues } = v.safeParse(StampSchema, withLater(value), {
    abortEarly: true,
  });
  if (!success) return `at ${v.getDotPath(issues[0])}: ${issues[0].message}`;
  const { guest, time, devices, facts } = output;
  const { uuid = "-", bootId = "-" } = facts.host;
  if (!ID.test(uuid) || !ID.test(bootId)) return "the ids of the host and its boot are none";
  const known = new Set(facts.devices.map(({ address }) => address));
  const stranger = devices.find(({ source }) => !known.has(source));
  if (stranger !== undefined) return `no facts of the device ${stranger.source}`;
  if (
    known.size < facts.devices.length ||
    new Set(devices.map(({ guest }) => guest)).size < devices.length
  ) return "it has a device twice";
  return { guest, time, devices, facts: withFewReasons(facts) };
}

/** What policies are given (`HostFacts`, `DeviceFacts`), where it comes from, and why some is missing. */
async function carried({ premigrate, host, devices }: Facts, guest: string): Promise<Facts> {
  const carriedHost = {
    ...await keyIds(host, guest),
    machineTypes: undefined,
    networks: undefined,
    emulator: undefined,
    modules: undefined,
  };
  const carriedDevices = devices.map((device): CapturedDevice => ({
    ...device,
    iommuGroup: undefined,
    parent: undefined,
    vfIndex: undefined,
    powerState: undefined,
    resetMethods: undefined,
  }));
  return withFewReasons({ premigrate, host: carriedHost, devices: carriedDevices });
}

function setLaterApart({ premigrate, host, devices }: Facts): Facts {
  const laterDevices = devices.map(({ address, config }): CapturedDevice => ({
    address,
    config: config?.kind === "running" ? config : undefined,
  }));
  const { devices: written } = factsJson({ premigrate, host, devices: laterDevices });
  const later = { premigrate: "later/1", host: pick(host, LATER_FACTS.host), devices: written };
  const isEmpty = Object.keys(later.host).length === 0 &&
    laterDevices.every(({ config }) => config === undefined);
  return {
    premigrate,
    ...isEmpty ? {} : { note: JSON.stringify(later) },
    host: { ...host, ...without(LATER_FACTS.host) },
    devices: devices.map((device, index) =>
      laterDevices[index]?.config === undefined ? device : { ...device, config: undefined }
    ),
  };
}

/** What is to be a stamp, with the facts of its note where they belong. */
function withLater(value: unknown): unknown {
  const { success, output } = v.safeParse(WithLater, value);
  if (!success) return value;
  const { note, ...facts } = output.facts;
  return {
    ...output,
    facts: {
      ...facts,
      host: { ...facts.host, ...pick(note.host, LATER_FACTS.host) },
      devices: facts.devices.map((device, index) => ({
        ...device,
        ...pick(note.devices[index] ?? {}, LATER_FACTS.device),
      })),
    },
  };
}

function pick<K extends string>(
  facts: Readonly<Partial<Record<K, unknown>>>,
  names: readonly K[],
): Record<string, unknown> {
  return Object.fromEntries(
    names.flatMap((name) => facts[name] === undefined ? [] : [[name, facts[name]]]),
  );
}

function without(names: readonly string[]): Record<string, undefined> {
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

function withFewReasons({ host, devices, premigrate }: Facts): Facts {
  const fewReasons = <T extends CapturedHost | CapturedDevice>(known: T): T =>
    known.missing === undefined ? known : {
      ...known,
      missing: Object.fromEntries(
        Object.entries(known.missing).slice(0, MOST_REASONS)
          .map(([name, why]) => [name, oneLine(why)]),
      ),
    };
  return { premigrate, host: fewReasons(host), devices: devices.map(fewReasons) };
}
/** The bytes that were packed, at most `LARGEST_JSON`; or why there are none. */
function unpack(text: string): Uint8Array<ArrayBuffer> | string {
  if (text.length > LONGEST_TEXT) {
    return `${text.length} characters, wanted ${LONGEST_TEXT} at most`;
  }
  try {
    const packed = decodeBase64(text);
    const parts: Uint8Array[] = [];
    let size = 0;
    const inflate = new Inflate((part) => {
      size += part.length;
      parts.push(part);
    });
    for (let at = 0; at < packed.length && size <= LARGEST_JSON; at += INFLATE_STEP) {
      const end = at + INFLATE_STEP;
      inflate.push(packed.subarray(at, end), end >= packed.length);
    }
    if (size > LARGEST_JSON) return `it unpacks to more than ${LARGEST_JSON} bytes`;
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function element(
  name: string,
  attributes: Readonly<Record<string, string | undefined>>,
  text = "",
): string {
  const written = Object.entries(attributes)
    .flatMap(([name, value]) => value === undefined ? [] : [` ${name}="${value}"`]);
  const tag = `${STAMP_KEY}:${name}`;
  const start = `<${tag} xmlns:${STAMP_KEY}="${STAMP_NAMESPACE}"${written.join("")}`;
  return text === "" ? `${start}/>` : `${start}>${text}</${tag}>`;
}
