/**
 * What QEMU's monitor answers when it is asked for a guest's config space. Every reader here takes
 * any text; `undefined` is for one that it does not understand.
 *
 * @module
 */
import * as v from "valibot";
import { set32 } from "../../pci/bytes.ts";

/** A PCI function as QMP's `query-pci` lists it. */
export interface PciFunction {
  /** Its bus, as the guest's firmware numbered it. */
  readonly bus: number;
  /** Its device number on the bus. */
  readonly slot: number;
  /** Its function number in the device. */
  readonly function: number;
  /** Its vendor id. */
  readonly vendor: number;
  /** Its device id. */
  readonly device: number;
  /** Its id on QEMU's command line, which is libvirt's alias; the machine's own devices have none. */
  readonly alias: string | undefined;
}

/** Where a guest sees the config space of its devices. */
export interface EcamWindow {
  /** The guest's physical address of bus 0. */
  readonly base: number;
  /** The window's size in bytes; a bus takes 1 MiB. */
  readonly size: number;
}

const Status = v.object({ return: v.object({ status: v.string() }) });
const RootBuses = v.object({ return: v.array(v.object({ devices: v.array(v.unknown()) })) });
const Device = v.object({
  bus: below(256),
  slot: below(32),
  function: below(8),
  id: v.object({ vendor: below(0x10000), device: below(0x10000) }),
  qdev_id: v.string(),
  // Lists no devices while the firmware has not numbered the bus behind it (qmp_query_pci_bridge).
  pci_bridge: v.optional(v.object({ devices: v.optional(v.array(v.unknown()), []) })),
});

/** The state in an answer to QMP's `query-status`, such as `running` or `inmigrate`. */
export function parseStatus(text: string): string | undefined {
  return parse(Status, text)?.return.status;
}

/** The functions in an answer to QMP's `query-pci`, those behind bridges after their bridge. */
export function parsePciFunctions(text: string): PciFunction[] | undefined {
  const found: PciFunction[] = [];
  // A list of what is left instead of recursion: an answer may nest as deep as it likes.
  const left = parse(RootBuses, text)?.return.flatMap(({ devices }) => devices).toReversed();
  while (left !== undefined && left.length > 0) {
    const { success, output } = v.safeParse(Device, left.pop());
    if (!success) return undefined;
    const { bus, slot, function: fn, id, qdev_id, pci_bridge } = output;
    found.push({ bus, slot, function: fn, ...id, alias: qdev_id || undefined });
    for (const device of pci_bridge?.devices.toReversed() ?? []) left.push(device);
  }
  return left && found;
}

// The addresses of `memory` are the guest's; further down the region is listed by itself, at 0.
const MEMORY_TREE = /^address-space: memory\n(?:address-space: .*\n)*((?: .*\n)*)/m;
// pcie_host_mmcfg_init names the region; machines map it itself (q35) or an alias of it (virt).
const ECAM =
  /^ +([\da-f]{16})-([\da-f]{16}) \(prio -?\d+, i\/o\): (?:pcie-mmcfg-mmio|alias .* @pcie-mmcfg-mmio 0{16}-[\da-f]{16})$/gm;

/** The ECAM window in an answer to HMP's `info mtree`; `undefined` unless exactly one is mapped. */
export function parseEcamWindow(text: string): EcamWindow | undefined {
  const [, tree = ""] = MEMORY_TREE.exec(`${text.replaceAll("\r", "")}\n`) ?? [];
  const [window, ...others] = tree.matchAll(ECAM);
  if (window === undefined || others.length > 0) return undefined;
  const base = parseInt(window[1] ?? "", 16);
  const end = parseInt(window[2] ?? "", 16) + 1;
  return Number.isSafeInteger(end) && end > base ? { base, size: end - base } : undefined;
}

const WORDS = /^([\da-f]{16}):((?: 0x[\da-f]{8}){1,4}) *$/;

/**
 * The bytes in an answer to HMP's `xp /Nxw ADDRESS`, whose words are little-endian.
 *
 * @param length How many bytes were asked for, a multiple of 4.
 */
export function parseWords(text: string, address: number, length: number): Uint8Array | undefined {
  const words: number[] = [];
  for (const line of text.split(/[\r\n]+/).filter((line) => line !== "")) {
    const [, at = "", listed = ""] = WORDS.exec(line) ?? [];
    if (parseInt(at, 16) !== address + 4 * words.length) return undefined;
    words.push(...listed.trim().split(" ").map(Number));
  }
  if (4 * words.length !== length) return undefined;
  const bytes = new Uint8Array(length);
  words.forEach((word, index) => set32(bytes, 4 * index, word));
  return bytes;
}

function below(limit: number): v.GenericSchema<number> {
  return v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(limit - 1));
}

function parse<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string,
): v.InferOutput<Schema> | undefined {
  const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  return success ? output : undefined;
}
