import type { XmlElement } from "@rgrove/parse-xml";
import { type DomainDocument, qemuChildren, quote } from "./document.ts";

/** More than anyone writes by hand, of arguments and of overridden properties each. */
const MAX_CHANGES = 1024;

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

/** One QEMU option, and the element its value stands in. */
interface Option {
  readonly name: string;
  readonly value: string;
  readonly element: XmlElement;
}

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
  /** The arguments `<qemu:commandline>` adds, in order. */
  readonly arguments: readonly string[];
  readonly #options: readonly Option[];
  readonly #globals: readonly Setting[];
  readonly #overrides: readonly Override[];

  /** Throws `too-large`, `incomplete` or, where libvirt would refuse the document, `bad-value`. */
  constructor(document: DomainDocument) {
    const elements = descendants(document.root, "commandline", "arg");
    checkCount(document, "QEMU arguments", elements.length);
    this.arguments = elements.map((element) => document.required(element, "value"));
    this.#options = elements.slice(1).map((element, index) => ({
      name: (this.arguments[index] ?? "").replace(/^--?/, "-"),
      value: this.arguments[index + 1] ?? "",
      element,
    }));
    this.#globals = this.#values("-global").map(parseGlobal);
    this.#overrides = [...readOverrides(document), ...this.#values("-set").flatMap(parseSet)];
  }

  /** Where a VFIO device is added, or may be, of which libvirt knows nothing. */
  vfioDevices(): XmlElement[] {
    return this.#options
      .filter(({ name, value }) =>
        (name === "-device" && addsVfio(value)) || name === "-readconfig"
      )
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
  try {
    const { driver } = Object(JSON.parse(device));
    return typeof driver !== "string" || driver.startsWith("vfio-");
  } catch {
    return true;
  }
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
