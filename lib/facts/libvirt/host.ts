import { type Emulator, type MachineType, parseCapabilities } from "./capabilities.ts";
import { oneLine } from "../one_line.ts";
import type { VirshAnswer, VirshCommand } from "./virsh_script.ts";

/** What libvirt says of a host. */
export interface LibvirtHost {
  /** The name that the host gives itself. */
  readonly name: string | undefined;
  /** Its UUID, by which libvirt tells hosts apart when it migrates. */
  readonly uuid: string | undefined;
  /** Version of its libvirt daemon. */
  readonly libvirt: string | undefined;
  /** Path of the QEMU that libvirt chose for the guest's architecture. */
  readonly emulator: string | undefined;
  /**
   * Version of the guest's QEMU as it is installed now. A guest may still run the one before: what
   * runs is told to read-write connections only (QMP `query-version`).
   */
  readonly installedQemu: string | undefined;
  /** Machine types of the guest's QEMU. */
  readonly machines: readonly MachineType[] | undefined;
  /** Why a fact above is missing, by its name. */
  readonly missing: Readonly<Record<string, string>>;
}

/** What is known of a host whose libvirt does not answer. */
export function unanswered(why: string): LibvirtHost {
  return {
    name: undefined,
    uuid: undefined,
    libvirt: undefined,
    emulator: undefined,
    installedQemu: undefined,
    machines: undefined,
    missing: { libvirt: why },
  };
}

/** Which QEMU of a host is asked about. */
export interface EmulatorChoice {
  /** The guest's architecture, as `x86_64`. Absent: the host's. */
  readonly arch?: string | undefined;
  /** Absolute path, as in the guest's XML. Absent: the one that libvirt chose. */
  readonly emulator?: string | undefined;
}

/** The commands whose answers {@linkcode parseHost} reads. */
export const HOST_COMMANDS: readonly VirshCommand[] = [
  ["version", "--daemon"],
  ["hostname"],
  ["capabilities"],
];

/**
 * What the answers to {@linkcode HOST_COMMANDS} say, for each QEMU that is asked about. Never
 * throws: what cannot be read is missing.
 *
 * libvirt tells the machine types of one QEMU for each architecture, and the version of that for
 * the host's own (`virQEMUCapsGetDefaultVersion`); of a guest's other QEMU it tells nothing.
 *
 * @example
 * ```ts
 * import { parseHost } from "./host.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const about = parseHost(["Running against daemon: 9.0.0", "hosta", ""]);
 * const host = about({ arch: "x86_64" });
 * assertEquals([host.name, host.libvirt], ["hosta", "9.0.0"]);
 * assertEquals(host.missing["machines"], "libvirt's answer cannot be read");
 * ```
 */
export function parseHost(
  [version = "", hostname = "", capabilities = ""]: readonly VirshAnswer[],
): (choice: EmulatorChoice) => LibvirtHost {
  const [name] = /^\S{1,255}$/.exec(textOf(hostname)) ?? [];
  const libvirt = versionIn(version, "Running against daemon");
  const qemu = versionIn(version, "Running hypervisor: QEMU");
  const about = parseCapabilities(textOf(capabilities));
  const own = about?.emulators.find(({ arch }) => arch === about.arch);

  return (choice) => {
    const missing: Record<string, string> = {};
    const note = (fact: string, why: string): undefined => {
      missing[fact] = oneLine(why);
    };
    const arch = choice.arch ?? about?.arch;
    const chosen = about?.emulators.find((emulator) => emulator.arch === arch);
    const path = choice.emulator ?? chosen?.path;
    const whyNot = (emulator: Emulator | undefined): string => {
      if (about === undefined) return whyUnread(capabilities);
      if (emulator === undefined) return `libvirt found no QEMU for ${arch}`;
      return `libvirt tells of ${emulator.path} only`;
    };
    return {
      name: name ?? note("name", whyUnread(hostname)),
      uuid: about?.uuid ?? note("uuid", whyUnread(capabilities)),
      libvirt: libvirt ?? note("libvirt", whyUnread(version)),
      emulator: chosen?.path ?? note("emulator", whyNot(chosen)),
      installedQemu: own === undefined || own.path !== path
        ? note("installedQemu", whyNot(own))
        : qemu ?? note("installedQemu", whyUnread(version)),
      machines: chosen === undefined || chosen.path !== path
        ? note("machines", whyNot(chosen))
        : chosen.machines,
      missing,
    };
  };
}

/** Why an answer holds nothing that could be read. */
export function whyUnread(answer: VirshAnswer): string {
  return typeof answer !== "string" ? answer.missing.found : "libvirt's answer cannot be read";
}

/** A line of `virsh version`, in the C locale. */
function versionIn(answer: VirshAnswer, label: string): string | undefined {
  const line = new RegExp(`^${label}:? (\\d{1,4}(?:\\.\\d{1,4}){1,3})$`, "m");
  return line.exec(textOf(answer))?.[1];
}

function textOf(answer: VirshAnswer): string {
  return typeof answer === "string" ? answer : "";
}
