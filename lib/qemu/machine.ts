import type { QemuVersion } from "./version.ts";

/** A family of machine types that shares one list of compat properties. */
export type MachineFamily = "q35" | "i440fx" | "virt" | "pseries" | "s390-ccw" | "other";

/** What a machine type's name tells. */
export interface Machine {
  /** The name as given. */
  readonly name: string;
  /** The name that QEMU knows it by: without the version code that Proxmox VE appends. */
  readonly type: string;
  /** The family, `other` where the name does not tell. */
  readonly family: MachineFamily;
  /**
   * The upstream version in the name; `newest` for an alias or an unversioned machine, which follow
   * the binary; `unknown` for a distribution's own name, whose compat only its binary knows, and for a
   * version that QEMU has never had.
   */
  readonly version: { readonly major: number; readonly minor: number } | "newest" | "unknown";
}

const PREFIXES: readonly (readonly [prefix: string, family: MachineFamily])[] = [
  ["pc-q35-", "q35"],
  ["pc-i440fx-", "i440fx"],
  ["virt-", "virt"],
  ["pseries-", "pseries"],
  ["s390-ccw-virtio-", "s390-ccw"],
];

const UNVERSIONED: ReadonlyMap<string, MachineFamily> = new Map([
  ["q35", "q35"],
  ["pc", "i440fx"],
  ["virt", "virt"],
  ["pseries", "pseries"],
  ["s390-ccw-virtio", "s390-ccw"],
  ["microvm", "other"],
  ["none", "other"],
]);

// Proxmox VE's QEMU takes the type from before the plus sign (its patch "Allow version code in machine
// type"), and its manager appends .pxe to ask for old boot ROMs.
const PROXMOX = /\+pve\d{1,4}(?:\.pxe)?$/;

/**
 * Reads a machine type's name, as in `<os><type machine='...'>` or `-machine`.
 *
 * @example
 * ```ts
 * import { parseMachine } from "premigrate/qemu";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseMachine("pc-q35-9.0").version, { major: 9, minor: 0 });
 * assertEquals(parseMachine("pc-q35-9.2+pve1").type, "pc-q35-9.2");
 * assertEquals(parseMachine("pc-q35-rhel9.4.0").version, "unknown");
 * assertEquals(parseMachine("q35").version, "newest");
 * ```
 */
export function parseMachine(name: string): Machine {
  const type = name.replace(PROXMOX, "");
  const unversioned = UNVERSIONED.get(type);
  if (unversioned !== undefined) return { name, type, family: unversioned, version: "newest" };
  for (const [prefix, family] of PREFIXES) {
    if (!type.startsWith(prefix)) continue;
    // Upstream's only name of three numbers is pc-q35-4.0.1.
    const match = /^(\d{1,3})\.(\d{1,3})(?:(?<=^4\.0)\.1)?$/.exec(type.slice(prefix.length));
    const [major, minor] = [Number(match?.[1]), Number(match?.[2])];
    const version = match === null || !isReleased(major, minor) ? "unknown" : { major, minor };
    return { name, type, family, version };
  }
  return { name, type, family: "other", version: "unknown" };
}

/** Since 3.0 QEMU has had minor versions 0 to 2 only. */
function isReleased(major: number, minor: number): boolean {
  return major < 3 || minor <= 2;
}

/**
 * The machine type that an alias (`q35`) stands for in the QEMU that started the guest. A restore
 * wants this one, whatever the alias means to the destination. Any other is returned as it is.
 *
 * @example
 * ```ts
 * import { parseMachine, parseQemuVersion, resolveAlias } from "premigrate/qemu";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(resolveAlias(parseMachine("q35"), parseQemuVersion("9.0.2")).name, "pc-q35-9.0");
 * ```
 */
export function resolveAlias(machine: Machine, qemu: QemuVersion | undefined): Machine {
  const [prefix] = PREFIXES.find(([, family]) => family === machine.family) ?? [];
  if (machine.version !== "newest" || prefix === undefined) return machine;
  if (qemu === undefined) return { ...machine, version: "unknown" };
  return parseMachine(`${prefix}${qemu.major}.${qemu.minor}`);
}

/**
 * Whether a machine type's compat leaves vfio-pci's `skip-vsc-check` on. `hw_compat_9_0` turns it
 * off for every family here; before QEMU 9.1 the property does not exist and all is compared
 * (hw/core/machine.c; QEMU commit 187716feeba4). `undefined` when only the binary can tell.
 *
 * @example
 * ```ts
 * import { machineSkipsVscCheck, parseMachine, parseQemuVersion } from "premigrate/qemu";
 * import { assertEquals } from "@std/assert";
 *
 * const qemu = parseQemuVersion("11.1");
 * assertEquals(machineSkipsVscCheck(parseMachine("pc-q35-9.0"), qemu), false);
 * assertEquals(machineSkipsVscCheck(parseMachine("pc-q35-9.1"), qemu), true);
 * assertEquals(machineSkipsVscCheck(parseMachine("pc-q35-noble"), qemu), undefined);
 * ```
 */
export function machineSkipsVscCheck(machine: Machine, qemu: QemuVersion): boolean | undefined {
  if (!qemu.atLeast(9, 1)) return false;
  if (machine.version === "newest") return true;
  if (machine.version === "unknown") return undefined;
  const { major, minor } = machine.version;
  return major > 9 || (major === 9 && minor >= 1);
}

/** Whether an upstream machine type is newer than the binary that should run it. */
export function isMachineTooNew(machine: Machine, qemu: QemuVersion): boolean {
  return typeof machine.version === "object" &&
    !qemu.atLeast(machine.version.major, machine.version.minor);
}

/** Whether the guest's root bus is PCI Express: q35 and arm virt; not pc, pseries, s390. */
export function hasExpressRoot(machine: Machine): boolean {
  return machine.family === "q35" || machine.family === "virt";
}
