import { type Bar, decodeBars } from "./bars.ts";
import { bit, bits, hex } from "./bits.ts";
import { get16, get32 } from "./bytes.ts";

/** An address range a bridge forwards, both ends included, as 0x-prefixed hexadecimal. */
export interface BridgeWindow {
  /** The first address. */
  readonly base: string;
  /** The last address. */
  readonly limit: string;
}

/**
 * What only a PCI-to-PCI bridge has (header type 1). A window that is closed (base above limit) is
 * absent.
 */
export interface BridgeHeader {
  /** Bus number of the upstream side. */
  readonly primaryBus: number;
  /** Bus number of the downstream side. */
  readonly secondaryBus: number;
  /** The highest bus number below the bridge. */
  readonly subordinateBus: number;
  /** In bus clocks. */
  readonly secondaryLatencyTimer: number;
  /** Secondary Status register. */
  readonly secondaryStatus: number;
  /** Bridge Control register. */
  readonly control: number;
  /** I/O addresses that are passed on downstream. */
  readonly io?: BridgeWindow;
  /** Memory addresses that are passed on downstream. */
  readonly memory?: BridgeWindow;
  /** Prefetchable memory addresses that are passed on downstream. */
  readonly prefetchable?: BridgeWindow;
}

/** What only a CardBus bridge has (header type 2). Windows that are closed are left out. */
export interface CardbusHeader {
  /** Bus number of the upstream side. */
  readonly primaryBus: number;
  /** Bus number of the CardBus side. */
  readonly cardbusBus: number;
  /** The highest bus number below the bridge. */
  readonly subordinateBus: number;
  /** In bus clocks. */
  readonly latencyTimer: number;
  /** Secondary Status register. */
  readonly secondaryStatus: number;
  /** Bridge Control register. */
  readonly control: number;
  /** Memory addresses that are passed on downstream, at most two ranges. */
  readonly memory: readonly BridgeWindow[];
  /** I/O addresses that are passed on downstream, at most two ranges. */
  readonly io: readonly BridgeWindow[];
}

/** The expansion ROM base address register, when it is not zero. */
export interface ExpansionRom {
  /** Offset of the register in config space. */
  readonly offset: number;
  /** The address without the enable bit, as 0x-prefixed hexadecimal. */
  readonly address: string;
  /** Whether the address is decoded. */
  readonly enabled: boolean;
}

/** The standard header, bytes 0x00 to 0x3f (PCI Local Bus 3.0, section 6.1 and 6.2). */
export interface Header {
  /** Vendor ID. */
  readonly vendor: number;
  /** Device ID. */
  readonly device: number;
  /** Command register. */
  readonly command: number;
  /** Status register. */
  readonly status: number;
  /** Revision ID. */
  readonly revision: number;
  /** 24 bits: base class, sub-class and programming interface, from the top. */
  readonly class: number;
  /** In units of 4 bytes. */
  readonly cacheLineSize: number;
  /** In bus clocks; 0 in PCI Express. */
  readonly latencyTimer: number;
  /** The low 7 bits: 0 for a device, 1 for a PCI-to-PCI bridge, 2 for a CardBus bridge. */
  readonly headerType: number;
  /** Bit 7 of the header type register. */
  readonly multifunction: boolean;
  /** Built-in self test register. */
  readonly bist: number;
  /** The byte as it is read, reserved bits included; at 0x34, or 0x14 in a CardBus bridge. */
  readonly capabilityPointer: number;
  /** What firmware wrote there. */
  readonly interruptLine: number;
  /** 0 for none, 1 to 4 for INTA to INTD. */
  readonly interruptPin: number;
  /** Absent in a PCI-to-PCI bridge (there a capability has it) and when the bytes end before it. */
  readonly subsystemVendor?: number;
  /** As {@linkcode Header.subsystemVendor}. */
  readonly subsystemDevice?: number;
  /** In units of a quarter microsecond; header type 0 only. */
  readonly minGrant?: number;
  /** In units of a quarter microsecond; header type 0 only. */
  readonly maxLatency?: number;
  /** Absent when the register is zero or the header type has none. */
  readonly expansionRom?: ExpansionRom;
  /** Header type 1 only. */
  readonly bridge?: BridgeHeader;
  /** Header type 2 only. */
  readonly cardbus?: CardbusHeader;
}

/** A register of the header: offset in config space, bytes, name. */
export type HeaderRegister = readonly [offset: number, size: number, name: string];

interface HeaderShape {
  readonly capabilityPointer: number;
  readonly bars: number;
  readonly rom?: number;
  readonly registers: readonly HeaderRegister[];
}

const COMMON: readonly HeaderRegister[] = [
  [0x00, 2, "Vendor ID"],
  [0x02, 2, "Device ID"],
  [0x04, 2, "Command"],
  [0x06, 2, "Status"],
  [0x08, 1, "Revision ID"],
  [0x09, 3, "Class Code"],
  [0x0c, 1, "Cache Line Size"],
  [0x0d, 1, "Latency Timer"],
  [0x0e, 1, "Header Type"],
  [0x0f, 1, "BIST"],
  [0x3c, 1, "Interrupt Line"],
  [0x3d, 1, "Interrupt Pin"],
];

const SHAPES: readonly HeaderShape[] = [
  {
    capabilityPointer: 0x34,
    bars: 6,
    rom: 0x30,
    registers: [
      ...COMMON,
      [0x10, 4, "BAR0"],
      [0x14, 4, "BAR1"],
      [0x18, 4, "BAR2"],
      [0x1c, 4, "BAR3"],
      [0x20, 4, "BAR4"],
      [0x24, 4, "BAR5"],
      [0x28, 4, "CardBus CIS Pointer"],
      [0x2c, 2, "Subsystem Vendor ID"],
      [0x2e, 2, "Subsystem ID"],
      [0x30, 4, "Expansion ROM Base Address"],
      [0x34, 1, "Capabilities Pointer"],
      [0x3e, 1, "Min_Gnt"],
      [0x3f, 1, "Max_Lat"],
    ],
  },
  {
    capabilityPointer: 0x34,
    bars: 2,
    rom: 0x38,
    registers: [
      ...COMMON,
      [0x10, 4, "BAR0"],
      [0x14, 4, "BAR1"],
      [0x18, 1, "Primary Bus Number"],
      [0x19, 1, "Secondary Bus Number"],
      [0x1a, 1, "Subordinate Bus Number"],
      [0x1b, 1, "Secondary Latency Timer"],
      [0x1c, 1, "I/O Base"],
      [0x1d, 1, "I/O Limit"],
      [0x1e, 2, "Secondary Status"],
      [0x20, 2, "Memory Base"],
      [0x22, 2, "Memory Limit"],
      [0x24, 2, "Prefetchable Memory Base"],
      [0x26, 2, "Prefetchable Memory Limit"],
      [0x28, 4, "Prefetchable Base Upper 32 Bits"],
      [0x2c, 4, "Prefetchable Limit Upper 32 Bits"],
      [0x30, 2, "I/O Base Upper 16 Bits"],
      [0x32, 2, "I/O Limit Upper 16 Bits"],
      [0x34, 1, "Capabilities Pointer"],
      [0x38, 4, "Expansion ROM Base Address"],
      [0x3e, 2, "Bridge Control"],
    ],
  },
  {
    capabilityPointer: 0x14,
    bars: 1,
    registers: [
      ...COMMON,
      [0x10, 4, "BAR0"],
      [0x14, 1, "Capabilities Pointer"],
      [0x16, 2, "Secondary Status"],
      [0x18, 1, "PCI Bus Number"],
      [0x19, 1, "CardBus Bus Number"],
      [0x1a, 1, "Subordinate Bus Number"],
      [0x1b, 1, "CardBus Latency Timer"],
      [0x1c, 4, "Memory Base 0"],
      [0x20, 4, "Memory Limit 0"],
      [0x24, 4, "Memory Base 1"],
      [0x28, 4, "Memory Limit 1"],
      [0x2c, 4, "I/O Base 0"],
      [0x30, 4, "I/O Limit 0"],
      [0x34, 4, "I/O Base 1"],
      [0x38, 4, "I/O Limit 1"],
      [0x3e, 2, "Bridge Control"],
      [0x40, 2, "Subsystem Vendor ID"],
      [0x42, 2, "Subsystem ID"],
      [0x44, 4, "PC Card 16-bit Legacy Mode Base Address"],
    ],
  },
];

/**
 * A header type of no known meaning has the common registers alone: no BARs and no capabilities.
 */
const UNKNOWN_SHAPE: HeaderShape = { capabilityPointer: 0x34, bars: 0, registers: COMMON };

/** The registers of a header of this type. */
export function headerRegisters(headerType: number): readonly HeaderRegister[] {
  return (SHAPES[headerType] ?? UNKNOWN_SHAPE).registers;
}

/**
 * Where a header of this type has its capabilities pointer; `undefined` when the type is unknown.
 */
export function capabilityPointerOffset(headerType: number): number | undefined {
  return SHAPES[headerType]?.capabilityPointer;
}

/** The offset just after the last BAR of a header of this type. */
export function barsEnd(headerType: number): number {
  return 0x10 + 4 * (SHAPES[headerType] ?? UNKNOWN_SHAPE).bars;
}

/** The BARs of the header, without those that are zero. */
export function decodeHeaderBars(bytes: Uint8Array, headerType: number): Bar[] {
  return decodeBars(bytes.subarray(0x10, barsEnd(headerType)), 0x10);
}

/** Decodes the standard header; `bytes` must be at least 64 long. */
export function decodeHeader(bytes: Uint8Array): Header {
  const u8 = (at: number): number => bytes[at] ?? 0;
  const u16 = (at: number): number => get16(bytes, at);
  const headerType = bits(u8(0x0e), 0, 7);
  const shape = SHAPES[headerType] ?? UNKNOWN_SHAPE;
  return {
    vendor: u16(0x00),
    device: u16(0x02),
    command: u16(0x04),
    status: u16(0x06),
    revision: u8(0x08),
    class: get32(bytes, 0x08) >>> 8,
    cacheLineSize: u8(0x0c),
    latencyTimer: u8(0x0d),
    headerType,
    multifunction: bit(u8(0x0e), 7),
    bist: u8(0x0f),
    capabilityPointer: u8(shape.capabilityPointer),
    interruptLine: u8(0x3c),
    interruptPin: u8(0x3d),
    ...(headerType === 0 && {
      subsystemVendor: u16(0x2c),
      subsystemDevice: u16(0x2e),
      minGrant: u8(0x3e),
      maxLatency: u8(0x3f),
    }),
    ...(headerType === 2 && bytes.length > 64 && {
      subsystemVendor: u16(0x40),
      subsystemDevice: u16(0x42),
    }),
    ...(shape.rom !== undefined && decodeRom(bytes, shape.rom)),
    ...(headerType === 1 && { bridge: decodeBridge(bytes) }),
    ...(headerType === 2 && { cardbus: decodeCardbus(bytes) }),
  };
}

function decodeRom(bytes: Uint8Array, offset: number): { expansionRom?: ExpansionRom } {
  const value = get32(bytes, offset);
  if (value === 0) return {};
  return {
    expansionRom: { offset, address: hex((value & ~0x7ff) >>> 0), enabled: bit(value, 0) },
  };
}

/** PCI-to-PCI Bridge Architecture 1.2, section 3.2.5. */
function decodeBridge(bytes: Uint8Array): BridgeHeader {
  const u8 = (at: number): number => bytes[at] ?? 0;
  const u16 = (at: number): number => get16(bytes, at);
  // The low 4 bits of a base say how wide the window's addresses are: 1 means there are upper bits.
  const wideIo = bits(u8(0x1c), 0, 4) === 1;
  const widePrefetchable = bits(u16(0x24), 0, 4) === 1;
  const ioEnd = (at: number, upper: number): bigint =>
    (BigInt(wideIo ? u16(upper) : 0) << 16n) | BigInt((u8(at) & 0xf0) << 8);
  const memoryEnd = (at: number): bigint => BigInt(u16(at) & 0xfff0) << 16n;
  const prefetchableEnd = (at: number, upper: number): bigint =>
    (BigInt(widePrefetchable ? get32(bytes, upper) : 0) << 32n) | memoryEnd(at);
  const io = openWindow(ioEnd(0x1c, 0x30), ioEnd(0x1d, 0x32) | 0xfffn);
  const memory = openWindow(memoryEnd(0x20), memoryEnd(0x22) | 0xfffffn);
  const prefetchable = openWindow(
    prefetchableEnd(0x24, 0x28),
    prefetchableEnd(0x26, 0x2c) | 0xfffffn,
  );
  return {
    primaryBus: u8(0x18),
    secondaryBus: u8(0x19),
    subordinateBus: u8(0x1a),
    secondaryLatencyTimer: u8(0x1b),
    secondaryStatus: u16(0x1e),
    control: u16(0x3e),
    ...(io && { io }),
    ...(memory && { memory }),
    ...(prefetchable && { prefetchable }),
  };
}

/** PC Card Standard 8.0, volume 11 (PCI-to-CardBus bridge register description). */
function decodeCardbus(bytes: Uint8Array): CardbusHeader {
  const u8 = (at: number): number => bytes[at] ?? 0;
  const u32 = (at: number): bigint => BigInt(get32(bytes, at));
  const memory = [0x1c, 0x24].map((at) => openWindow(u32(at) & ~0xfffn, u32(at + 4) | 0xfffn));
  const io = [0x2c, 0x34].map((at) => {
    const mask = (u32(at) & 1n) === 1n ? 0xffff_fffcn : 0xfffcn;
    return openWindow(u32(at) & mask, (u32(at + 4) & mask) | 3n);
  });
  return {
    primaryBus: u8(0x18),
    cardbusBus: u8(0x19),
    subordinateBus: u8(0x1a),
    latencyTimer: u8(0x1b),
    secondaryStatus: get16(bytes, 0x16),
    control: get16(bytes, 0x3e),
    memory: memory.filter((window) => window !== undefined),
    io: io.filter((window) => window !== undefined),
  };
}

function openWindow(base: bigint, limit: bigint): BridgeWindow | undefined {
  return base <= limit ? { base: hex(base), limit: hex(limit) } : undefined;
}
