import { blankMetadata, findMetadata, MetadataScanError } from "./metadata_scan.ts";

/** The host devices that a document names, where its words are all there is to go by. */
export interface NamedDevices {
  /** `DDDD:BB:SS.F` and UUIDs of mediated devices. */
  readonly addresses: readonly string[];
  /** An argument may add one that it does not name in a way that is known here. */
  readonly mayHideMore: boolean;
}

const SOURCE = /<source\b[^<>]*>\s*<address\b([^<>]*)\/>/g;
const ARGUMENT = /<[\w.-]+:arg\b[^<>]*>/g;
const NUMBERS = ["domain", "bus", "slot", "function"].map((name) =>
  new RegExp(`\\b${name}=['"](0[xX][0-9a-fA-F]+|[0-9]+)['"]`)
);
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;
/** As QEMU takes it (`qdev_prop_set_pci_host_devaddr`): the domain may be left out. */
const BDF =
  /(?<![0-9a-f:])(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([01]?[0-9a-f])\.([0-7])(?![0-9a-f])/gi;

/**
 * Finds the host devices that a live document of libvirt's names as the source of something, or that
 * an argument of its names, whatever else is in it; what is in `<metadata>` names none. It is for
 * documents that {@linkcode parseDomain} refuses, and for what it does not look into.
 *
 * @example
 * ```ts
 * import { namedDevices } from "./named_devices.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const arg = "<qemu:arg value='vfio-pci,host=3b:00.4'/>";
 * assertEquals(namedDevices(arg), { addresses: ["0000:3b:00.4"], mayHideMore: false });
 * ```
 */
export function namedDevices(xml: string): NamedDevices {
  const text = withoutMetadata(xml);
  const sources = Array.from(text.matchAll(SOURCE), ([, attributes = ""]) => [
    ...attributes.match(UUID) ?? [],
    ...addressOf(attributes),
  ]);
  const byHand = Array.from(text.matchAll(ARGUMENT), ([argument]) => ({
    argument,
    addresses: [
      ...argument.match(UUID) ?? [],
      ...Array.from(
        argument.matchAll(BDF),
        ([, domain = "0", bus = "", slot = "", fn = ""]) => spell([domain, bus, slot, fn]),
      ),
    ],
  })).filter(({ argument }) => /vfio|readconfig|\\u/.test(argument));
  const addresses = [...sources, ...byHand.map(({ addresses }) => addresses)].flat();
  return {
    addresses: [...new Set(addresses.map((address) => address.toLowerCase()))],
    mayHideMore: byHand.some(({ addresses }) => addresses.length === 0),
  };
}

function addressOf(attributes: string): string[] {
  const found = NUMBERS.map((number) => number.exec(attributes)?.[1]);
  return found.includes(undefined)
    ? []
    : [spell(found.map((number) => Number(number).toString(16)))];
}

function spell([domain = "", bus = "", slot = "", fn = ""]: readonly string[]): string {
  return `${domain.padStart(4, "0")}:${bus.padStart(2, "0")}:${slot.padStart(2, "0")}.${fn}`;
}

function withoutMetadata(xml: string): string {
  try {
    return blankMetadata(xml, findMetadata(xml));
  } catch (error) {
    // libvirt writes no such document: all that is in it counts.
    if (error instanceof MetadataScanError) return xml;
    throw error;
  }
}
