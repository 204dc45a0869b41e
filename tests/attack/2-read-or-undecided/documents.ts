/** Guests with one PCI function, and what all built-in policies decide of them. */
import { BUILT_IN, type Decision, type Facts, parseDomain, parseFacts, Registry } from "premigrate";
import { judge } from "premigrate/policy";
import { FIRST, guestXml, sourceFacts } from "../../helpers/hook_arrivals.ts";

const NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0";

/** Parts of a document, each in its place. */
export interface Parts {
  /** QEMU compares the byte in which the two devices differ before 9.1. */
  readonly machine?: string;
  /** Attributes of the `<hostdev>`. */
  readonly attributes?: string;
  /** Below the `<hostdev>`. */
  readonly inside?: string;
  /** Other devices. */
  readonly devices?: string;
  /** Behind `<devices>`, with the prefix `qemu`. */
  readonly qemu?: string;
}

/** The alias of the device. */
export const ALIAS = "ua-vf";

/** A document, as libvirt writes it. */
export function documentWith(parts: Parts = {}): string {
  const { machine, attributes = "", inside = "", devices, qemu = "" } = parts;
  return guestXml([FIRST], { ...machine && { machine }, ...devices && { devices } })
    .replace("<hostdev ", `<hostdev ${attributes} `)
    .replace("</source>", `</source><alias name='${ALIAS}'/>${inside}`)
    .replace("<domain ", `<domain xmlns:qemu='${NAMESPACE}' `)
    .replace("</domain>", `${qemu}</domain>`);
}

/** `<qemu:commandline>` with these arguments. */
export function args(...values: readonly string[]): string {
  const all = values.map((value) => `<qemu:arg value='${escape(value)}'/>`);
  return `<qemu:commandline>${all.join("")}</qemu:commandline>`;
}

/** An override of a property of the device with this alias. */
export function override(name: string, value: string, alias = ALIAS): string {
  return `<qemu:override><qemu:device alias='${alias}'><qemu:frontend>
    <qemu:property name='${escape(name)}' type='string' value='${escape(value)}'/>
  </qemu:frontend></qemu:device></qemu:override>`;
}

/** A text as it may stand in an attribute. */
export function escape(text: string): string {
  return text.replace(/[&<>'"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

const FACTS = sourceFacts([FIRST.source]);
const SOURCE: Facts = {
  ...FACTS,
  host: { ...FACTS.host, uuid: "11111111-1111-4111-8111-111111111111", networks: {} },
};
const [THERE] = parseFacts(Deno.readTextFileSync("examples/destination.json")).devices;
const DESTINATION: Facts = {
  ...SOURCE,
  host: { ...SOURCE.host, name: "hostb", uuid: "22222222-2222-4222-8222-222222222222" },
  devices: THERE === undefined ? [] : [{ ...THERE, mdevType: undefined, address: FIRST.source }],
};
const REGISTRY = Registry.from(BUILT_IN);

/** What is decided. */
export interface Decided {
  readonly decision: Decision;
  /** Codes that decide, with what the document's own are about. */
  readonly codes: readonly string[];
}

/** Judges a document, with all that can be known of both hosts. */
export function decide(xml: string): Decided {
  const guest = parseDomain(xml);
  const { verdict } = judge({
    registry: REGISTRY,
    source: SOURCE,
    destination: DESTINATION,
    guest,
  });
  const deciding = verdict.findings.filter(({ severity }) =>
    severity === "veto" || severity === "undecided"
  );
  const codes = deciding.map(({ code, data }) => {
    const what = data["argument"] ?? data["element"] ?? data["property"];
    return what === undefined ? code : `${code}: ${what}`;
  });
  return { decision: verdict.decision, codes };
}
