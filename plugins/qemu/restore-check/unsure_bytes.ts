import { type ConfigSpace, spaceOf } from "premigrate/policy";

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
