/** The same guests as they arrive at the hook: stamped, and the destination as the probe tells of it. */
import { BUILT_IN } from "premigrate";
import { attributesOf } from "../../../lib/policy/attributes.ts";
import { decodeHex } from "@std/encoding/hex";
import { parseDomain, parseFacts } from "premigrate";
import { setMetadata } from "premigrate/domain";
import { STAMP_NAMESPACE, writeStamp } from "../../../lib/facts/mod.ts";
import { hostFacts } from "../../../lib/facts/host_facts.ts";
import { parseProbeReport } from "../../../lib/facts/probe/report.ts";
import { addRealizeViews } from "../../../lib/facts/vfio/realize_views.ts";
import { findRealizeView, recordRealizeView } from "../../../lib/facts/vfio/records.ts";
import { parseVfioAnswer } from "../../../lib/facts/vfio/region.ts";
import type { Arrival } from "../../../lib/hook/arrival.ts";
import { FakeSysfs } from "../../helpers/probe_tree.ts";
import { hexOf, isList, objectOf } from "./differences.ts";
import { type FactsFile, type Guest, type Json, type JsonObject, xmlOf } from "./guests.ts";

export const NOW = Date.parse("2026-03-01T12:00:00Z");
const EMULATOR = "/usr/bin/qemu-system-x86_64";
const PARENT = "0000:3b:00.0";
const text = (value: Json | undefined): string => `${value}`;

/** What the probe prints of a host with these facts. */
export function reportOf({ host, devices }: FactsFile): string {
  const lines = [
    "host",
    "attr time s 2026-03-01T12:00:00Z",
    "attr uid s 0",
    ...told("sys/kernel/hostname", host["name"]),
    ...told("sys/kernel/osrelease", host["kernel"]),
    ...told("sys/kernel/random/boot_id", host["bootId"]),
    ...host["nvidiaDriver"] === undefined ? [] : [
      `attr driver/nvidia/version s NVRM version: NVIDIA UNIX x86_64 Kernel Module  ${
        text(host["nvidiaDriver"])
      }  Thu`,
    ],
    ...told("machine-id", host["machineId"]),
    "attr vfio_aliases s alias vfio_pci:v000010DEd00002235sv*sd*bc*sc*i* qat_vfio_pci",
    ...devices.flatMap((device) => [`device ${text(device["address"])}`, ...ofDevice(device)]),
    `emulator ${EMULATOR}`,
    "attr identity s 1:2:3",
    "attr daemons s 4:5:6",
    "attr qmp - known",
  ];
  return ended(lines);
}

/** A report of these lines, with its end. */
export function ended(lines: readonly string[]): string {
  const records = lines.filter((line) => !line.startsWith(" ")).length;
  return ["premigrate-probe 1", ...lines, `end ${records}`, ""].join("\n");
}

function told(key: string, value: Json | undefined, none = "not there"): string[] {
  if (value === undefined) return [`attr ${key} - ${none}`];
  return text(value).split("\n").map((line) => `attr ${key} s ${line}`);
}

function ofDevice(device: JsonObject): string[] {
  const { driver: own, migration: offers, mdevType: type } = device;
  const [driver, migration, mdevType] = [own, offers, type].map(objectOf);
  const isMdev = mdevType !== undefined;
  return [
    ...told("driver", driver?.["name"]),
    ...told("iommu_group", device["iommuGroup"]),
    ...told("migration", migration && (migration["offered"] === true ? "yes" : "no")),
    ...told("migration/features", linesOf(migration?.["features"])),
    ...isMdev ? ofMdev(mdevType) : ofFunction(device),
    "attr nvidia/current_vgpu_type".concat(tail(device["vgpuType"])),
    ...told("driver/module/version", driver?.["version"]),
    ...ofParent(device),
    ...ofAttributes(device),
    ...isMdev ? [] : ofConfig(device),
  ];
}

function tail(value: Json | undefined): string {
  return value === undefined ? " - not there" : ` s ${text(value)}`;
}

function linesOf(value: Json | undefined): string | undefined {
  return isList(value) ? value.map(text).join("\n") : undefined;
}

/** What the built-in policies ask for. */
const ATTRIBUTES = attributesOf(BUILT_IN);

function ofAttributes({ attributes }: JsonObject): string[] {
  const known = objectOf(attributes) ?? {};
  return ATTRIBUTES.flatMap((name) => told(`attributes/${name}`, known[name] ?? undefined));
}

function ofMdev(type: JsonObject): string[] {
  return [
    ...told("mdev_type", type["id"]),
    ...told("mdev_type/name", type["name"]),
    ...told("mdev_type/description", type["description"]),
    ...told("mdev_type/available_instances", type["availableInstances"]),
  ];
}

function ofFunction(device: JsonObject): string[] {
  const { bars, romSize } = device;
  const sizes = isList(bars) ? [...bars.map(Number), Number(romSize ?? 0)] : [];
  const hex = (value: number): string => `0x${value.toString(16).padStart(16, "0")}`;
  const resource = sizes.map((size) =>
    size === 0
      ? [0, 0, 0].map(hex).join(" ")
      : [0x10000000000, 0x10000000000 + size - 1, 0x140204].map(hex).join(" ")
  );
  return [
    ...told("vendor", device["vendor"]),
    ...told("device", device["device"]),
    ...told("class", device["class"]),
    ...told("modalias", "pci:v000010DEd00002235sv000010DEsd0000145Abc03sc02i00"),
    ...told("resource", sizes.length === 0 ? undefined : resource.join("\n")),
    ...told("numa_node", device["numaNode"]),
    ...told("power_state", device["powerState"]),
    ...told("reset_method", "flr"),
    "attr devlink - not there",
  ];
}

function ofParent(device: JsonObject): string[] {
  const { parent, firmware: own } = device;
  const firmware = objectOf(own);
  const devlink = firmware && [
    `pci/${PARENT}:`,
    "  versions:",
    ...firmware["psid"] === undefined
      ? []
      : ["      fixed:", `        fw.psid ${text(firmware["psid"])}`],
    "      running:",
    ...firmware["version"] === undefined ? [] : [`        fw.version ${text(firmware["version"])}`],
  ].join("\n");
  return [
    ...told("parent", parent),
    ...parent === undefined ? [] : [
      ...told("parent/vendor", device["vendor"]),
      ...told("parent/devlink", devlink),
    ],
    ...device["mdevType"] === undefined ? told("vf_index", device["vfIndex"]) : [],
  ];
}

function ofConfig(device: JsonObject): string[] {
  const hex = hexOf(device);
  if (hex === "") return ["attr config - cannot be read"];
  // Sysfs shows no ids of a virtual function.
  const rows = `ffffffff${hex.slice(8)}`.match(/.{2,32}/g) ?? [];
  return ["attr config x", ...rows.map((row) => row.replace(/../g, " $&"))];
}

/** What VFIO's reader printed of the devices of which sysfs does not tell. */
export function regionsOf({ devices }: FactsFile): ReadonlyMap<string, string> {
  return new Map(devices.flatMap((device) => {
    if (device["mdevType"] === undefined && device["vgpuType"] === undefined) return [];
    return [
      [
        text(device["address"]),
        JSON.stringify({
          result: "read",
          config: hexOf(device),
          bars: device["bars"],
          romSize: device["romSize"] ?? 0,
        }),
      ] as const,
    ];
  }));
}

/**
 * Keeps what VFIO's reader once read of another device of the kind, as the agent does: NVIDIA's
 * mediated devices are not opened as a guest arrives.
 */
export async function keepRecords(facts: FactsFile, records: string): Promise<void> {
  const read = hostFacts({ probe: parseProbeReport(reportOf(facts)) });
  const regions = regionsOf(facts);
  await addRealizeViews(read, { allowReset: true, records }, AbortSignal.timeout(60_000), {
    read: ({ address }) =>
      Promise.resolve(parseVfioAnswer(regions.get(address) ?? "", "it was not opened")),
    find: findRealizeView,
    record: recordRealizeView,
  });
}

/** What libvirt and QEMU said of a host, as the cache keeps it; a field of it may be left out. */
export function cacheOf({ host }: FactsFile, without: string | undefined = undefined): string {
  const { name, uuid, libvirt, qemu, skipVscCheck, machineTypes } = host;
  const kept = {
    name,
    uuid,
    libvirt,
    emulator: EMULATOR,
    machines: isList(machineTypes)
      ? machineTypes.map((name) => ({ name, canonical: name }))
      : undefined,
    missing: {},
  };
  const replies = { qemu, skipVscCheck, missing: {} };
  const leave = (fields: object): object =>
    Object.fromEntries(Object.entries(fields).filter(([key]) => key !== without));
  const entry = {
    identity: "1:2:3",
    ...leave({ exe: "1:2:3" }),
    asked: "2026-01-01T00:00:00Z",
    daemons: "4:5:6",
    host: leave(kept),
    replies: leave(replies),
  };
  return JSON.stringify({ premigrate: "host/2", emulators: { [EMULATOR]: entry } });
}

/** The fields of it that may be left out. */
export const CACHED = ["exe", "name", "uuid", "libvirt", "machines", "qemu", "skipVscCheck"];

/** A guest's XML with its stamp. */
export async function stampedXml(guest: Guest, age = 0): Promise<string> {
  const xml = xmlOf(guest);
  const domain = parseDomain(xml);
  const devices = domain.hostDevices.flatMap((device) =>
    (device.kind === "pci" || device.kind === "mdev") && device.address?.type === "pci"
      ? [{ guest: device.address.bdf, source: device.source }]
      : []
  );
  const facts = parseFacts(JSON.stringify(guest.source));
  const known = new Set(facts.devices.map(({ address }) => address));
  const element = await writeStamp({
    guest: domain.uuid ?? "",
    time: new Date(NOW - age * 1000).toISOString(),
    devices: devices.filter(({ source }) => known.has(source)),
    facts,
  });
  return setMetadata(xml, domain, STAMP_NAMESPACE, element);
}

/** An arrival; the host's cache, and the records of what VFIO's reader read, are in the folder. */
export function arrivalOf(
  xml: string,
  probed: string,
  regions: ReadonlyMap<string, string>,
  cache: string,
): Arrival {
  const signal = AbortSignal.timeout(600_000);
  return {
    xml,
    probed,
    regions,
    round: 2,
    seconds: 30,
    now: NOW,
    paths: { cache, realize: `${cache}/realize` },
    plugins: { runner: "/none", ends: performance.now() + 600_000, signal },
    signal,
  };
}

/** A sysfs of a host with these devices, and the addresses to ask the probe for. */
export function sysfsOf({ devices }: FactsFile): FakeSysfs {
  const sysfs = new FakeSysfs();
  sysfs.addFunction(PARENT, { config: new Uint8Array(64), driver: "pf", module: "pf" });
  for (const device of devices) {
    const address = text(device["address"]);
    const driver = text(objectOf(device["driver"])?.["name"]);
    const type = objectOf(device["mdevType"]);
    const common = { driver, module: driver, iommuGroup: text(device["iommuGroup"]) };
    if (type === undefined) {
      const index = Number(device["vfIndex"]);
      sysfs.addFunction(address, {
        ...common,
        config: decodeHex(hexOf(device)),
        physfn: [PARENT, index],
      });
    } else {
      sysfs.addMdev(address, {
        ...common,
        parent: PARENT,
        type: text(type["id"]),
        typeFiles: { name: text(type["name"]) },
      });
    }
    sysfs.file(`kernel/debug/vfio/${address}/migration/features`, "stop-copy\n");
  }
  return sysfs;
}

/** Keys of a report's devices, in their order. */
export function keysOf(report: string): string[] {
  const devices = report.slice(report.indexOf("\ndevice "), report.indexOf("\nemulator "));
  return [...new Set(devices.matchAll(/^attr (\S+) /gm).map(([, key = ""]) => key))].sort();
}
