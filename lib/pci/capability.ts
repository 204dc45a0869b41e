import { get32 } from "./bytes.ts";
import { EXTENDED_LAYOUTS } from "./decode_extended.ts";
import { STANDARD_LAYOUTS } from "./decode_standard.ts";
import type { Fields, LayoutOf } from "./layout.ts";
import { capabilityName, extendedCapabilityName } from "./names.ts";
import type { ListedCapability, ListedExtendedCapability, Problem } from "./walk.ts";

/** A named register of a capability. */
export interface Register {
  /** Offset in config space. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** What the specification calls it. */
  readonly name: string;
  /** Set on a run of bytes that is no single register, such as a vendor's body. */
  readonly bytewise?: true;
  /** Its decoded values; absent when it is not one of those that are decoded. */
  readonly fields?: Fields;
}

/** What the bytes of a capability say, apart from its place in the list. */
export interface CapabilityBody {
  /** The name of its id. */
  readonly name: string;
  /** Bytes from the first one of the id on; never past the end of the space it is in. */
  readonly length: number;
  /**
   * Whether `length` is what the capability itself says, or its format fixes. Where it is not
   * known,
   * `length` is the distance to the next capability by address, or to the end.
   */
  readonly lengthKnown: boolean;
  /** Decoded values; none when the capability is not one of those that are decoded. */
  readonly fields: Fields;
  /** Named registers within `length`, without the id and the pointer to the next capability. */
  readonly registers: readonly Register[];
}

/** A capability in the standard list. */
export type Capability = ListedCapability & CapabilityBody;

/** A capability in the extended list. */
export type ExtendedCapability = ListedExtendedCapability & CapabilityBody;

/** What the capabilities of one list have in common. */
interface ListFormat {
  readonly nameOf: (id: number) => string;
  readonly layouts: ReadonlyMap<number, LayoutOf>;
  /** Bytes that a capability with a length of its own has at least: up to and with that length. */
  readonly minimum: number;
}

/** The standard list. */
export const STANDARD_LIST: ListFormat = {
  nameOf: capabilityName,
  layouts: STANDARD_LAYOUTS,
  minimum: 3,
};

/** The extended list. */
export const EXTENDED_LIST: ListFormat = {
  nameOf: extendedCapabilityName,
  layouts: EXTENDED_LAYOUTS,
  minimum: 8,
};

/**
 * Decodes listed capabilities.
 *
 * @param bytes Config space from its start to the end of the area the list is in.
 * @param root Whether the function is a root port or a root complex event collector.
 */
export function describeCapabilities<Listed extends ListedCapability>(
  bytes: Uint8Array,
  listed: readonly Listed[],
  { nameOf, layouts, minimum }: ListFormat,
  root: boolean,
): { capabilities: (Listed & CapabilityBody)[]; problems: Problem[] } {
  const starts = listed.map(({ offset }) => offset).sort((a, b) => a - b);
  const problems: Problem[] = [];
  const capabilities = listed.map((capability) => {
    const { offset, id } = capability;
    const own = bytes.subarray(offset);
    const layout = layouts.get(id)?.({ bytes: own, offset, root }) ?? { registers: [] };
    const declared = layout.length;
    if (declared !== undefined && declared < minimum) {
      problems.push({ code: "length-too-short", offset, value: declared });
    }
    if (declared !== undefined && declared > own.length) {
      problems.push({ code: "past-end", offset, value: declared });
    }
    const toNext = (starts.find((start) => start > offset) ?? bytes.length) - offset;
    const length = declared === undefined
      ? toNext
      : Math.min(Math.max(declared, minimum), own.length);
    const registers = layout.registers
      .filter(({ at, size }) => size > 0 && at + size <= length)
      .map(({ at, size, name, bytewise, decode }): Register => {
        const register = own.subarray(at, at + size);
        return {
          offset: offset + at,
          size,
          name,
          ...(bytewise && { bytewise }),
          ...(decode && { fields: decode(get32(register, 0), register) }),
        };
      });
    const decoded = registers.flatMap(({ fields }) => Object.entries(fields ?? {}));
    return {
      ...capability,
      name: nameOf(id),
      length,
      lengthKnown: declared !== undefined,
      fields: { ...Object.fromEntries(decoded), ...layout.fields },
      registers,
    };
  });
  return { capabilities, problems };
}
