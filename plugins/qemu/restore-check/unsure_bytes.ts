import { type ConfigSpace, get32, spaceOf } from "premigrate/policy";

type Ranges = readonly (readonly [start: number, end: number])[];

// Offsets within a capability of registers that the hardware or the guest changes while it runs
// (PCI Power Management 3.2.4, PCI 2.2 appendix I, PCI Express 7.5.3 and 7.8).
const STANDARD: Readonly<Record<number, Ranges>> = {
  0x01: [[0x04, 0x06]], // PMCSR
  0x03: [[0x02, 0x08]], // VPD address and data
  0x10: [[0x08, 0x0c], [0x10, 0x14], [0x28, 0x2c], [0x30, 0x34]], // device and link control, status
};
const EXTENDED: Readonly<Record<number, Ranges>> = {
  0x0001: [[0x04, 0x08], [0x10, 0x14], [0x1c, 0x2c]], // AER status, header log
  0x0018: [[0x04, 0x08]], // LTR latencies
  0x001f: [[0x08, 0x0c]], // PTM control
};

/**
 * The bytes of a shadow that need not be what they were when QEMU read them: a dump taken at another
 * time may differ there without meaning anything.
 *
 * @param isGuestView The bytes are what a guest sees: QEMU has taken SR-IOV and ARI out of the list,
 * so that nobody can tell where the capability before them ended.
 */
export function unsureBytes(shadow: Uint8Array, isGuestView: boolean): ReadonlySet<number> {
  const space: ConfigSpace = spaceOf(shadow);
  const offsets = new Set<number>();
  const add = (start: number, end: number): void => {
    for (let offset = start; offset < end; offset++) offsets.add(offset);
  };
  if (isGuestView) {
    add(0x100, shadow.length);
    for (const { offset, length, lengthKnown } of space.extended) {
      for (let at = offset; at < offset + (lengthKnown ? length : 4); at++) offsets.delete(at);
    }
  }
  const addRanges = (at: number, ranges: Ranges): void =>
    ranges.forEach(([start, end]) => add(at + start, at + end));
  for (const { offset, id } of space.capabilities) addRanges(offset, STANDARD[id] ?? []);
  for (const { offset, id } of space.extended) addRanges(offset, EXTENDED[id] ?? []);
  return offsets;
}

// Offsets within a capability of what no guest, driver or hardware changes while the device is open
// (PCI 3.0, 6.7 and 6.8, PCI Power Management 3.2.3, PCI Express 7.5.3, 7.8.6 and 7.9.3). Of a Vendor
// Specific Capability the vendor's driver makes the body when it makes the device.
const FIXED: Readonly<Record<number, Ranges>> = {
  0x01: [[0x02, 0x04]],
  0x05: [[0x02, 0x18]], // QEMU keeps of MSI what the device can, and clears what the guest has set
  0x09: [[0x02, 0x100]],
  0x0d: [[0x02, 0x08]],
  0x10: [[0x02, 0x08], [0x0c, 0x10], [0x14, 0x18], [0x24, 0x28], [0x2c, 0x30]],
  0x11: [[0x02, 0x0c]],
  0x13: [[0x02, 0x04]],
};
const FIXED_EXTENDED: Readonly<Record<number, Ranges>> = {
  0x0003: [[0x04, 0x0c]],
  0x000b: [[0x04, 0x08]],
  0x0015: [[0x04, 0x34]],
};
const VENDOR_SPECIFIC = 0x09;
/** "WDHS": vfio_add_vmd_shadow_cap shows the addresses of BARs there. */
const VMD_SHADOW = 0x53484457;

/**
 * The bytes of a shadow that need not be what they were when QEMU read them, where they were read of a
 * device that runs: all that is not known to be fixed.
 *
 * @param shadow The destination's.
 * @param other The source's.
 * @param arrived QEMU's copy came from another host, which need not show the same body of a Vendor
 * Specific Capability.
 */
export function changingBytes(
  shadow: Uint8Array,
  other: Uint8Array,
  arrived: boolean,
): ReadonlySet<number> {
  const offsets = new Set(shadow.keys());
  const fix = (start: number, end: number): void => {
    for (let offset = start; offset < end; offset++) offsets.delete(offset);
  };
  const fixRanges = (list: readonly number[], at: number, ranges: Ranges): void => {
    const limit = Math.min(...list.filter((other) => other > at), Infinity);
    for (const [start, end] of ranges) fix(at + start, Math.min(at + end, limit));
  };
  fix(0, 0x40);
  // As QEMU walks the list, which takes every bit of a pointer.
  const standard = walk(shadow[0x34] ?? 0, (at) => shadow[at + 1] ?? 0);
  for (const at of standard) {
    const id = shadow[at] ?? 0;
    const isVmd = get32(shadow, at + 4) === VMD_SHADOW;
    const isOfOther = id === VENDOR_SPECIFIC && arrived;
    const ranges = isVmd ? [] : isOfOther ? [[0x02, 0x03]] as const : FIXED[id] ?? [];
    fixRanges(standard, at, [[0, 2], ...ranges]);
    // Behind its end is no register where it reads as 0 (PCI 3.0, 6.1); of others nothing is known.
    if (id === VENDOR_SPECIFIC) {
      const end = at + Math.max(3, shadow[at + 2] ?? 0);
      const limit = Math.min(...standard.filter((other) => other > at), 0x100);
      for (let gap = end; gap < limit; gap++) {
        if (shadow[gap] !== 0 || other[gap] !== 0) offsets.add(gap);
      }
    }
  }
  const first = shadow.length > 0x100 ? 0x100 : 0;
  const extended = walk(first, (at) => (get32(shadow, at) >>> 20) & 0xffc);
  for (const at of extended) {
    const ranges = FIXED_EXTENDED[get32(shadow, at) & 0xffff] ?? [];
    fixRanges(extended, at, [[0, 4], ...ranges]);
  }
  return offsets;
}

function walk(first: number, nextOf: (at: number) => number): number[] {
  const list = new Set<number>();
  for (let at = first; at !== 0 && !list.has(at); at = nextOf(at)) list.add(at);
  return [...list];
}
