/**
 * What may stand below a host device: an allow-list. What is read, and what libvirt keeps for itself
 * or gives to the host's side of a device; all else may change what QEMU makes of it.
 */
import type { XmlElement } from "@rgrove/parse-xml";
import { elements } from "./document.ts";

/** More than one is enough to be undecided; a hostile document may have many. */
const MOST = 16;

interface Known {
  readonly attributes: readonly string[];
  /** `any`: nothing below it reaches QEMU. */
  readonly children: readonly string[] | "any";
}

/** What the host does to a network device, or the guest's drivers are told; of no config space. */
const NETWORK: readonly string[] = [
  "bandwidth",
  "coalesce",
  "filterref",
  "guest",
  "ip",
  "link",
  "mac",
  "model",
  "mtu",
  "port",
  "route",
  "script",
  "target",
  "tune",
  "virtualport",
  "vlan",
];

const COMMON = ["acpi", "address", "alias", "boot", "driver", "rom", "source"];

const KNOWN: ReadonlyMap<string, Known> = new Map<string, Known>([
  ["hostdev", {
    attributes: ["mode", "type", "managed", "model", "display", "ramfb"],
    children: [...COMMON, "teaming"],
  }],
  ["interface", {
    attributes: ["type", "managed", "trustGuestRxFilters"],
    children: [...COMMON, "teaming", "actual", ...NETWORK],
  }],
  ["actual", {
    attributes: ["type", "managed", "trustGuestRxFilters"],
    children: ["driver", "source", ...NETWORK],
  }],
  ["source", {
    attributes: ["network", "portgroup", "portid", "bridge", "dev", "mode"],
    children: ["address"],
  }],
  ["address", {
    attributes: [
      ...["type", "domain", "bus", "slot", "function", "multifunction", "uuid"],
      ...["cssid", "ssid", "devno"],
    ],
    children: ["zpci"],
  }],
  ["zpci", { attributes: ["uid", "fid"], children: [] }],
  ["driver", { attributes: ["name", "model"], children: [] }],
  ["rom", { attributes: ["bar", "file", "enabled"], children: [] }],
  ["teaming", { attributes: ["type", "persistent"], children: [] }],
  ["alias", { attributes: ["name"], children: [] }],
  ["boot", { attributes: ["order", "loadparm"], children: [] }],
  ["acpi", { attributes: ["index"], children: [] }],
  ...NETWORK.map((name): [string, Known] => [name, { attributes: [], children: "any" }]),
]);

/**
 * Names what is not known of a host device.
 *
 * @param config what holds its source and driver: the device itself, or its `<actual>`
 */
export function notUnderstood(device: XmlElement, config: XmlElement): string[] {
  const found = new Set<string>();
  visit(device, "", found);
  const driver = elements(config).find(({ name }) => name === "driver")?.attributes["name"];
  // `kvm` is the assignment before VFIO, `xen` another's.
  if (driver === "kvm" || driver === "xen") found.add("driver/@name");
  // libvirt gives QEMU no failover_pair_id for these.
  if (device.attributes["type"] === "mdev" && elements(device).some(isTeaming)) {
    found.add("teaming");
  }
  return [...found].slice(0, MOST).map((name) => name.slice(0, 80));
}

function isTeaming({ name }: XmlElement): boolean {
  return name === "teaming";
}

function visit(element: XmlElement, path: string, found: Set<string>): void {
  const known = KNOWN.get(element.name);
  if (known === undefined || known.children === "any") return;
  for (const [name, value] of Object.entries(element.attributes)) {
    // A declaration of a namespace; and what is off is as if it were not there.
    if (name.startsWith("xmlns") || (name === "iommufd" && value === "no")) continue;
    if (!known.attributes.includes(name)) found.add(`${path}@${name}`);
  }
  for (const child of elements(element)) {
    const below = `${path}${child.name}`;
    if (known.children.includes(child.name)) visit(child, `${below}/`, found);
    else found.add(below);
  }
}
