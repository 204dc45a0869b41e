import { decodeHex } from "@std/encoding/hex";
import {
  isAttributeName,
  LONGEST_ATTRIBUTE,
  MOST_ATTRIBUTES_READ,
} from "../../policy/attributes.ts";
import type { MigrationSupport } from "../../policy/migration.ts";
import { isFilePath, MOST_FILES } from "./file_path.ts";
import { mayBeNone, toldKeys } from "./keys.ts";

/** What the probe read of one host. */
export interface ProbeReport {
  /** The host. */
  readonly host: ProbedHost;
  /** The devices it was asked for, each once. */
  readonly devices: readonly ProbedDevice[];
  /** Addresses it was asked for where the host has no device. */
  readonly absent: readonly string[];
  /** The files it was asked for. */
  readonly files: readonly ProbedFile[];
  /** The QEMU it was asked for. */
  readonly emulator: ProbedEmulator | undefined;
  /** The guests that libvirt runs; none where they were not asked for. */
  readonly guests: readonly ProbedGuest[];
}

/** What was read of the QEMU of a guest. */
export interface ProbedGuest {
  /** The guest's UUID. */
  readonly uuid: string;
  /** The file that runs, as {@linkcode ProbedEmulator.identity} tells it. */
  readonly exe: string | undefined;
  /** What is not known. */
  readonly missing: Missing;
}

/**
 * Why facts are not known, by their names in the report: the name in sysfs, with `parent/` before
 * that of a parent. What a device has none of (`vpd`, `qat/cfg_services`) is not in it.
 */
export type Missing = Readonly<Record<string, string>>;

/** What was read of the host itself. */
export interface ProbedHost {
  /** When, by the host's clock, in ISO 8601. */
  readonly time: string | undefined;
  /** Its name for itself. */
  readonly hostname: string | undefined;
  /** `uname -r`. */
  readonly kernel: string | undefined;
  /** `uname -m`. */
  readonly architecture: string | undefined;
  /** The user that the probe ran as. */
  readonly uid: number | undefined;
  /** Another one after each boot. */
  readonly bootId: string | undefined;
  /** `/etc/machine-id`. */
  readonly machineId: string | undefined;
  /** The lines of `modules.alias` that say which VFIO driver fits which device. */
  readonly vfioAliases: string | undefined;
  /** The version in `/proc/driver/nvidia/version`. */
  readonly nvidiaVersion: string | undefined;
  /** Modules with a part in migration that are loaded or built in, by name. */
  readonly modules: Readonly<Record<string, ProbedModule>>;
  /** What is not known. */
  readonly missing: Missing;
}

/** The versions that a kernel module tells; those of the kernel's own source tell none. */
export interface ProbedModule {
  /** `MODULE_VERSION`. */
  readonly version: string | undefined;
  /** A checksum of its source. */
  readonly srcversion: string | undefined;
}

/** A driver that is bound to a device. */
export interface ProbedDriver extends ProbedModule {
  /** As sysfs names it, which may differ from the module's name. */
  readonly name: string;
  /** Its module; `undefined` where it is built in. */
  readonly module: string | undefined;
}

/** What is read both of a device and of the function that it is a part of. */
export interface ProbedFunction {
  /** `0000:3b:00.4`; an mdev's UUID; the name of an mdev's parent that is no PCI function. */
  readonly address: string;
  /** As the kernel knows it; a VF's config space has ffff in its place. */
  readonly vendor: number | undefined;
  /** Likewise. */
  readonly device: number | undefined;
  /** Offset 2c of the config space. */
  readonly subsystemVendor: number | undefined;
  /** Offset 2e of the config space. */
  readonly subsystemDevice: number | undefined;
  /** Offset 08 of the config space. */
  readonly revision: number | undefined;
  /** `undefined` where the firmware names none. */
  readonly numaNode: number | undefined;
  /** The driver that is bound to it. */
  readonly driver: ProbedDriver | undefined;
  /** Of a physical function that can have VFs. */
  readonly sriov: ProbedSriov | undefined;
  /** Of a physical function of Intel QAT. */
  readonly qat: ProbedQat | undefined;
  /** What `devlink dev info` tells; asked of `mlx5_core` and `pds_core` alone. */
  readonly firmware: ProbedFirmware | undefined;
}

/** The VFs of a physical function. */
export interface ProbedSriov {
  /** How many there are. */
  readonly vfs: number | undefined;
  /** How many there may be. */
  readonly totalVfs: number | undefined;
  /** MSI-X vectors to share out among them. */
  readonly totalMsix: number | undefined;
}

/** What a QAT device is set up for. */
export interface ProbedQat {
  /** As `sym;asym;dc`. */
  readonly services: string | undefined;
  /** `up` or `down`. */
  readonly state: string | undefined;
}

/** Firmware that is running. */
export interface ProbedFirmware {
  /** `fw.version`, or `fw` where the driver has no other. */
  readonly version: string | undefined;
  /** The board, as `MT_0000000359`. */
  readonly psid: string | undefined;
}

/** A VF's physical function, or an mdev's parent. */
export interface ProbedParent extends ProbedFunction {
  /** Its own physical function, where it is a VF. */
  readonly physfn: string | undefined;
}

/** What was read of a device. */
export interface ProbedDevice extends ProbedFunction {
  /** The function that it is a part of. */
  readonly parent: ProbedParent | undefined;
  /** Which VF of its parent it is, from 0. */
  readonly vfIndex: number | undefined;
  /** 24 bits: base class, subclass, programming interface. */
  readonly class: number | undefined;
  /** Its config space as sysfs shows it; an mdev has none there. */
  readonly config: ProbedConfig | undefined;
  /** Sizes in bytes of BAR 0 to 5, 0 for none. */
  readonly bars: readonly number[] | undefined;
  /** Size in bytes of the expansion ROM, 0 for none. */
  readonly romSize: number | undefined;
  /** Vital Product Data. */
  readonly vpd: Uint8Array | undefined;
  /** What drivers are matched by: `pci:v000015B3d0000101E...`. */
  readonly modalias: string | undefined;
  /** As `vfio0`. */
  readonly vfioDevice: string | undefined;
  /** The group's number, as text. */
  readonly iommuGroup: string | undefined;
  /** `D0` to `D3cold`, `unknown` or `error`. */
  readonly powerState: string | undefined;
  /** Whether the kernel may take its power away. */
  readonly d3coldAllowed: boolean | undefined;
  /** How the kernel would reset it, as `flr`; the first is tried first. */
  readonly resetMethods: readonly string[] | undefined;
  /** What its driver offers VFIO for migration; `undefined` where debugfs does not tell. */
  readonly migration: MigrationSupport | undefined;
  /** What kind of mdev it is. */
  readonly mdevType: ProbedMdevType | undefined;
  /** What NVIDIA's driver tells of it. */
  readonly nvidia: ProbedVgpu | undefined;
  /**
   * The attributes that it was asked for, by their names: text without the newline at its end; `null`:
   * it is not there. Absent: it is missing, as `attributes/NAME`.
   */
  readonly attributes: Readonly<Record<string, string | null>> | undefined;
  /** What is not known. */
  readonly missing: Missing;
}

/**
 * Why bytes may not be what they seem:
 *
 * - `all-ff`: nothing answered;
 * - `asleep`: the device was in D3cold before they were read: without power it answers nothing, and
 *   may still be waking. In D3hot, where vfio-pci keeps idle functions, it answers config reads (PCI
 *   Bus Power Management 5.4.1);
 * - `power-unknown`: whether it was, nobody could tell;
 * - `header-only`: only the first 64 bytes are shown to whoever lacks `CAP_SYS_ADMIN` (the kernel's
 *   `pci_read_config`).
 */
export type ConfigDoubt = "all-ff" | "asleep" | "power-unknown" | "header-only";

/** A config space. */
export interface ProbedConfig {
  /** All that the kernel gives, from offset 0: mostly 64, 256 or 4096. */
  readonly bytes: Uint8Array;
  /** None, where they can be believed. */
  readonly doubts: readonly ConfigDoubt[];
}

/** A kind of mdev. */
export interface ProbedMdevType {
  /** As `nvidia-558`; with NVIDIA its number differs between driver branches. */
  readonly id: string;
  /** As `NVIDIA A40-8Q`. */
  readonly name: string | undefined;
  /** For people. */
  readonly description: string | undefined;
  /** As `vfio-pci`. */
  readonly deviceApi: string | undefined;
  /** How many more of them the parent can have. */
  readonly availableInstances: number | undefined;
}

/** What NVIDIA's driver tells of a vGPU. */
export interface ProbedVgpu {
  /** The number of its type, 0 for none. */
  readonly currentType: number | undefined;
  /** What it could be made now. */
  readonly creatableTypes: readonly { readonly id: number; readonly name: string }[] | undefined;
  /** Plugin parameters, as `enable_uvm=0`. */
  readonly params: string | undefined;
}

/** What the file system tells of a file. */
export interface ProbedFile {
  /** Its path. */
  readonly path: string;
  /** Its size in bytes; `null`: there is no such file; `undefined`: it is missing. */
  readonly size: number | null | undefined;
  /** When its content last changed, as it says (`st_mtime`), in seconds since 1970. */
  readonly modified: number | undefined;
  /** When it last changed (`st_ctime`), which no program can set. */
  readonly changed: number | undefined;
  /** What is not known. */
  readonly missing: Missing;
}

/** What was read of a QEMU binary. */
export interface ProbedEmulator {
  /** Its path. */
  readonly path: string;
  /** Another one when the file has changed: size, times, inode, device. */
  readonly identity: string | undefined;
  /**
   * The file that answered; another one than that of the path where this is a wrapper, which may start
   * another one the next time. `undefined` where the emulator was not run, or that cannot be told.
   */
  readonly exe: string | undefined;
  /** The same of libvirt's daemons that are installed. */
  readonly daemons: string | undefined;
  /**
   * What it wrote to its QMP monitor, a JSON document each line: the greeting, and the replies with
   * the ids `version`, `machines-compat-props` (an error before QEMU 9.1) and `machines`; `undefined`
   * where it has not answered them all.
   */
  readonly qmp: string | undefined;
  /** What is not known. */
  readonly missing: Missing;
}

/**
 * What is wrong with a report:
 *
 * - `no-report`: the text is something else;
 * - `version`: it is of another version;
 * - `truncated`: its end is missing;
 * - `malformed`: a part of it is not as the probe writes it;
 * - `too-large`.
 */
export type ProbeErrorCode = "no-report" | "version" | "truncated" | "malformed" | "too-large";

/** A probe's report that cannot be used. */
export class ProbeError extends Error {
  /** The class, also where it is bundled under another name. */
  override readonly name = "ProbeError";
  /** What is wrong. */
  readonly code: ProbeErrorCode;
  /** Where, counted from 1; `undefined` when it concerns no single line. */
  readonly line: number | undefined;

  /** `problem` ends the message. */
  constructor(code: ProbeErrorCode, problem: string, line?: number) {
    super(`Reading the probe's report${line === undefined ? "" : ` at line ${line}`}: ${problem}`);
    this.code = code;
    this.line = line;
  }
}

/** The longest report that is read, in bytes: {@linkcode MAX_PROBED_DEVICES} devices of 4096 bytes. */
export const MAX_REPORT_BYTES = 64 * 1024 * 1024;

/** The most devices in one report. */
export const MAX_PROBED_DEVICES = 4096;

/** Before the names of attributes that policies declare. */
const DECLARED = "attributes/";

const START = /(?:^|\n)premigrate-probe ([0-9]{1,9})(?=\n)/;
const END = /\nend ([0-9]{1,9})\n$/;
const ATTRIBUTE = /^attr ([A-Za-z0-9_./-]{1,200}) (?:(s) ([ -~]*)|(x)|- ([ -~]+))$/;
const HEX_LINE = /^(?: [0-9a-f]{2})+$/;
const HEADING =
  /^(?:(host)|(emulator) (\/[A-Za-z0-9._/-]*)|(device|absent|guest) ([0-9a-f:.-]+)|(file) (\/.+))$/;
/** Sections of which there may be several. */
const NAMED: readonly string[] = ["device", "absent", "file"];
const ADDRESS =
  /^(?:[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

const MOST_CONFIG_BYTES = 4096;
const HEADER_BYTES = 64;
// probe.sh ends the emulator when this has come.
const LAST_REPLY = '"id": "machines"';
const EXE = /\n\nexe ([0-9:]+)$/;

/**
 * Says whether the probe takes it for a device: a PCI address `DDDD:BB:SS.F` or an mdev's UUID, in
 * lower case.
 *
 * @example
 * ```ts
 * import { isDeviceAddress } from "./report.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isDeviceAddress("0000:3b:00.4"), true);
 * assertEquals(isDeviceAddress("../0000:3b:00.4"), false);
 * ```
 */
export function isDeviceAddress(text: string): boolean {
  return ADDRESS.test(text);
}

/**
 * Reads what `probe.sh` prints. Other text before it, as a login shell may print, is passed over;
 * a report without its end is an error wherever it was cut, and so is one without a word of what the
 * probe tells of every device.
 *
 * @throws {ProbeError} It is no whole report, or longer than {@linkcode MAX_REPORT_BYTES}.
 *
 * @example
 * ```ts
 * import { parseProbeReport } from "./report.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { host, absent } = parseProbeReport(`premigrate-probe 1
 * host
 * attr sys/kernel/osrelease s 6.12.0
 * attr machine-id - not permitted
 * absent 0000:3b:00.4
 * end 4
 * `);
 *
 * assertEquals(host.kernel, "6.12.0");
 * assertEquals(host.missing, { "machine-id": "not permitted" });
 * assertEquals(absent, ["0000:3b:00.4"]);
 * ```
 */
export function parseProbeReport(report: string | Uint8Array): ProbeReport {
  if (report.length > MAX_REPORT_BYTES) {
    throw new ProbeError("too-large", `found ${report.length} bytes, wanted ${MAX_REPORT_BYTES}`);
  }
  const text = typeof report === "string" ? report : new TextDecoder().decode(report);
  const sections = readSections(text);
  const [host] = sections;
  if (host?.name !== "host") {
    throw new ProbeError("malformed", "the host's facts do not come first");
  }
  const subjects = sections.map(({ name, argument }) =>
    NAMED.includes(name) ? argument : `${name} ${name === "guest" ? argument : ""}`
  );
  if (new Set(subjects).size < subjects.length) {
    throw new ProbeError("malformed", "it tells of something twice");
  }
  const devices = sections.filter(({ name }) => name === "device");
  const absent = sections.filter(({ name }) => name === "absent");
  const files = sections.filter(({ name }) => name === "file");
  const emulator = sections.find(({ name }) => name === "emulator");
  if (files.length > MOST_FILES) {
    throw new ProbeError("too-large", `found ${files.length} files, wanted at most ${MOST_FILES}`);
  }
  const count = devices.length + absent.length;
  if (count > MAX_PROBED_DEVICES) {
    throw new ProbeError(
      "too-large",
      `found ${count} devices, wanted at most ${MAX_PROBED_DEVICES}`,
    );
  }
  return {
    host: readHost(host.attributes),
    devices: devices.map(readDevice),
    absent: absent.map(({ argument }) => argument),
    files: files.map(readFile),
    emulator: emulator && readEmulator(emulator),
    guests: sections.filter(({ name }) => name === "guest").map(readGuest),
  };
}

interface Section {
  readonly name: string;
  readonly argument: string;
  readonly attributes: Attributes;
}

type Value = { readonly lines: string[] } | { readonly hex: string[] } | { readonly why: string };

function readSections(text: string): Section[] {
  const start = START.exec(text);
  if (start === null) {
    throw new ProbeError("no-report", 'found no line "premigrate-probe 1"');
  }
  if (start[1] !== "1") throw new ProbeError("version", `found version ${start[1]}, wanted 1`);
  const body = text.slice(start.index + start[0].length);
  const end = END.exec(body);
  if (end === null) {
    if (/^end [0-9]+\n/m.test(body)) throw new ProbeError("malformed", "found text after its end");
    throw new ProbeError("truncated", "its end is missing");
  }

  const sections: Section[] = [];
  const firstLine = text.slice(0, start.index + start[0].length).split("\n").length + 1;
  const lines = end.index === 0 ? [] : body.slice(1, end.index).split("\n");
  let records = 0;
  let last: { readonly key: string; readonly value: Value } | undefined;
  for (const [index, line] of lines.entries()) {
    const fail = (problem: string): never => {
      throw new ProbeError("malformed", problem, firstLine + index);
    };
    if (line.startsWith(" ")) {
      if (last === undefined || !("hex" in last.value)) return fail("found bytes of no attribute");
      if (!HEX_LINE.test(line)) return fail("found something else than bytes");
      last.value.hex.push(line.replaceAll(" ", ""));
      continue;
    }
    records++;
    const [, key, isText, shown = "", isHex, why = ""] = ATTRIBUTE.exec(line) ?? [];
    if (key === undefined) {
      last = undefined;
      sections.push(readHeading(line) ?? fail("found no section or attribute"));
      continue;
    }
    if (isText && last?.key === key && "lines" in last.value) {
      last.value.lines.push(shown);
      continue;
    }
    last = { key, value: isText ? { lines: [shown] } : isHex ? { hex: [] } : { why } };
    if (!sections.at(-1)?.attributes.add(key, last.value)) {
      return fail(`found the attribute ${key} twice, or outside of a section`);
    }
  }
  if (records !== Number(end[1])) {
    throw new ProbeError("malformed", `found ${records} lines, wanted ${end[1]}`);
  }
  return sections;
}

function readHeading(line: string): Section | undefined {
  const [, host, emulator, path, device, address, file, named] = HEADING.exec(line) ?? [];
  const name = host ?? emulator ?? device ?? file;
  if (name === undefined || (address !== undefined && !isDeviceAddress(address))) return undefined;
  if (named !== undefined && !isFilePath(named)) return undefined;
  return { name, argument: path ?? address ?? named ?? "", attributes: new Attributes() };
}

/** What is told of one thing; what cannot be read as wanted becomes missing. */
class Attributes {
  readonly #values = new Map<string, Value>();
  readonly #refused = new Map<string, string>();

  /** Says whether it is new. */
  add(key: string, value: Value): boolean {
    if (this.#values.has(key)) return false;
    this.#values.set(key, value);
    return true;
  }

  keys(): IterableIterator<string> {
    return this.#values.keys();
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  refuse(key: string, why: string): undefined {
    this.#refused.set(key, why);
  }

  /** That it is not there is what was asked, and not missing. */
  isNotThere(key: string): boolean {
    const value = this.#values.get(key);
    return value !== undefined && "why" in value && value.why === "not there";
  }

  /** The first of the keys of which the report says nothing, not even why not. */
  untold(keys: readonly string[]): string | undefined {
    return keys.find((key) => !this.#values.has(key));
  }

  get missing(): Missing {
    const isNone = (key: string): boolean =>
      (key.startsWith(DECLARED) || mayBeNone(key)) && this.isNotThere(key);
    const told = Array.from(this.#values)
      .flatMap(([key, value]) => "why" in value ? [[key, value.why] as const] : [])
      .filter(([key]) => !isNone(key));
    return Object.fromEntries([...told, ...this.#refused]);
  }

  bytes(key: string): Uint8Array | undefined {
    const value = this.#values.get(key);
    if (value === undefined || "why" in value) return undefined;
    if ("hex" in value) return decodeHex(value.hex.join(""));
    return new TextEncoder().encode(value.lines.map((line) => `${line}\n`).join(""));
  }

  /** Without the newline at its end. */
  text(key: string): string | undefined {
    const bytes = this.bytes(key);
    return bytes && new TextDecoder().decode(bytes).replace(/\n$/, "");
  }

  /** What is empty tells nothing. */
  name(key: string): string | undefined {
    const text = this.text(key);
    return text === "" ? this.refuse(key, "it is empty") : text;
  }

  /** Text and nothing else, within bounds. */
  plainText(key: string): string | undefined {
    const bytes = this.bytes(key);
    if (bytes === undefined) return undefined;
    if (bytes.length > LONGEST_ATTRIBUTE) return this.refuse(key, "too large");
    const text = decodeUtf8(bytes)?.replace(/\n$/, "");
    if (text === undefined) return this.refuse(key, "found bytes that are no UTF-8");
    return /[^\P{Cc}\n\t]/u.test(text) ? this.refuse(key, "found control characters") : text;
  }

  matching(key: string, pattern: RegExp, wanted: string): string | undefined {
    const text = this.text(key);
    if (text === undefined || pattern.test(text)) return text;
    return this.refuse(key, `found ${JSON.stringify(text.slice(0, 80))}, wanted ${wanted}`);
  }

  hex(key: string, digits: number): number | undefined {
    const pattern = new RegExp(`^0x[0-9a-f]{1,${digits}}$`);
    const text = this.matching(key, pattern, `${4 * digits} bits in hexadecimal`);
    return text === undefined ? undefined : Number(text);
  }

  count(key: string): number | undefined {
    const text = this.matching(key, /^[0-9]{1,9}$/, "a number");
    return text === undefined ? undefined : Number(text);
  }
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function readHost(attributes: Attributes): ProbedHost {
  const nvidia = attributes.text("driver/nvidia/version");
  const [, nvidiaVersion] = /^NVRM version:.*?\s([0-9]+(?:\.[0-9]+)+)(?:\s|$)/m
    .exec(nvidia ?? "") ?? [];
  if (nvidia !== undefined && nvidiaVersion === undefined) {
    attributes.refuse("driver/nvidia/version", "found no version in it");
  }
  const modules = Array.from(attributes.keys())
    .flatMap((key) => /^module\/([^/]+)\/version$/.exec(key)?.[1] ?? []);
  return {
    time: attributes.matching(
      "time",
      /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/,
      "a time in ISO 8601",
    ),
    hostname: attributes.name("sys/kernel/hostname"),
    kernel: attributes.name("sys/kernel/osrelease"),
    architecture: attributes.text("architecture"),
    uid: attributes.count("uid"),
    bootId: attributes.name("sys/kernel/random/boot_id"),
    machineId: attributes.name("machine-id"),
    vfioAliases: attributes.has("vfio_aliases") ? attributes.text("vfio_aliases") : undefined,
    nvidiaVersion,
    modules: Object.fromEntries(
      modules.map((name) => [name, readModule(attributes, `module/${name}/`)]),
    ),
    missing: attributes.missing,
  };
}

function readModule(attributes: Attributes, prefix: string): ProbedModule {
  return {
    version: attributes.name(`${prefix}version`),
    srcversion: attributes.text(`${prefix}srcversion`),
  };
}

function readFunction(attributes: Attributes, address: string, prefix: string): ProbedFunction {
  const driver = attributes.name(`${prefix}driver`);
  return {
    address,
    vendor: attributes.hex(`${prefix}vendor`, 4),
    device: attributes.hex(`${prefix}device`, 4),
    subsystemVendor: attributes.hex(`${prefix}subsystem_vendor`, 4),
    subsystemDevice: attributes.hex(`${prefix}subsystem_device`, 4),
    revision: attributes.hex(`${prefix}revision`, 2),
    numaNode: readNumaNode(attributes, `${prefix}numa_node`),
    driver: driver === undefined ? undefined : {
      name: driver,
      module: attributes.text(`${prefix}driver/module`),
      ...readModule(attributes, `${prefix}driver/module/`),
    },
    sriov: !attributes.has(`${prefix}sriov_totalvfs`) ? undefined : {
      vfs: attributes.count(`${prefix}sriov_numvfs`),
      totalVfs: attributes.count(`${prefix}sriov_totalvfs`),
      totalMsix: attributes.count(`${prefix}sriov_vf_total_msix`),
    },
    qat: isNone(attributes, `${prefix}qat/cfg_services`) ? undefined : {
      services: attributes.name(`${prefix}qat/cfg_services`),
      state: attributes.text(`${prefix}qat/state`),
    },
    firmware: readFirmware(attributes, `${prefix}devlink`),
  };
}

function isNone(attributes: Attributes, key: string): boolean {
  return !attributes.has(key) || attributes.isNotThere(key);
}

function readNumaNode(attributes: Attributes, key: string): number | undefined {
  const text = attributes.matching(key, /^-?[0-9]{1,9}$/, "a number");
  if (text === undefined) return undefined;
  return text.startsWith("-") ? attributes.refuse(key, "the firmware names none") : Number(text);
}

/** As devlink prints it: `fixed:`, `running:` and `stored:`, and below each its versions. */
function readFirmware(attributes: Attributes, key: string): ProbedFirmware | undefined {
  const text = attributes.text(key);
  if (text === undefined) return undefined;
  const versions = new Map<string, string>();
  let kind = "";
  for (const line of text.split("\n", 1000)) {
    kind = /^\s*(fixed|running|stored):\s*$/.exec(line)?.[1] ?? kind;
    const [, name, version] = /^\s*(fw\S*)\s+(\S+)\s*$/.exec(line) ?? [];
    if (name !== undefined && version !== undefined) versions.set(`${kind} ${name}`, version);
  }
  return {
    version: versions.get("running fw.version") ?? versions.get("running fw"),
    psid: versions.get("fixed fw.psid"),
  };
}

/** @throws {ProbeError} When there is no word of what the probe says of every device. */
function readDevice({ argument, attributes }: Section): ProbedDevice {
  const parent = attributes.name("parent");
  const untold = attributes.untold(toldKeys(argument, parent !== undefined));
  if (untold !== undefined) {
    throw new ProbeError("malformed", `found nothing of ${untold} of the device ${argument}`);
  }
  const powerState = attributes.matching(
    "power_state",
    /^(D[0-2]|D3hot|D3cold|unknown|error)$/,
    "a power state",
  );
  const d3coldAllowed = attributes.matching("d3cold_allowed", /^[01]$/, "0 or 1");
  const resources = readResources(attributes);
  return {
    ...readFunction(attributes, argument, ""),
    parent: parent === undefined ? undefined : {
      ...readFunction(attributes, parent, "parent/"),
      physfn: attributes.text("parent/physfn"),
    },
    vfIndex: attributes.count("vf_index"),
    class: attributes.hex("class", 6),
    config: readConfig(attributes, powerState),
    bars: resources?.slice(0, 6),
    romSize: resources?.[6],
    vpd: attributes.bytes("vpd"),
    vfioDevice: attributes.text("vfio-dev"),
    modalias: attributes.has("modalias") ? attributes.text("modalias") : undefined,
    iommuGroup: attributes.name("iommu_group"),
    powerState,
    d3coldAllowed: d3coldAllowed === undefined ? undefined : d3coldAllowed === "1",
    resetMethods: attributes.text("reset_method")?.split(" ").filter((method) => method !== ""),
    migration: readMigration(attributes),
    mdevType: readMdevType(attributes),
    nvidia: readVgpu(attributes),
    attributes: readDeclared(attributes),
    missing: attributes.missing,
  };
}

function readConfig(
  attributes: Attributes,
  powerState: string | undefined,
): ProbedConfig | undefined {
  const bytes = attributes.bytes("config");
  if (bytes === undefined) return undefined;
  if (bytes.length === 0 || bytes.length > MOST_CONFIG_BYTES) {
    return attributes.refuse("config", `found ${bytes.length} bytes, wanted 1 to 4096`);
  }
  const doubts: ConfigDoubt[] = [];
  if (bytes.every((byte) => byte === 0xff)) doubts.push("all-ff");
  if (powerState === "D3cold") doubts.push("asleep");
  // Kernels before 5.11 have no such file.
  if (powerState === undefined && !attributes.isNotThere("power_state")) {
    doubts.push("power-unknown");
  }
  if (bytes.length === HEADER_BYTES) doubts.push("header-only");
  return { bytes, doubts };
}

/** Sizes of BAR 0 to 5 and of the ROM; each line of the file has start, end and flags. */
function readResources(attributes: Attributes): number[] | undefined {
  const text = attributes.matching(
    "resource",
    /^(?:0x[0-9a-f]{1,16} 0x[0-9a-f]{1,16} 0x[0-9a-f]{1,16}(?:\n|$)){7,64}$/,
    "7 or more lines of start, end and flags",
  );
  const sizes = text?.split("\n").slice(0, 7).map((line) => {
    const [start = 0n, end = 0n, flags = 0n] = line.split(" ").map(BigInt);
    return flags === 0n ? 0 : Number(end - start + 1n);
  });
  if (sizes?.every((size) => Number.isSafeInteger(size) && size >= 0)) return sizes;
  if (sizes !== undefined) attributes.refuse("resource", "found no size in it");
  return undefined;
}

function readMigration(attributes: Attributes): MigrationSupport | undefined {
  const offered = attributes.matching("migration", /^(yes|no)$/, "yes or no");
  const features = attributes.has("migration/features")
    ? attributes.text("migration/features")?.split("\n").filter((feature) => feature !== "")
    : undefined;
  return offered === undefined ? undefined : { offered: offered === "yes", features };
}

function readMdevType(attributes: Attributes): ProbedMdevType | undefined {
  const id = attributes.name("mdev_type");
  return id === undefined ? undefined : {
    id,
    name: attributes.name("mdev_type/name"),
    description: attributes.text("mdev_type/description"),
    deviceApi: attributes.text("mdev_type/device_api"),
    availableInstances: attributes.count("mdev_type/available_instances"),
  };
}

function readVgpu(attributes: Attributes): ProbedVgpu | undefined {
  const [type, types, params] = [
    "nvidia/current_vgpu_type",
    "nvidia/creatable_vgpu_types",
    "nvidia/vgpu_params",
  ] as const;
  if ([type, types, params].every((key) => isNone(attributes, key))) return undefined;
  const creatable = attributes.text(types);
  return {
    currentType: attributes.count(type),
    creatableTypes: creatable?.split("\n").flatMap((line) => {
      const [, id, name] = /^\s*([0-9]{1,9})\s*:\s*(\S.*)$/.exec(line) ?? [];
      return id === undefined || name === undefined
        ? []
        : [{ id: Number(id), name: name.trimEnd() }];
    }),
    params: attributes.text(params),
  };
}

function readDeclared(attributes: Attributes): Record<string, string | null> | undefined {
  const names = Array.from(attributes.keys())
    .flatMap((key) => key.startsWith(DECLARED) ? [key.slice(DECLARED.length)] : [])
    .filter(isAttributeName);
  if (names.length > MOST_ATTRIBUTES_READ) {
    throw new ProbeError(
      "too-large",
      `found ${names.length} attributes, wanted at most ${MOST_ATTRIBUTES_READ}`,
    );
  }
  const known = names.flatMap((name) => {
    const key = `${DECLARED}${name}`;
    const text = attributes.isNotThere(key) ? null : attributes.plainText(key);
    return text === undefined ? [] : [[name, text] as const];
  });
  return names.length === 0 ? undefined : Object.fromEntries(known);
}

function readFile({ argument, attributes }: Section): ProbedFile {
  const number = (key: string): number | undefined => {
    const text = attributes.matching(key, /^[0-9]{1,15}$/, "a number");
    return text === undefined ? undefined : Number(text);
  };
  const size = attributes.isNotThere("size") ? null : number("size");
  return {
    path: argument,
    size,
    modified: number("modified"),
    changed: number("changed"),
    missing: attributes.missing,
  };
}

function readGuest({ argument, attributes }: Section): ProbedGuest {
  return { uuid: argument, exe: attributes.text("exe"), missing: attributes.missing };
}

function readEmulator({ argument, attributes }: Section): ProbedEmulator {
  const answered = attributes.text("qmp");
  const [said = "", exe] = EXE.exec(answered ?? "") ?? [];
  const qmp = answered?.slice(0, answered.length - said.length);
  const isWhole = qmp?.slice(qmp.lastIndexOf("\n") + 1).includes(LAST_REPLY) ?? true;
  if (!isWhole) attributes.refuse("qmp", "it did not answer everything");
  return {
    path: argument,
    identity: attributes.text("identity"),
    exe: isWhole ? exe : undefined,
    daemons: attributes.text("daemons"),
    qmp: isWhole ? qmp : undefined,
    missing: attributes.missing,
  };
}
