import { hex } from "./bits.ts";
import type { Capability, ExtendedCapability, Register } from "./capability.ts";
import type { ConfigSpace } from "./config_space.ts";
import { headerRegisters } from "./header.ts";

/** What a byte of config space is. */
export interface FieldName {
  /** For people; not meant to be parsed. */
  readonly name: string;
  /** The capability the byte is in, if it is in one. */
  readonly capability?: Capability | ExtendedCapability;
  /** The register that the byte is part of, if it is in a named one. */
  readonly register?: Register;
}

/**
 * Names the byte at `offset`: a register of the header, a register or byte of a capability, or none
 * of these. Every offset has a name, also one past the bytes that are known.
 *
 * @example
 * ```ts
 * import { decodeConfigSpace, fieldAt } from "premigrate/pci";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array(256);
 * bytes[0x06] = 0x10;
 * bytes[0x34] = 0x40;
 * bytes.set([0x09, 0x00, 0x14], 0x40);
 * const space = decodeConfigSpace(bytes);
 *
 * assertEquals(fieldAt(space, 0x08).name, "Revision ID");
 * assertEquals(fieldAt(space, 0x41).name, "next pointer of Vendor Specific capability at 0x40");
 * assertEquals(fieldAt(space, 0x4f).name, "Vendor Specific capability at 0x40, byte +0x0f (body)");
 * ```
 */
export function fieldAt(space: ConfigSpace, offset: number): FieldName {
  if (!Number.isInteger(offset) || offset < 0 || offset >= space.size) {
    return { name: `byte ${hex(offset, 2)}, not among the ${space.size} bytes known` };
  }
  const header = headerRegisters(space.header.headerType)
    .map(([offset, size, name]): Register => ({ offset, size, name }));
  const register = registerAt(header, offset);
  if (register) return { name: register.name, register };
  const [standard] = covering(space.capabilities, offset);
  if (standard) return inCapability(standard, offset, nameInStandard);
  const [extended] = covering(space.extended, offset);
  if (extended) return inCapability(extended, offset, nameInExtended);
  const where = offset < 0x40 ? "reserved in the header" : "in no capability";
  return { name: `byte ${hex(offset, 2)}, ${where}` };
}

function registerAt(registers: readonly Register[], at: number): Register | undefined {
  return registers.find(({ offset, size }) => at >= offset && at < offset + size);
}

function inCapability<Found extends Capability | ExtendedCapability>(
  capability: Found,
  offset: number,
  nameIn: (capability: Found, offset: number) => string,
): FieldName {
  const register = registerAt(capability.registers, offset);
  return { name: nameIn(capability, offset), capability, ...(register && { register }) };
}

/**
 * The capabilities that have this byte; where they overlap, the one that starts last comes first.
 */
function covering<Found extends Capability>(capabilities: readonly Found[], at: number): Found[] {
  return capabilities
    .filter(({ offset, length }) => at >= offset && at < offset + length)
    .sort((a, b) => b.offset - a.offset);
}

function nameInStandard(capability: Capability, offset: number): string {
  switch (offset - capability.offset) {
    case 0:
      return `ID of ${title(capability)}`;
    case 1:
      return `next pointer of ${title(capability)}`;
    default:
      return nameInBody(capability, offset);
  }
}

/** PCI Express Base, section 7.6.3: 16 bits of id, 4 of version, 12 of next pointer. */
function nameInExtended(capability: ExtendedCapability, offset: number): string {
  switch (offset - capability.offset) {
    case 0:
    case 1:
      return `ID of ${title(capability)}`;
    case 2:
      return `version and next pointer of ${title(capability)}`;
    case 3:
      return `next pointer of ${title(capability)}`;
    default:
      return nameInBody(capability, offset);
  }
}

function nameInBody(capability: Capability, offset: number): string {
  const register = registerAt(capability.registers, offset);
  if (register && !register.bytewise) return `${title(capability)}: ${register.name}`;
  const byte = `${title(capability)}, byte +${hex(offset - capability.offset, 2)}`;
  return register ? `${byte} (${register.name})` : byte;
}

function title({ name, offset }: Capability): string {
  // The name of an unknown id already has the word.
  const noun = name.includes("capability") ? name : `${name} capability`;
  return `${noun} at ${hex(offset, 2)}`;
}
