import type { XmlElement } from "@rgrove/parse-xml";
import { type DomainDocument, localName, qemuChildren, qemuElements, quote } from "./document.ts";
import {
  isHarmlessGlobal,
  isHarmlessSetting,
  kindOfModel,
  type OtherKind,
} from "./qemu_devices.ts";
import {
  type MachineOptions,
  oddObject,
  type QemuOption,
  readCommandLine,
  readJson,
  readKeys,
  readMachine,
  readNamed,
} from "./qemu_options.ts";

/** More than anyone writes by hand, of arguments and of overridden properties each. */
const MAX_CHANGES = 1024;

/** One is enough to be undecided; a hostile document may have as many as it has arguments. */
const MOST_NAMES = 16;

/** The types of an overridden property, and the values libvirt takes for each. */
const OVERRIDE_VALUES = new Map([
  ["string", /^/],
  ["signed", /^[-+]?[0-9]+$/],
  ["unsigned", /^[+]?[0-9]+$/],
  ["bool", /^(true|false)$/],
]);

/** A property set on every device of a QOM type (`-global`) or on the device with an id. */
interface Setting {
  readonly target: string;
  readonly property: string;
  readonly value: string;
}

/** An override may also take a property away. */
type Override = Omit<Setting, "value"> & { readonly value: string | undefined };

/** QEMU's types that become a VFIO device, and those above them. */
const VFIO_TYPES = new Set([
  "vfio-pci",
  "vfio-pci-base",
  "vfio-pci-device",
  "vfio-pci-nohotplug",
  "vfio-ap",
  "vfio-ccw",
  "pci-device",
  "device",
]);

/** What libvirt reads in its QEMU namespace (qemuDomainDefNamespaceParse); the rest it drops. */
const NAMESPACE: ReadonlyMap<string, readonly string[]> = new Map([
  ["domain", ["commandline", "override", "capabilities", "deprecation"]],
  ["commandline", ["arg", "env"]],
  ["override", ["device"]],
  ["device", ["frontend"]],
  ["frontend", ["property"]],
  ["capabilities", ["add", "del"]],
]);

/**
 * What `<qemu:override>` and `<qemu:commandline>` say about devices.
 *
 * QEMU applies the machine type's compat properties, over them each `-global` in the order given,
 * and over those the options of `-device`. libvirt's override rewrites the options of `-device`;
 * `-set device.ID.property=value` adds one. libvirt 7.9 and later write `-device` as JSON, where
 * QEMU refuses `-set`: a running guest that has one was started by an older libvirt, or with
 * `<qemu:del capability='device.json'/>`, and there it counts. The contents of a `-readconfig` file
 * are not in the document, and so not known.
 */
export class QemuNamespace {
  /** The machine, as far as arguments set it over what libvirt writes. */
  readonly machine: MachineOptions;
  readonly #document: DomainDocument;
  readonly #options: readonly QemuOption[];
  readonly #oddWords: readonly string[];
  readonly #globals: readonly Setting[];
  readonly #overrides: readonly Override[];

  /** Throws `too-large`, `incomplete` or, where libvirt would refuse the document, `bad-value`. */
  constructor(document: DomainDocument) {
    const elements = descendants(document.root, "commandline", "arg");
    checkCount(document, "QEMU arguments", elements.length);
    const words = elements.map((element) => ({
      text: document.required(element, "value"),
      element,
    }));
    const { options, notUnderstood } = readCommandLine(words);
    this.#document = document;
    this.#options = options;
    this.#oddWords = notUnderstood;
    this.machine = readMachine(options);
    this.#globals = this.#values("global").map(parseGlobal);
    this.#overrides = [...readOverrides(document), ...this.#values("set").flatMap(parseSet)];
  }

  /** Whether a `-device` is an IOMMU. */
  get viommu(): boolean {
    return this.#values("device").some((value) =>
      kindOfModel(readNamed(value, "driver") ?? "") === "iommu"
    );
  }

  /** The ids of network devices on the command line that stand by for a host device. */
  standbys(): string[] {
    return this.#values("device").flatMap((value) => {
      const keys = value.trimStart().startsWith("{") ? readJson(value) : readKeys(value, "driver");
      const id = keys?.get("id");
      const stands = /^virtio-net/.test(keys?.get("driver") ?? "") &&
        spell("failover", keys?.get("failover") ?? "") === "on";
      return stands && id !== undefined ? [id] : [];
    });
  }

  /**
   * What may decide over a VFIO device and is not understood: arguments by their names, and elements
   * of libvirt's QEMU namespace.
   *
   * @param kindOf what a device with this id is; `host` for a VFIO device of the document, whose
   * properties are its own
   */
  notUnderstood(kindOf: (id: string) => "host" | OtherKind): string[] {
    const found = [...this.#oddWords, ...this.machine.notUnderstood];
    for (const { name, value } of this.#options) {
      const odd = name === "device"
        ? oddDevice(value)
        : name === "object"
        ? oddObject(value)
        : name === "global"
        ? oddGlobal(value)
        : name === "set"
        ? oddSet(value, kindOf)
        : undefined;
      if (odd !== undefined) found.push(odd);
    }
    for (const { target, property } of readOverrides(this.#document)) {
      const kind = kindOf(target);
      if (kind === "host" || isHarmlessSetting(kind, property)) continue;
      found.push(`<qemu:override> ${property} of ${target}`);
    }
    found.push(...oddElements(this.#document.root, "domain"));
    return [...new Set(found.map((name) => name.slice(0, 80)))].slice(0, MOST_NAMES);
  }

  /** Where a VFIO device is added, or may be, of which libvirt knows nothing. */
  vfioDevices(): XmlElement[] {
    return this.#options
      .filter(({ name, value }) => (name === "device" && addsVfio(value)) || name === "readconfig")
      .map(({ element }) => element);
  }

  /**
   * The properties a device ends with, over QEMU's defaults and those of the machine type.
   *
   * @param types its QOM type and those above it, any of which a `-global` may name
   * @param id its alias, which is its id in QEMU
   * @param written what libvirt itself writes for it
   */
  properties(
    types: readonly string[],
    id: string,
    written: ReadonlyMap<string, string>,
  ): Record<string, string> {
    const options = new Map<string, string | undefined>(written);
    for (const { target, property, value } of this.#overrides) {
      if (target === id) options.set(property, value);
    }
    const all = new Map<string, string>();
    for (const { target, property, value } of this.#globals) {
      if (types.includes(target)) all.set(property, spell(property, value));
    }
    for (const [property, value] of options) {
      if (value !== undefined) all.set(property, spell(property, value));
    }
    return Object.fromEntries(all);
  }

  #values(name: string): string[] {
    return this.#options.filter((option) => option.name === name).map(({ value }) => value);
  }
}

function addsVfio(device: string): boolean {
  if (!device.trimStart().startsWith("{")) return /(^|driver=)vfio-/.test(device);
  const model = readNamed(device, "driver");
  return model === undefined || model.startsWith("vfio-");
}

function oddDevice(value: string): string | undefined {
  const model = readNamed(value, "driver");
  if (addsVfio(value) || (model !== undefined && kindOfModel(model) !== undefined)) {
    return undefined;
  }
  return `-device ${model ?? "?"}`;
}

function oddGlobal(value: string): string | undefined {
  const { target, property } = parseGlobal(value);
  const known = property !== "" && (VFIO_TYPES.has(target) || isHarmlessGlobal(target, property));
  return known ? undefined : `-global ${target}.${property}`;
}

function oddSet(value: string, kindOf: (id: string) => "host" | OtherKind): string | undefined {
  const [setting] = parseSet(value);
  if (setting === undefined) return `-set ${/^[^.=]*/.exec(value)?.[0] ?? ""}`;
  const kind = kindOf(setting.target);
  if (kind === "host" || isHarmlessSetting(kind, setting.property)) return undefined;
  return `-set device.${setting.target}.${setting.property}`;
}

/** Elements of the namespace that libvirt knows nothing of: a newer one may. */
function oddElements(parent: XmlElement, name: string): string[] {
  const known = NAMESPACE.get(name);
  if (known === undefined) return [];
  return qemuElements(parent).flatMap((element) => {
    const local = localName(element);
    return known.includes(local) ? oddElements(element, local) : [`<qemu:${local}>`];
  });
}

function descendants(parent: XmlElement, ...path: readonly string[]): XmlElement[] {
  return path.reduce((found, name) => found.flatMap((each) => qemuChildren(each, name)), [parent]);
}

function checkCount(document: DomainDocument, what: string, count: number): void {
  if (count <= MAX_CHANGES) return;
  throw document.error(
    "too-large",
    document.root,
    `found ${count} ${what}, wanted ${MAX_CHANGES} at most`,
  );
}

/** As libvirt's `qemuDomainDefNamespaceParseDeviceOverride`. */
function readOverrides(document: DomainDocument): Override[] {
  const found = descendants(document.root, "override", "device").flatMap((device) => {
    const target = document.required(device, "alias");
    return descendants(device, "frontend", "property").map((element) => ({ target, element }));
  });
  checkCount(document, "overridden properties", found.length);
  return found.map(({ target, element }) => {
    const property = document.required(element, "name");
    const type = document.required(element, "type");
    if (type === "remove") return { target, property, value: undefined };
    const value = document.required(element, "value");
    if (OVERRIDE_VALUES.get(type)?.test(value)) return { target, property, value };
    const detail = `found the value ${quote(value)} of type ${quote(type)} for ${quote(property)}`;
    throw document.error("bad-value", element, detail);
  });
}

/**
 * `driver.property=value` or `driver=...,property=...,value=...`, as `qemu_global_option` takes
 * them.
 */
function parseGlobal(text: string): Setting {
  const [, driver = "", name = "", rest = ""] = /^([^.=]+)\.([^=]+)=([^]*)$/.exec(text) ?? [];
  if (driver !== "") return { target: driver, property: name, value: rest };
  // A doubled comma stands for one; U+0000 cannot occur in XML.
  const options = new Map(
    text.replaceAll(",,", "\0").split(",").map((option) => {
      const [key = "", ...value] = option.replaceAll("\0", ",").split("=");
      return [key, value.join("=")];
    }),
  );
  const target = options.get("driver") ?? "";
  const property = options.get("property") ?? "";
  return { target, property, value: options.get("value") ?? "" };
}

/** `device.ID.property=value`; groups other than `device` are none of ours (`qemu_set_option`). */
function parseSet(text: string): Setting[] {
  const [, target = "", property = "", value = ""] =
    /^device\.([^.]+)\.([^=]+)=([^]*)$/.exec(text) ?? [];
  return target === "" ? [] : [{ target, property, value }];
}

/**
 * QEMU knows four words for either truth value (`qapi_bool_parse`); callers need one. A file name
 * stays as it is.
 */
function spell(property: string, value: string): string {
  if (property === "romfile") return value;
  if (["yes", "true", "y"].includes(value)) return "on";
  if (["no", "false", "n"].includes(value)) return "off";
  return value;
}
