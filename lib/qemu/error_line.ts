import type { RealizeFailureReason } from "./realize.ts";
import type { BadConfig } from "./restore.ts";

/**
 * QEMU's own line, as `get_pci_config_device` prints it: hexadecimal, only the offset with `0x`.
 *
 * @example
 * ```ts
 * import { formatBadConfig, parseBadConfig } from "premigrate/qemu";
 * import { assertEquals } from "@std/assert";
 *
 * const line = "Bad config data: i=0xb9 read: ff device: 2 cmask: ff wmask: 0 w1cmask:0";
 * const bad = parseBadConfig(`qemu: get_pci_config_device: ${line}`);
 * assertEquals(bad?.offset, 0xb9);
 * if (bad !== undefined) assertEquals(formatBadConfig(bad), `get_pci_config_device: ${line}`);
 * ```
 */
export function formatBadConfig(bad: BadConfig): string {
  const hex = (value: number): string => value.toString(16);
  return `get_pci_config_device: Bad config data: i=0x${hex(bad.offset)} read: ${hex(bad.read)} ` +
    `device: ${hex(bad.device)} cmask: ${hex(bad.cmask)} wmask: ${hex(bad.wmask)} ` +
    `w1cmask:${hex(bad.w1cmask)}`;
}

/** Finds QEMU's line in a text, as a log or virsh shows it; `undefined` when there is none. */
export function parseBadConfig(text: string): BadConfig | undefined {
  const match =
    /Bad config data: i=0x([0-9a-f]{1,3}) read: ([0-9a-f]{1,2}) device: ([0-9a-f]{1,2}) cmask: ([0-9a-f]{1,2}) wmask: ([0-9a-f]{1,2}) w1cmask: ?([0-9a-f]{1,2})/i
      .exec(text);
  if (match === null) return undefined;
  const [offset = 0, read = 0, device = 0, cmask = 0, wmask = 0, w1cmask = 0] = match.slice(1)
    .map((digits) => parseInt(digits, 16));
  return { offset, read, device, cmask, wmask, w1cmask };
}

/**
 * Why QEMU cannot open a device, in QEMU's own words where it has any.
 *
 * @example
 * ```ts
 * import { formatRealizeFailure } from "premigrate/qemu";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(
 *   formatRealizeFailure({ code: "interrupt-pin", pin: 17 }),
 *   "invalid PCI interrupt pin 17",
 * );
 * ```
 */
export function formatRealizeFailure(reason: RealizeFailureReason): string {
  const hex = (value: number): string => value.toString(16);
  switch (reason.code) {
    case "short-config":
      return `only ${reason.length} bytes of config space are known, 256 or 4096 are needed`;
    case "capability-loop":
      return `the capability list loops at 0x${hex(reason.offset)}, QEMU would not return`;
    case "capability-past-end":
      return `the capability at 0x${hex(reason.offset)} runs past the end of config space`;
    case "capability-overlap":
      return `Attempt to add PCI capability ${hex(reason.id)} at offset ${hex(reason.offset)} ` +
        `overlaps existing capability ${hex(reason.existing)} at offset ${hex(reason.at)}`;
    case "extended-capability-misplaced":
      return `QEMU aborts: extended capability at 0x${hex(reason.offset)} of ${reason.size} bytes`;
    case "msi-vectors":
      return `QEMU aborts: MSI capability at 0x${hex(reason.offset)} has ${reason.vectors} vectors`;
    case "msix-bir":
      return `invalid MSI-X BIR, table_bar=${reason.tableBar} pba_bar=${reason.pbaBar}`;
    case "msix-pba-outside-bar":
      return "hardware reports invalid configuration, MSIX PBA outside of specified BAR";
    case "msix-outside-bar":
      return "table & pba overlap, or they don't fit in BARs, or don't align";
    case "pcie-type":
      return `assignment of PCIe type 0x${hex(reason.type)} devices is not currently supported`;
    case "interrupt-pin":
      return `invalid PCI interrupt pin ${reason.pin}`;
    case "gpudirect":
      return `NVIDIA GPUDirect Clique ID: ${GPUDIRECT_PROBLEMS[reason.problem]}`;
    case "bar-size":
      return `QEMU aborts: BAR ${reason.bar} of ${reason.size} bytes is not a power of two`;
  }
}

const GPUDIRECT_PROBLEMS = {
  "vendor": "invalid device vendor",
  "class": "unsupported PCI class",
  "config-space": "invalid config space",
} as const;
