/**
 * QEMU's command line, as far as `<qemu:commandline>` adds to it: an allow-list. Who may decide over
 * a VFIO device is read elsewhere; what stands here decides nothing about it; any other word is not
 * understood.
 */
import type { XmlElement } from "@rgrove/parse-xml";

/** One option, and the element its value stands in. */
export interface QemuOption {
  /** Without its dash. */
  readonly name: string;
  /** Empty for an option that takes none. */
  readonly value: string;
  /** Where to point at. */
  readonly element: XmlElement;
}

/** A word of the command line. */
export interface Argument {
  readonly text: string;
  readonly element: XmlElement;
}

/** The options of QEMU's command line, and what is not understood of it. */
export interface CommandLine {
  readonly options: readonly QemuOption[];
  /** Names only: values may be passwords. */
  readonly notUnderstood: readonly string[];
}

/** Options with a value that are looked into. */
const READ = words("device global machine M object readconfig set");

/**
 * Options with a value that decide nothing about a VFIO device: processors, memory, firmware, what
 * QEMU emulates, and what the process is given. (qemu-options.hx; some were there in older QEMUs
 * only.)
 */
const HARMLESS = words(
  "accel acpitable action add-fd append audio audiodev balloon bios blockdev boot cdrom chardev",
  "clock cpu D d debugcon dfilter display drive dtb echr fda fdb fsdev fw_cfg gdb hda hdb hdc hdd",
  "initrd iscsi k kernel m mem-path mon monitor msg mtdblock name net netdev nic numa overcommit",
  "parallel pflash pidfile qmp qmp-pretty realtime rotate rtc run-with runas sandbox sd seed serial",
  "shim smbios smp soundhw spice tb-size tpmdev trace usbdevice uuid vga virtfs vnc watchdog",
  "watchdog-action",
);

/** Options without a value, likewise. */
const FLAGS = words(
  "alt-grab ctrl-grab curses daemonize enable-fips enable-kvm full-screen localtime mem-prealloc",
  "no-acpi no-fd-bootchk no-hpet no-kvm-irqchip no-kvm-pit-reinjection no-quit no-reboot",
  "no-shutdown no-user-config nodefaults nodefconfig nographic only-migratable portrait",
  "rtc-td-hack S s sdl snapshot usb win2k-hack",
);

/** What `-object` makes that decides nothing; `iommufd` does. */
const OBJECTS =
  /^(acpi-generic-initiator|authz-|can-|colo-compare$|cryptodev-|dbus-vmstate$|filter-|input-|iothread$|main-loop$|memory-backend-|pr-manager-|rng-|secret|thread-context$|throttle-group$|tls-)/;

/** Properties of the machine that decide nothing. */
const MACHINE_PROPERTIES = words(
  "type accel acpi append dtb dump-guest-core fd-bootchk firmware gic-version graphics highmem hmat",
  "hpet i8042 initrd its kernel kernel-irqchip kernel_irqchip kvm-shadow-mem kvm_shadow_mem",
  "max-ram-below-4g mem-merge memory-backend mte nvdimm nvdimm-persistence pcspk-audiodev pflash0",
  "pflash1 pic pit ras sata secure smbios-entry-point-type smbus smm suppress-vmdesc usb",
  "virtualization vmport x-oem-id x-oem-table-id",
);

/**
 * Goes through the words as `qemu_init` does: `-name` or `--name`, the whole name, and the next word
 * for its value if it takes one (system/vl.c, `lookup_opt`). A word that starts with a dash is taken
 * for no value: where the table is wrong about an option, or a QEMU has another, nothing hides behind
 * it.
 */
export function readCommandLine(words: readonly Argument[]): CommandLine {
  const options: QemuOption[] = [];
  const notUnderstood: string[] = [];
  // The value of an unknown option, which nobody may be shown.
  let afterUnknown = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    if (word === undefined) break;
    const name = /^--?([^]+)$/.exec(word.text)?.[1];
    if (name === undefined) {
      if (!afterUnknown) notUnderstood.push("a word without an option");
      continue;
    }
    const takesValue = READ.has(name) || HARMLESS.has(name);
    afterUnknown = !takesValue && !FLAGS.has(name);
    if (afterUnknown) {
      notUnderstood.push(`-${name.split("=", 1)[0]}`);
    } else if (!takesValue) {
      options.push({ name, value: "", element: word.element });
    } else {
      const next = words[at + 1];
      if (next === undefined || next.text.startsWith("-")) {
        notUnderstood.push(`-${name} without a value`);
      } else {
        options.push({ name, value: next.text, element: next.element });
        at++;
      }
    }
  }
  return { options, notUnderstood };
}

/**
 * `key=value,key=value`, with `,,` for a comma; the first may be the value of `implied` alone
 * (QemuOpts, keyval). Of equal keys the last counts.
 */
export function readKeys(text: string, implied: string): Map<string, string> {
  const keys = new Map<string, string>();
  // U+0000 cannot occur in XML.
  text.replaceAll(",,", "\0").split(",").forEach((part, index) => {
    const [key = "", ...value] = part.replaceAll("\0", ",").split("=");
    if (index === 0 && value.length === 0) keys.set(implied, key);
    else if (value.length > 0) keys.set(key, value.join("="));
    // A name alone is a truth value, and `no` before it the other.
    else if (key !== "") keys.set(key, "on");
  });
  return keys;
}

/** What `-machine` and `-M` add to what libvirt wrote before them. */
export interface MachineOptions {
  /** The machine type; `undefined` where none is named and libvirt's stays. */
  readonly type: string | undefined;
  /** Whether one of them gives the guest an IOMMU. */
  readonly viommu: boolean;
  /** What is not understood, each as an argument. */
  readonly notUnderstood: readonly string[];
}

/**
 * All `-machine` and `-M` fill one dictionary, in which the last value of a key counts
 * (`keyval_parse_into` with `machine_opts_dict`, system/vl.c).
 */
export function readMachine(options: readonly QemuOption[]): MachineOptions {
  const keys = new Map<string, string>();
  for (const { name, value } of options) {
    if (name !== "machine" && name !== "M") continue;
    for (const [key, text] of readKeys(value, "type")) keys.set(key, text);
  }
  const type = keys.get("type");
  const iommu = keys.get("iommu");
  const odd = [...keys.keys()].filter((key) => key !== "iommu" && !MACHINE_PROPERTIES.has(key));
  if (type !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(type)) odd.push("type");
  return {
    type,
    viommu: iommu !== undefined && !["none", "off", "no", "false", "n"].includes(iommu),
    notUnderstood: odd.map((key) => `-machine ${key}`),
  };
}

/** What of an `-object` is not understood, if anything. */
export function oddObject(value: string): string | undefined {
  const type = readNamed(value, "qom-type");
  return type !== undefined && OBJECTS.test(type) ? undefined : `-object ${type ?? "?"}`;
}

/**
 * The value that tells what an `-object` or `-device` is, in either notation; `undefined` where it
 * cannot be read.
 */
export function readNamed(value: string, key: "qom-type" | "driver"): string | undefined {
  if (!value.trimStart().startsWith("{")) return readKeys(value, key).get(key);
  return readJson(value)?.get(key);
}

/** The texts and truth values of an option in JSON; `undefined` if it cannot be read. */
export function readJson(value: string): Map<string, string> | undefined {
  // QEMU takes strings in single quotes, too (json-lexer.c).
  const text = /["\\]/.test(value) ? value : value.replaceAll("'", '"');
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null) return undefined;
    const read = new Map<string, string>();
    for (const [key, each] of Object.entries<unknown>({ ...parsed })) {
      if (typeof each === "string") read.set(key, each);
      if (typeof each === "boolean") read.set(key, each ? "on" : "off");
    }
    return read;
  } catch {
    return undefined;
  }
}

function words(...lines: readonly string[]): ReadonlySet<string> {
  return new Set(lines.join(" ").split(" "));
}
