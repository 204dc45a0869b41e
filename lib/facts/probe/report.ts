import type { CapturedHost } from "../schema.ts";
import { MOST_FILES } from "./file_path.ts";
import { type ProbedDevice, readDevice } from "./read_device.ts";
import {
  type Attributes,
  type Missing,
  ProbeError,
  readSections,
  type Section,
} from "./sections.ts";

/** What the probe read of one host. */
export interface ProbeReport {
  /** The host; one that does not tell its name has an empty one. */
  readonly host: CapturedHost;
  /** The user that the probe ran as. */
  readonly uid: number | undefined;
  /** The lines of `modules.alias` that say which VFIO driver fits which device. */
  readonly vfioAliases: string | undefined;
  /** The devices it was asked for, each once. */
  readonly devices: readonly ProbedDevice[];
  readonly absent: readonly string[];
  /** The files it was asked for. */
  readonly files: readonly ProbedFile[];
  /** The QEMU it was asked for. */
  readonly emulator: ProbedEmulator | undefined;
  /** The guests that libvirt runs; none where they were not asked for. */
  readonly guests: readonly ProbedGuest[];
  /** What premigrate keeps there; `undefined` where it was not asked for. */
  readonly premigrate: ProbedPremigrate | undefined;
}

/** What premigrate keeps on a host. */
export interface ProbedPremigrate {
  /** What its hook runs by; `null`: there is none; `undefined`: it is missing. */
  readonly applied: string | null | undefined;
  /** Its records of devices and its waivers, by their paths below `/var/lib/premigrate`. */
  readonly kept: ReadonlyMap<string, string>;
  /** What is not known. */
  readonly missing: Missing;
}

/** What was read of the QEMU of a guest. */
export interface ProbedGuest {
  /** The guest's UUID. */
  readonly uuid: string;
  /** Its process. */
  readonly pid: number | undefined;
  /** The file that runs, as {@linkcode ProbedEmulator.identity} tells it. */
  readonly exe: string | undefined;
  /** What is not known. */
  readonly missing: Missing;
}

/** What the file system tells of a file. */
export interface ProbedFile {
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

/** The longest report that is read, in bytes: {@linkcode MAX_PROBED_DEVICES} devices of 4096 bytes. */
export const MAX_REPORT_BYTES = 64 * 1024 * 1024;

/** The most devices in one report. */
export const MAX_PROBED_DEVICES = 4096;

/** Sections of which there may be several. */
const NAMED: readonly string[] = ["device", "absent", "file"];
// probe.sh ends the emulator when this has come.
const LAST_REPLY = '"id": "machines"';
const APPLIED = "applied.conf";
const EXE = /\n\nexe ([0-9:]+)$/;

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
  const premigrate = sections.find(({ name }) => name === "premigrate");
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
  const read = readHost(host.attributes);
  return {
    host: read,
    uid: host.attributes.count("uid"),
    vfioAliases: host.attributes.text("vfio_aliases"),
    devices: devices.map((device) => readDevice(device, read.time)),
    absent: absent.map(({ argument }) => argument),
    files: files.map(readFile),
    emulator: emulator && readEmulator(emulator),
    guests: sections.filter(({ name }) => name === "guest").map(readGuest),
    premigrate: premigrate && readPremigrate(premigrate),
  };
}

function readHost(attributes: Attributes): CapturedHost {
  const nvidia = attributes.text("driver/nvidia/version");
  const [, nvidiaDriver] = /^NVRM version:.*?\s([0-9]+(?:\.[0-9]+)+)(?:\s|$)/m.exec(nvidia ?? "") ??
    [];
  if (nvidia !== undefined && nvidiaDriver === undefined) {
    attributes.refuse("driver/nvidia/version", "found no version in it");
  }
  const modules = Array.from(attributes.keys()).flatMap((key) => {
    const [, module] = /^module\/([^/]+)\/version$/.exec(key) ?? [];
    return module === undefined ? [] : [[module, attributes.name(key) ?? ""]];
  });
  return {
    name: attributes.name("sys/kernel/hostname") ?? "",
    time: attributes.matching(
      "time",
      /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/,
      "a time in ISO 8601",
    ),
    kernel: attributes.name("sys/kernel/osrelease"),
    bootId: attributes.name("sys/kernel/random/boot_id"),
    machineId: attributes.name("machine-id"),
    nvidiaDriver,
    modules: Object.fromEntries(modules),
    missing: attributes.missing,
  };
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
  const pid = attributes.matching("pid", /^[1-9][0-9]{0,9}$/, "a process");
  return {
    uuid: argument,
    pid: pid === undefined ? undefined : Number(pid),
    exe: attributes.text("exe"),
    missing: attributes.missing,
  };
}

function readPremigrate({ attributes }: Section): ProbedPremigrate {
  const read = (key: string): string | undefined => {
    const bytes = attributes.bytes(key);
    return bytes && new TextDecoder().decode(bytes);
  };
  const kept = Array.from(attributes.keys()).flatMap((key) => {
    const text = key.includes("/") ? read(key) : undefined;
    return text === undefined ? [] : [[key, text] as const];
  });
  const applied = attributes.isNotThere(APPLIED) ? null : read(APPLIED);
  if (applied === undefined && !attributes.has(APPLIED)) attributes.refuse(APPLIED, "not told");
  return { applied, kept: new Map(kept), missing: attributes.missing };
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
