import { type ConfigSpace, decodeConfigSpace } from "premigrate/policy";

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
 */
export function volatileBytes(shadow: Uint8Array): ReadonlySet<number> {
  const space: ConfigSpace = decodeConfigSpace(shadow);
  const offsets = new Set<number>();
  const add = (at: number, ranges: Ranges): void => {
    for (const [start, end] of ranges) {
      for (let offset = at + start; offset < at + end; offset++) offsets.add(offset);
    }
  };
  for (const { offset, id } of space.capabilities) add(offset, STANDARD[id] ?? []);
  for (const { offset, id } of space.extended) add(offset, EXTENDED[id] ?? []);
  return offsets;
}
