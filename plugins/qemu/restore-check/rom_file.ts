import {
  type DevicePair,
  LARGEST_ROM_FILE,
  type Machine,
  type Migration,
  opensRomFile,
  optionRomSize,
  type PolicyFinding,
  propertiesOf,
  type QemuVersion,
  romBlockName,
  romFileSize,
  type Side,
  SIDES,
} from "premigrate/policy";
import type { CODES } from "./codes.ts";
import { possibleQemus } from "./scenarios.ts";

type Finding = PolicyFinding<typeof CODES>;

/**
 * The RAM block that QEMU makes of a ROM file: its name and its size must be the same on both sides
 * (`parse_ramblocks`, `qemu_ram_resize`). A device's own ROM is none (`vfio_pci_size_rom`), and with
 * `rombar=0` the file goes to the firmware by fw_cfg, of which nothing is sent.
 */
export function* checkRomFile(pair: DevicePair, migration: Migration): Generator<Finding> {
  const [sources, destinations] = SIDES.map((side) =>
    possibleQemus(pair, migration, side).accepting
  );
  const likeliest = destinations?.at(-1);
  // Without one, QEMU refuses the properties or is not known: that is told elsewhere.
  if (sources === undefined || destinations === undefined || likeliest === undefined) return;
  const { romFile: file = "", romBar, romSize } = propertiesOf(
    pair.guest.properties,
    likeliest,
  );
  if (file === "" || romBar === false) return;

  const missing: string[] = [];
  const names = [sources, destinations].map((qemus) => new Set(qemus.map(romBlockName)));
  const [from = new Set(), to = new Set()] = names;
  if (from.size === 1 && to.size === 1) {
    const [[source = ""], [destination = ""]] = [[...from], [...to]];
    if (source !== destination) {
      yield { code: "rom-block-unknown", data: { file, source, destination } };
    }
  } else {
    missing.push(...SIDES.filter((_, index) => names[index]?.size !== 1).map(versionOf));
  }

  const opening = destinations.filter((qemu) => opensRomFile(qemu, romSize));
  if (opening.length > 0) {
    yield* checkFile(pair, migration, { file, romSize, opening, destinations, missing });
  }
  if (missing.length > 0) {
    yield { code: "rom-file-unknown", data: { file, missing: [...new Set(missing)].join(", ") } };
  }
}

function versionOf(side: Side): string {
  return `the ${side}'s QEMU version`;
}

interface Rom {
  readonly file: string;
  readonly romSize: number | undefined;
  /** The destination's possible QEMUs, and those of them that look for the file. */
  readonly destinations: readonly QemuVersion[];
  readonly opening: readonly QemuVersion[];
  /** What is not known, to be added to. */
  readonly missing: string[];
}

function* checkFile(
  pair: DevicePair,
  migration: Migration,
  { file, romSize, destinations, opening, missing }: Rom,
): Generator<Finding> {
  const there = romFileSize(pair, migration.destination);
  if (there === undefined) {
    missing.push("the file's size on the destination");
  } else {
    const refusal = refuse(file, there, romSize);
    if (refusal !== undefined && opening.length < destinations.length) {
      missing.push(versionOf("destination"));
    } else if (refusal !== undefined) {
      yield refusal;
      return;
    }
  }
  if (romSize !== undefined) return;

  const here = romFileSize(pair, migration.source);
  if (typeof here !== "number" || refuse(file, here, romSize) !== undefined) {
    missing.push("the file's size on the source");
    return;
  }
  if (typeof there !== "number") return;
  const [source, destination] = [optionRomSize(here), optionRomSize(there)];
  if (source === destination) return;
  const page = largestPage(migration.machine);
  if (Math.max(source, page) === Math.max(destination, page)) {
    missing.push("whether two ROMs within a page of memory agree");
    return;
  }
  const [qemu] = opening;
  const block = qemu === undefined ? "" : romBlockName(qemu);
  yield { code: "rom-file-differs", data: { file, block, source, destination } };
}

/** What QEMU says of a file as it opens the device. */
function refuse(
  file: string,
  size: number | null,
  romSize: number | undefined,
): Finding | undefined {
  if (size === null) return { code: "rom-file-missing", data: { file } };
  const problem = size === 0
    ? "is empty"
    : size > LARGEST_ROM_FILE
    ? "is larger than 2 GiB"
    : romSize !== undefined && size > romSize
    ? `is too large for ROM size ${romSize}`
    : undefined;
  return problem === undefined
    ? undefined
    : { code: "rom-file-refused", data: { file, size, problem } };
}

/** A RAM block is whole pages of the host (`qemu_ram_alloc_internal`): 4 KiB on x86, up to 64 KiB elsewhere. */
function largestPage(machine: Machine | undefined): number {
  return machine?.family === "q35" || machine?.family === "i440fx" ? 0x1000 : 0x1_0000;
}
