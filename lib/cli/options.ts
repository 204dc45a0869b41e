/**
 * What options and arguments say, for every command.
 *
 * @module
 */
import { EnumType, ValidationError } from "@cliffy/command";
import { pathsBelow } from "../config/paths.ts";
import type { Domain, MdevDevice, PciDevice } from "../domain/mod.ts";
import { UUID } from "../domain/uuid.ts";
import type { HostAccess } from "../facts/capture.ts";
import { inputError, readBytes } from "../facts/files.ts";
import { type LibvirtUri, parseLibvirtUri } from "../facts/libvirt/uri.ts";
import type { ProbeTarget } from "../facts/probe/run_probe.ts";
import { parseSshTarget } from "../facts/probe/ssh_target.ts";
import type { RealizeOptions } from "../facts/vfio/realize_views.ts";
import { isAttributeName, MOST_ATTRIBUTES_READ } from "../policy/attributes.ts";
import { type DumpedFunction, normalizeBdf, readDump } from "../policy/mod.ts";
import type { WantedDevice } from "../policy/pair.ts";
import { type Format, FORMATS, type Output } from "./output.ts";

/** The action of a command that does something by its sub-commands alone. */
export function noCommand(): never {
  throw new ValidationError("No command was given: see --help");
}

/** Reads `--root`: an absolute path without a slash at its end, empty for this host's own root. */
export function parseRoot(root: string | undefined): string {
  if (root === undefined) return "";
  if (root === "") throw new ValidationError("Cannot use --root: wanted a folder");
  const absolute = root.startsWith("/") ? root : `${Deno.cwd()}/${root}`;
  return absolute.replace(/\/+/g, "/").replace(/(\/\.)*\/$|(\/\.)+$/, "");
}

/** The option's type, for a command that has `--format <format:format>`. */
export const formatType: EnumType<Format> = new EnumType(FORMATS);

/** The form that was asked for: `--json` is short for `--format json`. */
export function formatOf(
  { json, format }: { readonly json?: true | undefined; readonly format?: Format | undefined },
): Format {
  if (json === true && format !== undefined && format !== "json") {
    throw new ValidationError(`Cannot use --json with --format ${format}`);
  }
  return json === true ? "json" : format ?? "text";
}

/** `--format`, for every command that reports; its type is {@linkcode formatType}. */
export const FORMAT_OPTION = [
  "--format <format:format>",
  "How to write the verdict (default: text).",
] as const;

/** `--fail-on-warn`, for every command that judges. */
export const FAIL_ON_WARN_OPTION = [
  "--fail-on-warn",
  "A warning makes the exit status 1, as a veto does.",
] as const;

/** What options say of the output. */
export function outputOf(
  { failOnWarn, ...form }: Parameters<typeof formatOf>[0] & {
    readonly failOnWarn?: boolean | undefined;
  },
): Output {
  return { format: formatOf(form), failOnWarn: failOnWarn === true };
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** Reads `N=SIZE` options into the sizes of BAR 0 to 5; `undefined` when there are none. */
export function parseBars(options: readonly string[]): number[] | undefined {
  if (options.length === 0) return undefined;
  const bars = [0, 0, 0, 0, 0, 0];
  for (const option of options) {
    const match = /^([0-5])=(\d{1,15})([KMGT]?)$/i.exec(option);
    const size = Number(match?.[2]) * (UNITS[match?.[3]?.toUpperCase() ?? ""] ?? NaN);
    if (match === null || !Number.isSafeInteger(size)) {
      throw new ValidationError(`Cannot read --bar "${option}": wanted N=SIZE, as in 1=256M`);
    }
    bars[Number(match[1])] = size;
  }
  return bars;
}

/** Reads `name=value` options. */
export function parsePropertyOptions(options: readonly string[]): Record<string, string> {
  return Object.fromEntries(options.map((option) => {
    const at = option.indexOf("=");
    if (at <= 0) {
      throw new ValidationError(`Cannot read --property "${option}": wanted name=value`);
    }
    return [option.slice(0, at), option.slice(at + 1)];
  }));
}

/** Reads `--attribute` options: names of sysfs attributes. */
export function parseAttributeOptions(options: readonly string[]): readonly string[] {
  const bad = options.find((name) => !isAttributeName(name));
  if (bad !== undefined) {
    throw new ValidationError(
      `Cannot read --attribute "${bad}": wanted the name of a sysfs attribute that may be read, as fw_rev or parent/fw_rev`,
    );
  }
  const count = new Set(options).size;
  if (count <= MOST_ATTRIBUTES_READ) return options;
  throw new ValidationError(
    `Cannot read ${count} attributes: wanted ${MOST_ATTRIBUTES_READ} at most`,
  );
}

/** What options say of a host. */
export interface HostOptions {
  readonly ssh?: string | undefined;
  readonly sudo?: boolean | undefined;
  readonly sysfs?: string | undefined;
}

/** What options say of reading realize views; `undefined`: not to. */
export function realizeOptions(
  { vfioRegion, allowReset = false }: {
    readonly vfioRegion?: boolean | undefined;
    readonly allowReset?: boolean | undefined;
  },
): RealizeOptions | undefined {
  if (vfioRegion === true) return { allowReset, records: pathsBelow().realize };
  if (allowReset) throw new ValidationError("--allow-reset is for --vfio-region");
  return undefined;
}

// Longer than any answer takes, shorter than what a timer can hold (2^31 ms).
const LONGEST_TIMEOUT = 24 * 60 * 60;

/** The signal of `--timeout`, in seconds. */
export function deadline(seconds = 60): AbortSignal {
  if (seconds < 0 || seconds > LONGEST_TIMEOUT) {
    throw new ValidationError(
      `Cannot use --timeout ${seconds}: wanted 0 to ${LONGEST_TIMEOUT} seconds`,
    );
  }
  return AbortSignal.timeout(seconds * 1000);
}

/** A host whose libvirt is known. */
export interface LibvirtAccess extends HostAccess {
  readonly uri: LibvirtUri;
}

/** How a host is reached: libvirt by its URI, the probe here, by the URI's ssh, or as told. */
export function hostAccess(uriText: string, { ssh, sudo, sysfs }: HostOptions): LibvirtAccess {
  const uri = parseLibvirtUri(uriText);
  const { emulators } = pathsBelow();
  return { uri, probe: probeTarget(uri, ssh, sudo), sysfs, emulators };
}

function probeTarget(
  uri: LibvirtUri,
  ssh: string | undefined,
  sudo: boolean | undefined,
): ProbeTarget | undefined {
  const target = ssh === undefined ? uri.ssh : parseSshTarget(ssh);
  if (ssh !== undefined && target === undefined) {
    throw new ValidationError(`Cannot read the ssh target "${ssh}": wanted [user@]host[:port]`);
  }
  if (target !== undefined) return { ssh: target, sudo };
  return uri.isLocal ? { sudo } : undefined;
}

/**
 * Reads a dump and picks the function at `slot`, or the only one there is. A dump that does not name
 * its function is taken at any slot.
 */
export async function readFunction(
  path: string,
  slot: string | undefined,
): Promise<DumpedFunction> {
  const chosen = chooseFunction(readDump(await readBytes(path)), path, slot);
  // Nothing may rest on bytes that the dump does not have.
  if (chosen.known === undefined) return chosen;
  throw inputError(path, `it ends after ${chosen.known} of ${chosen.bytes.length} bytes`);
}

function chooseFunction(
  functions: readonly DumpedFunction[],
  path: string,
  slot: string | undefined,
): DumpedFunction {
  if (slot === undefined) {
    const [only, ...others] = functions;
    if (only !== undefined && others.length === 0) return only;
    const slots = functions.map((dumped) => dumped.slot ?? "?").slice(0, 16).join(", ");
    throw new ValidationError(`Cannot choose a function of ${path}: it has ${slots}; give --slot`);
  }
  const wanted = normalizeBdf(slot);
  if (wanted === undefined) {
    throw new ValidationError(`Cannot read --slot "${slot}": wanted [DDDD:]BB:SS.F, as in 3b:00.4`);
  }
  // Raw bytes and plain hex have no name that could be another.
  const found = functions.find((dumped) => dumped.slot === wanted || dumped.slot === undefined);
  if (found !== undefined) return found;
  throw new ValidationError(`Cannot find function ${wanted} in ${path}`);
}

/** Reads `SRC=DST` options: devices' names to the addresses that they will have. */
export function parseMap(
  options: readonly string[],
  wanted: readonly WantedDevice[],
): Map<string, string> {
  const targets = new Map<string, string>();
  for (const option of options) {
    const [from = "", to = "", ...rest] = option.split("=");
    const source = parseAddress(from);
    const device = wanted.find(({ name, address }) =>
      name === from || (address !== undefined && address === source)
    );
    if (device === undefined || rest.length > 0) {
      const known = wanted.map(({ name, address }) => address ?? name).join(", ") || "none";
      throw new ValidationError(
        `Cannot read --map "${option}": wanted SRC=DST with SRC one of the guest's devices: ${known}`,
      );
    }
    const target = parseAddress(to);
    const isMdev = UUID.test(device.address ?? "");
    if (target === undefined || UUID.test(target) !== isMdev) {
      const kind = isMdev ? "an mdev's UUID" : "a PCI address like 0000:3b:00.4";
      throw new ValidationError(`Cannot read --map "${option}": wanted ${kind} after "="`);
    }
    if (targets.has(device.name)) {
      throw new ValidationError(`Cannot use --map "${option}": ${from} has a target already`);
    }
    targets.set(device.name, target);
  }
  return targets;
}

/** Reads a BDF or an mdev's UUID, in any case; `undefined` for anything else. */
export function parseAddress(text: string): string | undefined {
  const lower = text.toLowerCase();
  return normalizeBdf(lower) ?? (UUID.test(lower) ? lower : undefined);
}

/**
 * What a domain XML for the destination names: devices of the guest are told by their guest
 * addresses, which a migration keeps.
 */
export function targetsOf(guest: Domain, destination: Domain): Map<string, string> {
  const targets = new Map<string, string>();
  for (const device of guest.hostDevices) {
    if (device.kind !== "pci" && device.kind !== "mdev") continue;
    if (device.address?.type === "unassigned") continue;
    const same = destination.hostDevices.find((other): other is PciDevice | MdevDevice =>
      other.kind === device.kind && device.address?.type === "pci" &&
      other.address?.type === "pci" && other.address.bdf === device.address.bdf
    );
    if (same === undefined) {
      throw new ValidationError(
        `Cannot use the XML of --xml: it has no ${device.kind} host device at the guest address of ${device.alias}`,
      );
    }
    targets.set(device.alias, same.source);
  }
  return targets;
}
