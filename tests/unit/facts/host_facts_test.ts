import { assertEquals } from "@std/assert";
import { parseFacts, writeFacts } from "premigrate";
import type { DevicesInUse } from "../../../lib/facts/libvirt/devices_in_use.ts";
import { hostFacts } from "../../../lib/facts/host_facts.ts";
import { type LibvirtHost, unanswered } from "../../../lib/facts/libvirt/host.ts";
import { parseProbeReport, type ProbeReport } from "../../../lib/facts/probe/report.ts";
import { LEFT_OUT, reportOf } from "../../helpers/probe_reports.ts";

const ADDRESS = "0000:3b:00.4";
const MDEV = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";
const FF = 0xff;

function hexOf(length: number, byte: number): string[] {
  const line = ` ${byte.toString(16).padStart(2, "0")}`.repeat(16);
  return Array.from({ length: length / 16 }, () => line);
}

/** A report of one device, or of the host alone, as the probe writes it. */
function report(...records: readonly string[]): ProbeReport {
  return parseProbeReport(new TextEncoder().encode(reportOf(...records)));
}

const CONFIGS: readonly {
  readonly name: string;
  readonly records: readonly string[];
  /** How many bytes are known, or why none are. */
  readonly config: number | string | undefined;
}[] = [
  {
    name: "4096 bytes",
    records: ["attr config x", ...hexOf(4096, 1)],
    config: 4096,
  },
  { name: "the header only", records: ["attr config x", ...hexOf(64, 1)], config: 64 },
  {
    name: "asleep",
    records: ["attr power_state s D3cold", "attr config x", ...hexOf(256, 1)],
    config: "the device was asleep (D3cold)",
  },
  {
    name: "nothing answered",
    records: ["attr config x", ...hexOf(256, FF)],
    config: "the device answered with ff only",
  },
  {
    name: "a length that no config space has",
    records: ["attr config x", ...hexOf(128, 1)],
    config: "sysfs has 128 bytes, wanted 64, 256 or 4096",
  },
  { name: "may not be read", records: ["attr config - not allowed"], config: "not allowed" },
  { name: "not told", records: [], config: LEFT_OUT },
];

for (const { name, records, config } of CONFIGS) {
  Deno.test(`hostFacts, config: ${name}`, () => {
    const facts = hostFacts({ probe: report(`device ${ADDRESS}`, ...records) });
    const [device] = facts.devices;
    const found = device?.config?.bytes.length ?? device?.missing?.["config"];
    assertEquals(found, config);
    assertEquals(device?.config?.kind, typeof config === "number" ? "sysfs" : undefined);
    assertEquals(writeFacts(parseFacts(writeFacts(facts))), writeFacts(facts));
  });
}

Deno.test("hostFacts: attributes that policies declare", () => {
  const facts = hostFacts({
    probe: report(
      `device ${ADDRESS}`,
      "attr attributes/fw_rev s 7",
      "attr attributes/parent/fw_rev - not there",
      "attr attributes/hangs - no answer after 2 seconds",
    ),
  });
  const [device] = facts.devices;
  assertEquals(device?.attributes, { fw_rev: "7", "parent/fw_rev": null });
  assertEquals(device?.missing?.["attributes/hangs"], "no answer after 2 seconds");
  assertEquals(device?.missing?.["attributes/parent/fw_rev"], undefined);
});

Deno.test("hostFacts: an mdev has no bytes, and it is said why", () => {
  const facts = hostFacts({
    probe: report(
      `device ${MDEV}`,
      "attr mdev_type s nvidia-558",
      "attr mdev_type/name s NVIDIA A40-8Q",
    ),
  });
  const [device] = facts.devices;
  assertEquals(device?.config, undefined);
  assertEquals(device?.mdevType?.name, "NVIDIA A40-8Q");
  assertEquals(
    device?.missing?.["config"],
    "sysfs has none for a mediated device; only its VFIO config region tells",
  );
});

Deno.test("hostFacts: an mdev is of its parent's vendor", () => {
  const parent = ["attr parent s 0000:3b:00.0", "attr parent/vendor s 0x10de"];
  const [mdev] = hostFacts({
    probe: report(`device ${MDEV}`, "attr mdev_type s nvidia-558", ...parent),
  }).devices;
  assertEquals([mdev?.vendor, mdev?.device], [0x10de, undefined]);
  const [vf] = hostFacts({ probe: report(`device ${ADDRESS}`, ...parent) }).devices;
  assertEquals(vf?.vendor, undefined);
});

const MIGRATION: Readonly<Record<string, [records: string[], wanted: unknown]>> = {
  "not told": [[], undefined],
  "none": [["attr migration s no"], { offered: false, features: undefined }],
  "some": [["attr migration s yes"], { offered: true, features: undefined }],
  "with what it can": [
    [
      "attr migration s yes",
      "attr migration/features s stop-copy",
      "attr migration/features s p2p",
    ],
    { offered: true, features: ["stop-copy", "p2p"] },
  ],
  "something else": [["attr migration s maybe"], undefined],
};
for (const [name, [records, wanted]] of Object.entries(MIGRATION)) {
  Deno.test(`hostFacts, migration: ${name}`, () => {
    const facts = hostFacts({ probe: report(`device ${ADDRESS}`, ...records) });
    assertEquals<unknown>(facts.devices[0]?.migration, wanted);
    assertEquals(writeFacts(parseFacts(writeFacts(facts))), writeFacts(facts));
  });
}

const inUseBy = (address: string): DevicesInUse => ({
  addresses: new Set([address]),
  unread: [],
  mayHideMore: false,
});
const IN_USE: Readonly<Record<string, [DevicesInUse | undefined, boolean | undefined]>> = {
  "a guest has it": [inUseBy(ADDRESS), true],
  "a guest has another": [inUseBy(MDEV), false],
  "not known": [undefined, undefined],
};

for (const [name, [inUse, wanted]] of Object.entries(IN_USE)) {
  Deno.test(`hostFacts, in use: ${name}`, () => {
    const { devices } = hostFacts({ probe: report(`device ${ADDRESS}`), inUse });
    assertEquals(devices.map((device) => device.inUse), [wanted]);
  });
}

const LIBVIRT: LibvirtHost = {
  name: "hostb",
  uuid: undefined,
  libvirt: "10.0.0",
  emulator: "/usr/bin/qemu-system-x86_64",
  installedQemu: "8.2.2",
  machines: [{ name: "q35", canonical: "pc-q35-8.2" }],
  missing: {},
};

function emulator(...replies: readonly object[]): ProbeReport {
  const qmp = replies.map((reply) => JSON.stringify(reply)).join("\n");
  const path = "/usr/bin/qemu-system-x86_64";
  return {
    ...report(),
    emulator: { path, identity: "1:2", exe: "1:2", daemons: "", qmp, missing: {} },
  };
}

const VERSION = { id: "version", return: { qemu: { major: 9, minor: 1, micro: 2 } } };

const EMULATORS: readonly {
  readonly name: string;
  readonly report: ProbeReport;
  readonly beside: { readonly libvirt?: LibvirtHost };
  readonly qemu: string | undefined;
  readonly skipVscCheck?: Readonly<Record<string, boolean>>;
}[] = [
  { name: "neither tells", report: report(), beside: {}, qemu: undefined },
  { name: "libvirt alone", report: report(), beside: { libvirt: LIBVIRT }, qemu: "8.2.2" },
  {
    name: "the binary before libvirt",
    report: emulator(VERSION),
    beside: { libvirt: LIBVIRT },
    qemu: "9.1.2",
  },
  {
    name: "a binary that does not tell",
    report: emulator({ id: "version", error: { desc: "-" } }),
    beside: { libvirt: LIBVIRT },
    qemu: "8.2.2",
  },
  {
    name: "compat without a version is of no known QEMU",
    report: emulator({ id: "machines-compat-props", return: [{ name: "a", "compat-props": [] }] }),
    beside: {},
    qemu: undefined,
  },
  {
    name: "compat of the machine types",
    report: emulator(VERSION, {
      id: "machines-compat-props",
      return: [{ name: "a", "compat-props": [] }],
    }),
    beside: {},
    qemu: "9.1.2",
    skipVscCheck: { a: true },
  },
  {
    name: "of another QEMU libvirt tells nothing",
    report: report(),
    beside: { libvirt: { ...LIBVIRT, installedQemu: undefined, machines: undefined } },
    qemu: undefined,
  },
];

for (const { name, report, beside, qemu, skipVscCheck } of EMULATORS) {
  Deno.test(`hostFacts, QEMU: ${name}`, () => {
    const { host } = hostFacts({ probe: report, ...beside });
    assertEquals(host.qemu?.toString(), qemu);
    assertEquals(host.skipVscCheck, skipVscCheck);
    assertEquals(host.machineTypes, beside.libvirt?.machines && ["q35", "pc-q35-8.2"]);
  });
}

Deno.test("hostFacts: modules, with and without a version, and why libvirt is missing", () => {
  const { host } = hostFacts({
    probe: report(
      "attr module/nvidia/version s 535.161.05",
      "attr module/vfio_pci/version - not there",
    ),
    libvirt: unanswered("it was not asked"),
  });
  assertEquals(host.modules, { nvidia: "535.161.05", "vfio_pci": "" });
  assertEquals(host.missing?.["libvirt"], "it was not asked");
});
