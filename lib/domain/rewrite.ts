import type { Domain } from "./domain.ts";
import type { MdevDevice, PciDevice } from "./host_device.ts";
import { UUID } from "./uuid.ts";

/**
 * Gives host devices other source addresses; every byte that is not part of one stays as it is.
 *
 * @param xml The string that `domain` was read from.
 * @param sources Aliases of devices, with the PCI address (`0000:3b:00.4`) or mdev UUID each is to
 * have.
 *
 * @throws {RangeError} When the domain has no PCI or mediated device of that alias, or the address
 * is not of the device's kind.
 *
 * @example
 * ```ts
 * import { parseDomain, rewriteSources } from "premigrate/domain";
 * import { assertEquals } from "@std/assert";
 *
 * const xml = `<domain type='kvm'><name>web1</name><devices>
 *   <hostdev mode='subsystem' type='mdev' model='vfio-pci'>
 *     <source><address uuid='c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01'/></source>
 *   </hostdev></devices></domain>`;
 * const other = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";
 *
 * const rewritten = rewriteSources(xml, parseDomain(xml), { hostdev0: other });
 *
 * assertEquals(rewritten, xml.replace("c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01", other));
 * ```
 */
export function rewriteSources(
  xml: string,
  { hostDevices }: Domain,
  sources: Readonly<Record<string, string>>,
): string {
  const changes = Object.entries(sources).map(([alias, address]) => {
    const device = hostDevices.find((device): device is PciDevice | MdevDevice =>
      (device.kind === "pci" || device.kind === "mdev") && device.alias === alias
    );
    if (device === undefined) {
      throw new RangeError(`Cannot rewrite the domain: found no host device "${alias}"`);
    }
    return { range: device.sourceRange, attributes: attributesOf(device.kind, address) };
  });
  // From the end, so that the ranges before a change stay right.
  changes.sort((a, b) => b.range.start - a.range.start);
  return changes.reduce(
    (text, { range: { start, end }, attributes }) =>
      text.slice(0, start) + withAttributes(text.slice(start, end), attributes) + text.slice(end),
    xml,
  );
}

type Attributes = readonly (readonly [name: string, value: string])[];

function attributesOf(kind: "pci" | "mdev", address: string): Attributes {
  if (kind === "mdev" && UUID.test(address)) {
    return [["uuid", address]];
  }
  const [, domain, bus, slot, fn] =
    /^([0-9a-f]{4,8}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/.exec(address) ?? [];
  if (kind === "mdev" || domain === undefined) {
    const wanted = kind === "mdev" ? "a UUID" : "DDDD:BB:SS.F";
    throw new RangeError(`Cannot rewrite the domain: found "${address}", wanted ${wanted}`);
  }
  return [["domain", `0x${domain}`], ["bus", `0x${bus}`], ["slot", `0x${slot}`], [
    "function",
    `0x${fn}`,
  ]];
}

/** Sets attributes in the text of a well-formed tag, with the quotes that it has. */
function withAttributes(tag: string, attributes: Attributes): string {
  return attributes.reduce((text, [name, value]) => {
    let found = false;
    const replaced = text.replace(
      /([^\s=]+)(\s*=\s*)("[^"]*"|'[^']*')/g,
      (attribute, key: string, equals: string, quoted: string) => {
        if (key !== name) return attribute;
        found = true;
        const quote = quoted.charAt(0);
        return `${key}${equals}${quote}${value}${quote}`;
      },
    );
    return found ? replaced : text.replace(/^<address/, `<address ${name}='${value}'`);
  }, tag);
}
