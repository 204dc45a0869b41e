/**
 * What vfio-pci makes of a device's config space when QEMU opens it: the shadow that is migrated
 * and the masks under which the destination compares. A step-by-step model of
 * `vfio_pci_config_setup`, `vfio_pci_add_capabilities` and `vfio_pci_interrupt_setup`
 * (hw/vfio/pci.c), with the functions of hw/pci they call.
 */
import type { BusKind } from "../pci/bus.ts";
import { get16, get32, set16, set32 } from "../pci/bytes.ts";
import { optionRomSize } from "./option_rom.ts";
import type { VfioPciProperties } from "./properties.ts";
import type { QemuVersion } from "./version.ts";
import type { RealizeView } from "./view.ts";

/** All that decides, beside the device's bytes, what QEMU makes of them. */
export interface RealizeFacts {
  /** The QEMU that opens the device. */
  readonly qemu: QemuVersion;
  /** The effective value of vfio-pci's `skip-vsc-check`; without meaning before QEMU 9.1. */
  readonly skipVscCheck: boolean;
  /** Where the device sits in the guest. */
  readonly bus: BusKind;
  /** Sizes in bytes of BAR 0 to 5, 0 for none. `undefined`: not known, only types are modelled. */
  readonly bars?: readonly number[] | undefined;
  /** Size in bytes of the device's expansion ROM, 0 or absent for none. */
  readonly romSize?: number | undefined;
  /** Size in bytes of the file that `romfile` names; absent: not known. */
  readonly romFileSize?: number | undefined;
  /** The properties of the device on QEMU's command line. */
  readonly properties: VfioPciProperties;
}

/** A device as QEMU holds it after realize and machine reset. */
export interface RealizedDevice {
  /** QEMU holds the device. */
  readonly ok: true;
  /** `PCIDevice.config`, 256 or 4096 bytes. */
  readonly shadow: Uint8Array;
  /** Per bit: wanted to be compared at restore (`PCIDevice.cmask`). */
  readonly cmask: Uint8Array;
  /** Per bit: writable by the guest (`PCIDevice.wmask`). */
  readonly wmask: Uint8Array;
  /** Per bit: cleared by the guest's writing 1 (`PCIDevice.w1cmask`). */
  readonly w1cmask: Uint8Array;
  /** Bytes that only `skip-vsc-check` keeps from being compared, as `[first, past the last]`. */
  readonly exempt: readonly (readonly [start: number, end: number])[];
}

/** Why QEMU refuses to open a device, or cannot. */
export interface RealizeFailure {
  /** QEMU does not hold the device. */
  readonly ok: false;
  /** Why, as data. */
  readonly reason: RealizeFailureReason;
}

/** The reasons of a {@linkcode RealizeFailure}, with the numbers QEMU's message holds. */
export type RealizeFailureReason =
  /** 64 bytes are the header only: nothing can be said of the capabilities. */
  | { readonly code: "short-config"; readonly length: number }
  | { readonly code: "capability-loop"; readonly offset: number }
  | { readonly code: "capability-past-end"; readonly offset: number }
  /** `pci_add_capability`: "Attempt to add PCI capability ...". */
  | {
    readonly code: "capability-overlap";
    readonly id: number;
    readonly offset: number;
    readonly existing: number;
    readonly at: number;
  }
  /** `pcie_add_capability` asserts: QEMU aborts. */
  | {
    readonly code: "extended-capability-misplaced";
    readonly offset: number;
    readonly size: number;
  }
  /** `msi_init` asserts: more than 32 vectors. */
  | { readonly code: "msi-vectors"; readonly offset: number; readonly vectors: number }
  | { readonly code: "msix-bir"; readonly tableBar: number; readonly pbaBar: number }
  | { readonly code: "msix-pba-outside-bar"; readonly bar: number; readonly pbaOffset: number }
  | { readonly code: "msix-outside-bar"; readonly tableBar: number; readonly pbaBar: number }
  /** `vfio_setup_pcie_cap`: a port or a bridge cannot be assigned. */
  | { readonly code: "pcie-type"; readonly type: number }
  | { readonly code: "interrupt-pin"; readonly pin: number }
  | { readonly code: "gpudirect"; readonly problem: "vendor" | "class" | "config-space" }
  /** `pci_register_bar` asserts that a BAR's or ROM's size is a power of two. */
  | { readonly code: "bar-size"; readonly bar: number | "rom"; readonly size: number };

const COMMAND = 0x04;
const STATUS = 0x06;
const REVISION = 0x08;
const CACHE_LINE = 0x0c;
const HEADER_TYPE = 0x0e;
const BAR0 = 0x10;
const ROM = 0x30;
const CAPABILITY_LIST = 0x34;
const INTERRUPT_LINE = 0x3c;
const INTERRUPT_PIN = 0x3d;
const STATUS_CAP_LIST = 0x10;

const PM = 0x01;
const MSI = 0x05;
const VENDOR_SPECIFIC = 0x09;
const PCI_EXPRESS = 0x10;
const MSIX = 0x11;
const ATS = 0x0f;
const SRIOV = 0x10;
const ARI = 0x0e;
const REBAR = 0x15;

const ENDPOINT = 0x0;
const LEGACY_ENDPOINT = 0x1;
const RC_ENDPOINT = 0x9;

const NVIDIA = 0x10de;
const VMD_IDS: readonly number[] = [0x201d, 0x467f, 0x4c3d, 0x9a0b];

// pci_init_w1cmask: 0xf900 of the status register. Nothing that vfio-pci does adds a bit.
const W1CMASK = new Uint8Array(0x1000);
W1CMASK[STATUS + 1] = 0xf9;

// pci_init_cmask, pci_init_wmask
const HEADER_CMASK = new Uint8Array(0x40);
for (const at of [0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0b, HEADER_TYPE, CAPABILITY_LIST]) {
  HEADER_CMASK[at] = 0xff;
}
HEADER_CMASK[STATUS] = STATUS_CAP_LIST;
const HEADER_WMASK = new Uint8Array(0x40);
for (const [at, mask] of [[0x04, 0x07], [0x05, 0x05], [0x0c, 0xff], [0x3c, 0xff]] as const) {
  HEADER_WMASK[at] = mask;
}

/**
 * What QEMU holds after it has opened the device and reset the machine, or why it cannot.
 *
 * @example A device without capabilities: the ids are compared, the subsystem is not.
 * ```ts
 * import { parseQemuVersion, realize } from "premigrate/qemu";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const device = realize({ kind: "realize", bytes: new Uint8Array(256) }, {
 *   qemu: parseQemuVersion("9.1"),
 *   skipVscCheck: true,
 *   bus: "root",
 *   properties: {},
 * });
 * assert(device.ok);
 * assertEquals(device.cmask[0x00], 0xff);
 * assertEquals(device.cmask[0x2c], 0);
 * ```
 */
export function realize(view: RealizeView, facts: RealizeFacts): RealizedDevice | RealizeFailure {
  if (view.bytes.length < 256) {
    return { ok: false, reason: { code: "short-config", length: view.bytes.length } };
  }
  const device = new Device(view.bytes, facts);
  const reason = device.setUp();
  if (reason !== undefined) return { ok: false, reason };
  device.reset();
  const { shadow, cmask, wmask, exempt } = device;
  return { ok: true, shadow, cmask, wmask, w1cmask: W1CMASK, exempt };
}

type Failure = RealizeFailureReason | undefined;

class Device {
  readonly shadow: Uint8Array;
  readonly cmask: Uint8Array;
  readonly wmask: Uint8Array;
  readonly exempt: [number, number][] = [];

  readonly #region: Uint8Array;
  readonly #facts: RealizeFacts;
  readonly #size: 256 | 4096;
  // PCIDevice.used: which bytes a capability has taken, rounded up to dwords.
  readonly #used = new Uint8Array(256);
  readonly #registered: [offset: number, type: number, is64: boolean][] = [];
  #pm = 0;
  #msi = 0;
  #msix = 0;

  constructor(region: Uint8Array, facts: RealizeFacts) {
    this.#region = region;
    this.#facts = facts;
    this.#size = region.length >= 4096 ? 4096 : 256;
    const planes = new Uint8Array(3 * this.#size);
    this.shadow = planes.subarray(0, this.#size);
    this.cmask = planes.subarray(this.#size, 2 * this.#size);
    this.wmask = planes.subarray(2 * this.#size);
    this.shadow.set(region.length === this.#size ? region : region.subarray(0, this.#size));
    this.cmask.set(HEADER_CMASK);
    this.wmask.fill(0xff, 0x40);
    this.wmask.set(HEADER_WMASK);
  }

  // vfio_pci_config_setup, vfio_pci_add_capabilities, vfio_pci_interrupt_setup
  setUp(): Failure {
    this.#overrideIds();
    return this.#registerRom() ?? this.#checkMsix() ?? this.#registerBars() ??
      this.#addCapabilities() ?? this.#checkInterruptPin();
  }

  // pci_do_device_reset
  reset(): void {
    const { shadow } = this;
    this.#mask(shadow, COMMAND, ~0x07);
    this.#mask(shadow, COMMAND + 1, ~0x05);
    this.#mask(shadow, STATUS + 1, ~0xf9);
    this.#mask(shadow, CACHE_LINE, 0);
    this.#mask(shadow, INTERRUPT_LINE, 0);
    for (const [offset, type, is64] of this.#registered) {
      set32(shadow, offset, type);
      if (is64) set32(shadow, offset + 4, 0);
    }
    if (this.#msi > 0) this.#resetMsi(this.#msi);
    if (this.#msix > 0) this.#mask(shadow, this.#msix + 3, 0x3f);
    if (this.#pm > 0) this.#mask(shadow, this.#pm + 4, 0xfc);
  }

  #mask(bytes: Uint8Array, at: number, mask: number): void {
    bytes[at] = (bytes[at] ?? 0) & mask;
  }

  #overrideIds(): void {
    const { properties } = this.#facts;
    const words = [
      [0x00, properties.vendorId],
      [0x02, properties.deviceId],
      [0x2c, properties.subVendorId],
      [0x2e, properties.subDeviceId],
    ] as const;
    for (const [offset, id] of words) {
      if (id !== undefined) this.#emulateWord(offset, id, 0xffff);
    }
    if (properties.classCode !== undefined) {
      this.#emulateLong(REVISION, (properties.classCode << 8) >>> 0, 0xffffff00);
    }
    const type = (this.shadow[HEADER_TYPE] ?? 0) & 0x7f;
    this.shadow[HEADER_TYPE] = properties.multifunction === true ? type | 0x80 : type;
    this.shadow.fill(0, BAR0, BAR0 + 24);
    this.shadow.fill(0, ROM, ROM + 4);
  }

  // vfio_add_emulated_word. The bits outside the mask become writable: QEMU's own side effect.
  #emulateWord(at: number, value: number, mask: number): void {
    set16(this.shadow, at, (get16(this.shadow, at) & ~mask) | value);
    set16(this.wmask, at, (get16(this.wmask, at) & ~mask) | (~mask & 0xffff));
  }

  // vfio_add_emulated_long
  #emulateLong(at: number, value: number, mask: number): void {
    set32(this.shadow, at, (get32(this.shadow, at) & ~mask) | value);
    set32(this.wmask, at, (get32(this.wmask, at) & ~mask) | ~mask);
  }

  // vfio_pci_size_rom; with a romfile pci_add_option_rom registers a BAR of the file's size.
  #registerRom(): Failure {
    const { properties, romSize = 0, romFileSize = 0 } = this.#facts;
    const fromFile = properties.romFile !== undefined;
    if (properties.romBar === false) return undefined;
    // vfio_opt_rom_in_denylist: Broadcom BCM57810
    const denied = get16(this.shadow, 0x00) === 0x14e4 && get16(this.shadow, 0x02) === 0x168e;
    if (!fromFile && denied && properties.romBar !== true) return undefined;
    const ofFile = properties.romFile === "" ? 0 : properties.romSize ?? optionRomSize(romFileSize);
    const size = fromFile ? ofFile : romSize;
    return size === 0 ? undefined : this.#registerBar("rom", ROM, 0, size);
  }

  // vfio_bar_prepare, vfio_bar_register
  #registerBars(): Failure {
    for (let index = 0; index < 6; index++) {
      const offset = BAR0 + 4 * index;
      const register = get32(this.#region, offset);
      const isIo = (register & 1) !== 0;
      const size = this.#facts.bars === undefined
        ? this.#smallestBarSize(index, register)
        : this.#facts.bars[index] ?? 0;
      if (size === 0) continue;
      const failure = this.#registerBar(index, offset, register & (isIo ? 0x3 : 0xf), size);
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  // With unknown sizes a BAR is taken to be there if its register is not zero, and to be so small
  // that only its type bits are compared: what is then reported would fail at any size.
  #smallestBarSize(index: number, register: number): number {
    const below = index > 0 ? get32(this.#region, BAR0 + 4 * (index - 1)) : 0;
    const isUpperHalf = (below & 0x5) === 0x4;
    if (register === 0 || isUpperHalf) return 0;
    return (register & 1) !== 0 ? 4 : 16;
  }

  // pci_register_bar
  #registerBar(bar: number | "rom", offset: number, type: number, size: number): Failure {
    if (!isPowerOfTwo(size)) return { code: "bar-size", bar, size };
    const is64 = (type & 0x5) === 0x4;
    const low = size > 0x80000000 ? 0 : -size >>> 0;
    set32(this.shadow, offset, type);
    set32(this.wmask, offset, bar === "rom" ? low | 1 : low);
    set32(this.cmask, offset, 0xffffffff);
    if (is64) {
      set32(this.wmask, offset + 4, size > 0x80000000 ? -(size / 0x100000000) >>> 0 : 0xffffffff);
      set32(this.cmask, offset + 4, 0xffffffff);
    }
    this.#registered.push([offset, type, is64]);
    return undefined;
  }

  // vfio_msix_early_setup; looks at the first MSI-X capability only, as pci_find_capability does.
  #checkMsix(): Failure {
    if (((this.shadow[STATUS] ?? 0) & STATUS_CAP_LIST) === 0) return undefined;
    let at = this.shadow[CAPABILITY_LIST] ?? 0;
    for (let steps = 0; at !== 0 && this.shadow[at] !== MSIX; steps++) {
      if (steps > 256) return { code: "capability-loop", offset: at };
      at = this.shadow[at + 1] ?? 0;
    }
    if (at === 0) return undefined;
    const { table, pba } = this.#msixLocation(at);
    if (table.bar > 5 || pba.bar > 5) {
      return { code: "msix-bir", tableBar: table.bar, pbaBar: pba.bar };
    }
    const size = this.#facts.bars === undefined ? Infinity : this.#facts.bars[pba.bar] ?? 0;
    if (pba.offset >= size) {
      return { code: "msix-pba-outside-bar", bar: pba.bar, pbaOffset: pba.offset };
    }
    return undefined;
  }

  #msixLocation(at: number): {
    entries: number;
    table: { bar: number; offset: number };
    pba: { bar: number; offset: number };
  } {
    const [table, pba] = [get32(this.#region, at + 4), get32(this.#region, at + 8)];
    const pbaBar = pba & 7;
    const pbaOffset = (pba & ~7) >>> 0;
    return {
      entries: (get16(this.#region, at + 2) & 0x7ff) + 1,
      table: { bar: table & 7, offset: (table & ~7) >>> 0 },
      pba: { bar: pbaBar, offset: this.#fixedPbaOffset(pbaBar, pbaOffset) },
    };
  }

  // Two vendors' functions report a PBA outside their BAR; vfio_msix_early_setup knows better.
  #fixedPbaOffset(bar: number, offset: number): number {
    const size = this.#facts.bars?.[bar];
    if (size === undefined || offset < size) return offset;
    const [vendor, device] = [get16(this.shadow, 0x00), get16(this.shadow, 0x02)];
    if (vendor === 0x1425 && (device & 0xff00) === 0x5800) return 0x1000;
    if (vendor === 0x1d22 && device === 0x3685) return 0xb400;
    return offset;
  }

  #addCapabilities(): Failure {
    const { shadow } = this;
    const head = shadow[CAPABILITY_LIST] ?? 0;
    if (((shadow[STATUS] ?? 0) & STATUS_CAP_LIST) === 0 || head === 0) return undefined;
    return this.#addStandardCapabilities(head) ?? this.#addExtendedCapabilities();
  }

  // vfio_add_std_cap: recursive in QEMU, so that the list is rebuilt from its end.
  #addStandardCapabilities(head: number): Failure {
    const { shadow } = this;
    const chain: number[] = [];
    for (let at = head; at !== 0; at = shadow[at + 1] ?? 0) {
      if (at + 1 >= this.#size) return { code: "capability-past-end", offset: at };
      // A position is one byte: a longer walk has come round, and QEMU's would never end.
      if (chain.length === 256) return { code: "capability-loop", offset: at };
      chain.push(at);
    }
    const physical = chain.map((at) => ({
      at,
      id: shadow[at] ?? 0,
      size: chain.reduce((next, other) => other > at && other < next ? other : next, 256) - at,
    }));
    shadow[CAPABILITY_LIST] = 0;
    const failure = this.#addVirtualCapabilities();
    if (failure !== undefined) return failure;
    for (const { at, id, size } of physical.reverse()) {
      const failure = this.#addStandardCapability(at, id, Math.min(size, this.#distance(at)));
      if (failure !== undefined) return failure;
    }
    return undefined;
  }

  // vfio_std_cap_max_size over the list as far as it is rebuilt
  #distance(at: number): number {
    let next = 256;
    for (const other of this.#list()) {
      if (other > at && other < next) next = other;
    }
    return next - at;
  }

  #list(): number[] {
    const list: number[] = [];
    let at = this.shadow[CAPABILITY_LIST] ?? 0;
    for (; at !== 0 && list.length < 256; at = this.shadow[at + 1] ?? 0) list.push(at);
    return list;
  }

  #addStandardCapability(at: number, id: number, size: number): Failure {
    const { qemu, skipVscCheck } = this.#facts;
    switch (id) {
      case MSI:
        return this.#addMsi(at);
      case MSIX:
        return this.#addMsix(at);
      case PCI_EXPRESS:
        return this.#addPciExpress(at, size);
      case PM:
        return qemu.atLeast(10, 0) ? this.#addPm(at) : this.#add(id, at, size);
      case VENDOR_SPECIFIC: {
        const failure = this.#add(id, at, size);
        // vfio_add_vendor_specific_cap
        if (failure === undefined && qemu.atLeast(9, 1) && skipVscCheck && size > 3) {
          this.cmask.fill(0, at + 3, at + size);
          this.exempt.push([at + 3, at + size]);
        }
        return failure;
      }
      default:
        return this.#add(id, at, size);
    }
  }

  // pci_add_capability
  #add(id: number, offset: number, size: number): Failure {
    for (let at = offset; at < offset + size; at++) {
      if (this.#used[at & 0xff] === 0) continue;
      const existing = this.#list().filter((other) => other <= (at & 0xff));
      if (existing.length > 0) {
        return { code: "capability-overlap", id, offset, existing: Math.max(...existing), at };
      }
    }
    if (offset + size > this.#size) return { code: "capability-past-end", offset };
    this.shadow[offset] = id;
    this.shadow[offset + 1] = this.shadow[CAPABILITY_LIST] ?? 0;
    this.shadow[CAPABILITY_LIST] = offset;
    this.shadow[STATUS] = (this.shadow[STATUS] ?? 0) | STATUS_CAP_LIST;
    this.#used.fill(0xff, offset, offset + Math.ceil(size / 4) * 4);
    this.wmask.fill(0, offset, offset + size);
    this.cmask.fill(0xff, offset, offset + size);
    return undefined;
  }

  // pci_pm_init, and the power state made writable by vfio_add_std_cap
  #addPm(at: number): Failure {
    const failure = this.#add(PM, at, 8);
    if (failure !== undefined) return failure;
    set16(this.wmask, at + 4, 0x3);
    this.#pm = at;
    return undefined;
  }

  // vfio_msi_setup, msi_init
  #addMsi(at: number): Failure {
    const control = get16(this.#region, at + 2);
    const vectors = 1 << ((control & 0xe) >> 1);
    if (vectors > 32) return { code: "msi-vectors", offset: at, vectors };
    const has64 = (control & 0x80) !== 0;
    const hasMask = (control & 0x100) !== 0;
    const failure = this.#add(MSI, at, 0xa + (has64 ? 4 : 0) + (hasMask ? 0xa : 0));
    if (failure !== undefined) return failure;
    set16(this.shadow, at + 2, control & 0x18e);
    set16(this.wmask, at + 2, 0x71);
    set32(this.wmask, at + 4, 0xfffffffc);
    if (has64) set32(this.wmask, at + 8, 0xffffffff);
    set16(this.wmask, at + (has64 ? 0xc : 8), 0xffff);
    if (hasMask) set32(this.wmask, at + (has64 ? 0x10 : 0xc), 0xffffffff >>> (32 - vectors));
    this.#msi = at;
    return undefined;
  }

  // msi_reset
  #resetMsi(at: number): void {
    const { shadow } = this;
    const control = get16(shadow, at + 2) & ~0x71;
    const has64 = (control & 0x80) !== 0;
    set16(shadow, at + 2, control);
    set32(shadow, at + 4, 0);
    if (has64) set32(shadow, at + 8, 0);
    set16(shadow, at + (has64 ? 0xc : 8), 0);
    if ((control & 0x100) !== 0) {
      set32(shadow, at + (has64 ? 0x10 : 0xc), 0);
      set32(shadow, at + (has64 ? 0x14 : 0x10), 0);
    }
  }

  // vfio_msix_setup, msix_init
  #addMsix(at: number): Failure {
    const { entries, table, pba } = this.#msixLocation(at);
    const tableSize = entries * 16;
    const pbaSize = Math.ceil(entries / 64) * 8;
    const { bars } = this.#facts;
    const overlap = table.bar === pba.bar && table.offset < pba.offset + pbaSize &&
      pba.offset < table.offset + tableSize;
    const fits = bars === undefined ||
      (table.offset + tableSize <= (bars[table.bar] ?? 0) &&
        pba.offset + pbaSize <= (bars[pba.bar] ?? 0));
    if (overlap || !fits) {
      return { code: "msix-outside-bar", tableBar: table.bar, pbaBar: pba.bar };
    }
    const failure = this.#add(MSIX, at, 0xc);
    if (failure !== undefined) return failure;
    set16(this.shadow, at + 2, entries - 1);
    set32(this.shadow, at + 4, table.offset | table.bar);
    set32(this.shadow, at + 8, pba.offset | pba.bar);
    this.wmask[at + 3] = 0xc0;
    this.#msix = at;
    return undefined;
  }

  // vfio_setup_pcie_cap
  #addPciExpress(at: number, size: number): Failure {
    const { bus } = this.#facts;
    const flags = get16(this.shadow, at + 2);
    const type = (flags >> 4) & 0xf;
    if (type !== ENDPOINT && type !== LEGACY_ENDPOINT && type !== RC_ENDPOINT) {
      return { code: "pcie-type", type };
    }
    if (bus === "pci-under-pcie") return undefined;
    if (bus === "root" && type === LEGACY_ENDPOINT) return undefined;
    if (bus === "root" && type === ENDPOINT) {
      this.#emulateWord(at + 2, RC_ENDPOINT << 4, 0xf0);
      if (size > 0x10) this.#clearLink(at + 0x0c);
      if (size > 0x2c) this.#clearLink(at + 0x2c);
    }
    if (bus === "port" && type === RC_ENDPOINT) {
      this.#emulateWord(at + 2, ENDPOINT << 4, 0xf0);
      this.#emulateLong(at + 0x0c, 0x11, 0xffffffff);
      this.#emulateWord(at + 0x10, 0, 0xffff);
    }
    if ((flags & 0xf) === 0) this.#emulateWord(at + 2, 1, 0xf);
    return this.#add(PCI_EXPRESS, at, size);
  }

  // Link Capabilities, Control and Status, or their second set
  #clearLink(at: number): void {
    this.#emulateLong(at, 0, 0xffffffff);
    this.#emulateWord(at + 4, 0, 0xffff);
    this.#emulateWord(at + 6, 0, 0xffff);
  }

  // vfio_add_virt_caps: first to be added, so last in the list
  #addVirtualCapabilities(): Failure {
    return this.#addGpudirectClique() ?? this.#addVmdShadow();
  }

  // vfio_add_nv_gpudirect_cap
  #addGpudirectClique(): Failure {
    const { qemu, properties: { gpudirectClique: clique } } = this.#facts;
    if (clique === undefined) return undefined;
    if (get16(this.shadow, 0x00) !== NVIDIA) return { code: "gpudirect", problem: "vendor" };
    if (this.shadow[0x0b] !== 0x03) return { code: "gpudirect", problem: "class" };
    const physical = this.#physicalList();
    let at = 0xc8;
    if (qemu.atLeast(8, 1)) {
      if (physical.length === 0) return { code: "gpudirect", problem: "config-space" };
      if (physical.includes(0xc8)) at = 0xd4;
      if (physical.includes(at)) return { code: "gpudirect", problem: "config-space" };
    }
    const failure = this.#add(VENDOR_SPECIFIC, at, 8);
    if (failure !== undefined) return failure;
    this.shadow.set([8, 0x50, 0x32, 0x50, clique << 3, 0], at + 2);
    return undefined;
  }

  // The list as vfio_add_nv_gpudirect_cap walks it: up to the first pointer that cannot be one.
  #physicalList(): number[] {
    const list: number[] = [];
    let at = this.#region[CAPABILITY_LIST] ?? 0;
    for (; at >= 0x40 && at <= 0xfc && list.length < 256; at = this.shadow[at + 1] ?? 0) {
      list.push(at);
    }
    return list;
  }

  // vfio_add_vmd_shadow_cap: the host's own BAR 2 to 5 shown to the guest
  #addVmdShadow(): Failure {
    if (get16(this.shadow, 0x00) !== 0x8086) return undefined;
    if (!VMD_IDS.includes(get16(this.shadow, 0x02))) return undefined;
    const failure = this.#add(VENDOR_SPECIFIC, 0xe8, 24);
    if (failure !== undefined) return failure;
    this.shadow.set([24, 1, 0x57, 0x44, 0x48, 0x53], 0xea);
    this.shadow.set(this.#region.subarray(0x18, 0x28), 0xf0);
    return undefined;
  }

  // vfio_add_ext_cap
  #addExtendedCapabilities(): Failure {
    const { bus } = this.#facts;
    const isExpressBus = bus === "port" || bus === "root";
    if (this.#size === 256 || !isExpressBus || get32(this.shadow, 0x100) === 0) return undefined;
    const physical = this.shadow.slice();
    const chain: number[] = [];
    for (let at = 0x100; at !== 0; at = (get32(physical, at) >>> 20) & 0xffc) {
      if (chain.length === 1024) return { code: "capability-loop", offset: at };
      chain.push(at);
    }
    const sorted = Uint16Array.from(chain).sort();
    // A head that no capability may hold; its id is taken back when the head is not kept.
    set32(this.shadow, 0x100, 0xffff);
    set32(this.wmask, 0x100, 0);
    let tail = 0x100;
    for (const at of chain) {
      const header = get32(physical, at);
      const size = (sorted[sorted.indexOf(at) + 1] ?? 0x1000) - at;
      if (!this.#keepsExtended(header & 0xffff, at)) continue;
      // The assertions of pcie_add_capability
      if (at < 0x100 || size < 8) {
        return { code: "extended-capability-misplaced", offset: at, size };
      }
      if (at !== 0x100) set16(this.shadow, tail + 2, get16(this.shadow, tail + 2) & 0xf | at << 4);
      set32(this.shadow, at, header & 0xfffff);
      this.wmask.fill(0, at, at + size);
      this.cmask.fill(0xff, at, at + size);
      tail = at;
    }
    if (get16(this.shadow, 0x100) === 0xffff) set16(this.shadow, 0x100, 0);
    return undefined;
  }

  #keepsExtended(id: number, at: number): boolean {
    const { qemu, properties } = this.#facts;
    switch (id) {
      case 0:
      case SRIOV:
      case ARI:
        return false;
      case REBAR:
        return qemu.atLeast(8, 1) && this.#fixRebar(at);
      case ATS:
        return properties.ats !== "off";
      default:
        return true;
    }
  }

  // vfio_setup_rebar_ecap: only the current size is offered. False: the capability is dropped.
  #fixRebar(at: number): boolean {
    const sizes = this.#facts.qemu.atLeast(10, 1) ? 0xfffffff0 : 0x00fffff0;
    const count = (get32(this.shadow, at + 8) & 0xe0) >> 5;
    for (let index = 0; index < count; index++) {
      const [capability, control] = [at + 4 + 8 * index, at + 8 + 8 * index];
      const value = get32(this.shadow, control);
      const size = (value & 0x1f00) >> 8;
      const offered = size <= 27 ? (1 << (size + 4)) >>> 0 : 0;
      if ((offered & sizes) === 0) return false;
      this.#emulateLong(capability, offered, 0xffffffff);
      this.#emulateLong(control, value & 0x1fe7, 0xffffffff);
    }
    return true;
  }

  // vfio_intx_enable
  #checkInterruptPin(): Failure {
    const pin = this.#region[INTERRUPT_PIN] ?? 0;
    return pin > 4 ? { code: "interrupt-pin", pin } : undefined;
  }
}

function isPowerOfTwo(size: number): boolean {
  return Number.isSafeInteger(size) && size > 0 && Number.isInteger(Math.log2(size));
}
