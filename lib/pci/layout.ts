/**
 * A decoded value, as JSON has it; numbers wider than 32 bits are 0x-prefixed hexadecimal strings.
 */
export type FieldValue = string | number | boolean | readonly FieldValue[] | Fields;

/** Decoded values by name. */
export interface Fields {
  /** In camel case, after the specification's names. */
  readonly [name: string]: FieldValue;
}

/** One register of a capability. */
export interface RegisterLayout {
  /** Offset from the capability's first byte. */
  readonly at: number;
  /** Bytes. */
  readonly size: number;
  /** What the specification calls it. */
  readonly name: string;
  /** Set on a run of bytes that is no single register, such as a vendor's body. */
  readonly bytewise?: true;
  /**
   * Fields of the register, from its first 4 bytes (or fewer) as a number, and from all of them.
   */
  readonly decode?: (value: number, bytes: Uint8Array) => Fields;
}

/** The form of one capability, as far as its own bytes tell it. */
export interface CapabilityLayout {
  /** Bytes from the id on, as the capability says or its format fixes; absent when neither does. */
  readonly length?: number;
  /** Registers after the capability's header; those past its end are ignored. */
  readonly registers: readonly RegisterLayout[];
  /** Fields that take more than one register. */
  readonly fields?: Fields;
}

/** What a layout may look at. */
export interface CapabilityBytes {
  /**
   * From the capability's id to the end of the space it is in, which may be further than it goes.
   */
  readonly bytes: Uint8Array;
  /** Offset of the id in config space. */
  readonly offset: number;
  /** Whether the function is a root port or a root complex event collector. */
  readonly root: boolean;
}

/** Finds the form of a capability in its bytes. */
export type LayoutOf = (capability: CapabilityBytes) => CapabilityLayout;
