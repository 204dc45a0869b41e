/**
 * Guests with VFIO and a QEMU command line, as people publish them: the shapes of 53 documents from
 * 47 public repositories, in tests/cases/domain/published.jsonl. Of each there are the elements and
 * attributes below its host devices beside address, source and the usual attributes; its arguments by
 * name; and no value of its own.
 */
import { assert, assertEquals } from "@std/assert";
import { parseDomain } from "premigrate";
import { wantDevices } from "../../../lib/policy/guest.ts";
import * as v from "valibot";
import { escape } from "./documents.ts";

const Published = v.strictObject({
  /** The repository. */
  of: v.string(),
  machine: v.string(),
  /** How many VFIO devices the XML has; the shape is that of all together. */
  devices: v.number(),
  type: v.picklist(["pci", "mdev", "none"]),
  has: v.optional(v.string(), ""),
  /** `-option *` with a value, `-device model` and its like, `{}` where it is JSON. */
  arguments: v.array(v.string()),
  env: v.optional(v.array(v.string()), []),
  override: v.optional(v.array(v.string()), []),
  capabilities: v.optional(v.array(v.string()), []),
  /** Aliases of PCI controllers. */
  ports: v.optional(v.array(v.string()), []),
});
type Published = v.InferOutput<typeof Published>;

const DOCUMENTS = Deno.readTextFileSync("tests/cases/domain/published.jsonl").trimEnd()
  .split("\n").map((line) => v.parse(Published, JSON.parse(line)));

const VALUES: Readonly<Record<string, string>> = {
  bar: "off",
  display: "on",
  file: "/usr/share/vgabios/a.rom",
  multifunction: "on",
  name: "vfio",
  order: "1",
  ramfb: "on",
};

function attribute(name: string): string {
  return ` ${name}='${VALUES[name] ?? "1"}'`;
}

function hostDevice({ type, has }: Published): string {
  let [own, address, inside] = ["", "", ""];
  for (const part of has.split(" ").filter((part) => part !== "")) {
    const [name = "", names = ""] = part.split("@");
    const attributes = names.split(",").map(attribute).join("");
    if (name === "") own += attributes;
    else if (name === "address") address += attributes;
    else inside += `<${name}${name === "alias" ? " name='hostdev0'" : attributes}/>`;
  }
  const [kind, source] = type === "mdev"
    ? ["type='mdev' model='vfio-pci'", "uuid='c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01'"]
    : ["type='pci'", "domain='0x0000' bus='0x3b' slot='0x00' function='0x0'"];
  return `<hostdev mode='subsystem' ${kind} managed='yes'${own}>
    <source><address ${source}/></source>${inside}
    <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'${address}/></hostdev>`;
}

function wordsOf(argument: string): string[] {
  const [option = "", ...rest] = argument.split(" ");
  const value = rest.join(" ");
  if (argument === "WORD") return ["/a"];
  if (value === "") return [option];
  if (value.endsWith(".driver")) return [option, `${value}=vfio-pci-nohotplug`];
  if (option === "-set" || option === "-global") return [option, `${value}=1`];
  const key = option === "-object" ? "qom-type" : "driver";
  if (value.endsWith("{}")) return [option, JSON.stringify({ [key]: value.slice(0, -2), id: "a" })];
  if (value.endsWith("{''}")) return [option, `{'${key}':'${value.slice(0, -4)}','id':'a'}`];
  return [option, value === "*" ? "a=b" : `${value},id=a`];
}

function write(document: Published): string {
  const list = <T>(items: readonly T[], one: (item: T) => string): string =>
    items.map(one).join("");
  const overrides = list(document.override, (each) => {
    const [alias = "", name = ""] = each.split(" ");
    return `<qemu:device alias='${alias}'><qemu:frontend>
      <qemu:property name='${name}' type='unsigned' value='1'/></qemu:frontend></qemu:device>`;
  });
  return `<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
    <name>guest</name><uuid>4dea22b3-1d52-48f3-a516-782e98ab3fa0</uuid>
    <os><type arch='x86_64' machine='${document.machine}'>hvm</type></os>
    <devices>
      <controller type='pci' index='1' model='pcie-root-port'/>
      ${
    list(document.ports, (alias) =>
      `<controller type='pci' index='2' model='pcie-root-port'><alias name='${alias}'/></controller>`)
  }
      ${document.type === "none" ? "" : hostDevice(document)}
    </devices>
    <qemu:commandline>${
    list(document.arguments.flatMap(wordsOf), (word) => `<qemu:arg value='${escape(word)}'/>`)
  }${list(document.env, (name) => `<qemu:env name='${name}' value='1'/>`)}</qemu:commandline>
    <qemu:override>${overrides}</qemu:override>
    <qemu:capabilities>${
    list(document.capabilities, (each) => {
      const [verb = "", capability = ""] = each.split(" ");
      return `<qemu:${verb} capability='${capability}'/>`;
    })
  }</qemu:capabilities>
  </domain>`;
}

/** What of a document is not understood. */
function notUnderstood(document: Published): string[] {
  const { findings } = wantDevices(parseDomain(write(document)));
  return findings.filter(({ severity }) => severity !== "info").map(({ code, data }) =>
    `${document.of}: ${data["argument"] ?? data["element"] ?? data["property"] ?? code}`
  );
}

Deno.test("of published guests with VFIO and arguments for QEMU at most one in twenty is undecided", () => {
  const guests = DOCUMENTS.filter(({ devices, arguments: args }) => devices > 0 && args.length > 0);
  assert(guests.length >= 40);
  const found = guests.map(notUnderstood).filter((names) => names.length > 0);
  // A device of a patched QEMU; no release has it.
  assertEquals(found, Array(2).fill(["whosboosh/Win11-VFIO: -device acpi-cppc"]));
  assert(found.length <= guests.length / 20, `${found.length} of ${guests.length}`);
});

Deno.test("published guests whose VFIO devices come by arguments were, and are, undecided", () => {
  const byHand = DOCUMENTS.filter(({ devices }) => devices === 0);
  assertEquals(byHand.flatMap(notUnderstood), [
    "novafacing/vfio-windows-config: device-of-command-line",
  ]);
});

Deno.test("published guests: an override of ids is understood", () => {
  const overridden = DOCUMENTS.filter(({ override }) => override.length > 0);
  assertEquals(overridden.flatMap(notUnderstood), []);
});
