import { assertEquals, assertThrows } from "@std/assert";
import {
  MAX_PROBED_DEVICES,
  MAX_REPORT_BYTES,
  parseProbeReport,
} from "../../../../lib/facts/probe/report.ts";
import {
  isDeviceAddress,
  ProbeError,
  type ProbeErrorCode,
} from "../../../../lib/facts/probe/sections.ts";
import { toldKeys } from "../../../../lib/facts/probe/keys.ts";
import { reportOf, withoutLeftOut } from "../../../helpers/probe_reports.ts";

const ADDRESS = "0000:3b:00.4";
const MDEV = "c0b26072-dd1b-4340-84fe-bf338c510818";

/** A report with these records in it, and no others. */
function report(...records: readonly string[]): string {
  const lines = records.filter((line) => !line.startsWith(" "));
  return ["premigrate-probe 1", "host", ...records, `end ${lines.length + 1}`, ""].join("\n");
}

const ERRORS: Readonly<Record<string, readonly [ProbeErrorCode, text: string, line?: number]>> = {
  "nothing": ["no-report", ""],
  "a refusing shell": ["no-report", "This account is currently not available.\n"],
  "the start of the first line": ["no-report", "premigrate-prob"],
  "the first line within another": ["no-report", "> premigrate-probe 1\nhost\nend 1\n"],
  "carriage returns": ["no-report", report().replaceAll("\n", "\r\n")],
  "a later version": ["version", "premigrate-probe 2\nend 0\n"],
  "a first line alone": ["truncated", "premigrate-probe 1\n"],
  "a first line without its newline": ["no-report", "premigrate-probe 1"],
  "no end": ["truncated", "premigrate-probe 1\nhost\nattr uid s 0\n"],
  "half an end": ["truncated", report().slice(0, -1)],
  "text after the end": ["malformed", `${report()}logout\n`],
  "two reports": ["malformed", report() + report(), 3],
  "no host": ["malformed", "premigrate-probe 1\nend 0\n"],
  "a device before the host": ["malformed", `premigrate-probe 1\ndevice ${ADDRESS}\nhost\nend 2\n`],
  "two hosts": ["malformed", report("host")],
  "two emulators": ["malformed", report("emulator /a", "emulator /b")],
  "a device twice": ["malformed", report(`device ${ADDRESS}`, `device ${ADDRESS}`)],
  "a device that is absent": ["malformed", report(`device ${ADDRESS}`, `absent ${ADDRESS}`)],
  "a line too few": ["malformed", report("attr uid s 0").replace("attr uid s 0\n", "")],
  "a line too many": ["malformed", report().replace("end 1", "attr uid s 0\nend 1")],
  "an attribute of nothing": ["malformed", "premigrate-probe 1\nattr uid s 0\nhost\nend 2\n", 2],
  "an attribute twice": ["malformed", report("attr a x", "attr a x"), 4],
  "an attribute twice, with another between": [
    "malformed",
    report("attr a s 1", "attr b s 1", "attr a s 2"),
    5,
  ],
  "a value and why it is missing": ["malformed", report("attr a s 1", "attr a - not there"), 4],
  "an attribute without a kind": ["malformed", report("attr a"), 3],
  "an attribute of another kind": ["malformed", report("attr a y 1"), 3],
  "an attribute whose key has a space": ["malformed", report("attr a b s 1"), 3],
  "an attribute without a key": ["malformed", report("attr  s 1"), 3],
  "an attribute with a long key": ["malformed", report(`attr ${"a".repeat(201)} s 1`), 3],
  "missing for no reason": ["malformed", report("attr a - "), 3],
  "text that is not ASCII": ["malformed", report("attr a s gr\u00fc\u00df"), 3],
  "text with a control character": ["malformed", report("attr a s \u001b[0m"), 3],
  "an unknown section": ["malformed", report("guest vm1"), 3],
  "an empty line": ["malformed", report(""), 3],
  "a device without address": ["malformed", report("device"), 3],
  "a device with a path": ["malformed", report("device ../x"), 3],
  "a device in upper case": ["malformed", report("device 0000:3B:00.4"), 3],
  "an emulator with a relative path": ["malformed", report("emulator qemu"), 3],
  "bytes of nothing": ["malformed", report(" 00"), 3],
  "bytes of a text": ["malformed", report("attr a s 1", " 00"), 4],
  "bytes of what is missing": ["malformed", report("attr a - not there", " 00"), 4],
  "half a byte": ["malformed", report("attr a x", " 00 0"), 4],
  "bytes in upper case": ["malformed", report("attr a x", " FF"), 4],
  "bytes without spaces": ["malformed", report("attr a x", " 0000"), 4],
  "bytes with two spaces": ["malformed", report("attr a x", " 00  00"), 4],
  "too many devices": [
    "too-large",
    report(
      ...Array.from({ length: MAX_PROBED_DEVICES + 1 }, (_, index) => `absent ${addressOf(index)}`),
    ),
  ],
  "more attributes of policies than are asked for": [
    "too-large",
    reportOf(
      `device ${ADDRESS}`,
      ...Array.from({ length: 257 }, (_, index) => `attr attributes/a${index} s 1`),
    ),
  ],
  "too many bytes": ["too-large", " ".repeat(MAX_REPORT_BYTES + 1)],
};

function addressOf(index: number): string {
  return `${(index >> 8).toString(16).padStart(4, "0")}:${
    (index & 0xff).toString(16).padStart(2, "0")
  }:00.0`;
}

for (const [title, [code, text, line]] of Object.entries(ERRORS)) {
  Deno.test(`parseProbeReport: ${title} is an error`, () => {
    const error = assertThrows(() => parseProbeReport(text), ProbeError);
    assertEquals([error.code, error.line], [code, line]);
    assertEquals(
      /^Reading the probe's report( at line [0-9]+)?: [ -~]+[^.]$/.test(error.message),
      true,
    );
  });
}

Deno.test("parseProbeReport: what a login shell prints before is passed over", () => {
  const bytes = new TextEncoder().encode(report("attr uid s 0"));
  const before = [0x57, 0x65, 0x6c, 0x63, 0xff, 0x00, 0x0d, 0x0a];
  assertEquals(parseProbeReport(Uint8Array.from([...before, ...bytes])).uid, 0);
  const { line } = assertThrows(
    () => parseProbeReport(`Welcome\nto hostb\n${report("x")}`),
    ProbeError,
  );
  assertEquals(line, 5);
});

Deno.test("parseProbeReport: attributes of a later probe are passed over", () => {
  assertEquals(parseProbeReport(report("attr colour s red")).host.missing, {});
});

Deno.test("parseProbeReport: a report cut anywhere is an error", () => {
  const whole = reportOf(
    "attr uid s 0",
    `device ${ADDRESS}`,
    "attr vendor s 0x10de",
    "attr config x",
    " de 10 b8 1e",
    " 02 05",
    "attr driver - not there",
    "absent 0000:3b:00.5",
    "emulator /usr/bin/qemu-system-x86_64",
    "attr qmp - no executable file",
  );
  parseProbeReport(whole);
  for (let length = 0; length < whole.length; length++) {
    const { code } = assertThrows(() => parseProbeReport(whole.slice(0, length)), ProbeError);
    assertEquals(code, length <= "premigrate-probe 1".length ? "no-report" : "truncated");
  }
});

const ZEROS = "attr resource s 0x0000000000000000 0x0000000000000000 0x0000000000000000";

/** The lines of a config space of which every byte is the same. */
function configOf(length: number, byte: string): string[] {
  return ["attr config x", ...length === 0 ? [] : [` ${Array(length).fill(byte).join(" ")}`]];
}

function sysfs(length: number, byte: number): Record<string, unknown> {
  const bytes = new Uint8Array(length).fill(byte);
  return { kind: "sysfs", bytes, source: "sysfs", time: undefined };
}

/** Attributes of one device, and what becomes of them. */
const VALUES: Readonly<
  Record<string, readonly [records: string[], found: Record<string, unknown>]>
> = {
  "ids": [
    ["attr vendor s 0x10de", "attr class s 0x030200"],
    { vendor: 0x10de, class: 0x030200 },
  ],
  "ids that are none": [
    ["attr vendor s 10de", "attr device s 0x1ffff", "attr class s 0xA"],
    {
      vendor: undefined,
      device: undefined,
      class: undefined,
      missing: {
        vendor: 'found "10de", wanted 16 bits in hexadecimal',
        device: 'found "0x1ffff", wanted 16 bits in hexadecimal',
        class: 'found "0xA", wanted 24 bits in hexadecimal',
      },
    },
  ],
  "no attributes": [[], { config: undefined, driver: undefined, missing: {} }],
  "an id of two lines": [
    ["attr vendor s 0x10de", "attr vendor s 0x10df"],
    {
      vendor: undefined,
      missing: { vendor: 'found "0x10de\\n0x10df", wanted 16 bits in hexadecimal' },
    },
  ],
  "an id with a NUL in it": [
    ["attr vendor x", " 30 78 31 00 30 0a"],
    {
      vendor: undefined,
      missing: { vendor: 'found "0x1\\u00000", wanted 16 bits in hexadecimal' },
    },
  ],
  "an id without a newline": [["attr vendor x", " 30 78 31 30"], { vendor: 0x10 }],
  "BARs and a ROM": [
    [
      "attr resource s 0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200",
      "attr resource s 0x000003a000000000 0x000003bfffffffff 0x000000000014220c",
      ZEROS,
      "attr resource s 0x000000000000e000 0x000000000000e07f 0x0000000000040101",
      ZEROS,
      ZEROS,
      "attr resource s 0x00000000000c0000 0x00000000000dffff 0x0000000000000212",
    ],
    { bars: [0x1000000, 0x2000000000, 0, 0x80, 0, 0], romSize: 0x20000 },
  ],
  "a BAR of one byte at 0": [
    ["attr resource s 0x0 0x0 0x200", ...Array(6).fill(ZEROS)],
    { bars: [1, 0, 0, 0, 0, 0], romSize: 0 },
  ],
  "a BAR of 2^64 bytes": [
    ["attr resource s 0x0 0xffffffffffffffff 0x200", ...Array(6).fill(ZEROS)],
    { bars: undefined, romSize: undefined, missing: { resource: "found no size in it" } },
  ],
  "a BAR that ends before it starts": [
    ["attr resource s 0x1000 0x0 0x200", ...Array(6).fill(ZEROS)],
    { bars: undefined, missing: { resource: "found no size in it" } },
  ],
  "six lines of resources": [
    Array(6).fill(ZEROS.replaceAll("0x0000000000000000", "0x0")),
    {
      bars: undefined,
      missing: {
        resource: `found ${
          JSON.stringify("0x0 0x0 0x0\n".repeat(7).slice(0, 71))
        }, wanted 7 or more lines of start, end and flags`,
      },
    },
  ],
  "a config space": [
    [...configOf(64, "de"), "attr power_state s D0"],
    { config: sysfs(64, 0xde), powerState: "D0", missing: {} },
  ],
  "an empty config space": [
    ["attr config x", "attr power_state s D0"],
    { config: undefined, missing: { config: "sysfs has 0 bytes, wanted 64, 256 or 4096" } },
  ],
  "a config space of 4097 bytes": [
    [...configOf(4097, "00"), "attr power_state s D0"],
    { config: undefined, missing: { config: "sysfs has 4097 bytes, wanted 64, 256 or 4096" } },
  ],
  "nothing answers": [
    [...configOf(256, "ff"), "attr power_state s D0"],
    { config: undefined, missing: { config: "the device answered with ff only" } },
  ],
  "asleep": [
    ["attr power_state s D3cold", ...configOf(64, "de")],
    { config: undefined, missing: { config: "the device was asleep (D3cold)" } },
  ],
  "a power state that could not be read": [
    ["attr power_state - not permitted", ...configOf(64, "de")],
    {
      config: undefined,
      missing: {
        config: "whether the device was asleep is not known",
        power_state: "not permitted",
      },
    },
  ],
  "an empty power state": [
    ["attr power_state s ", ...configOf(64, "de")],
    {
      config: undefined,
      powerState: undefined,
      missing: {
        config: "whether the device was asleep is not known",
        power_state: 'found "", wanted a power state',
      },
    },
  ],
  "a kernel without power_state": [
    ["attr power_state - not there", ...configOf(64, "de")],
    { config: sysfs(64, 0xde), missing: {} },
  ],
  "names that are empty": [
    ["attr driver s ", "attr iommu_group x"],
    {
      driver: undefined,
      iommuGroup: undefined,
      missing: {
        driver: "it is empty",
        iommu_group: "it is empty",
      },
    },
  ],
  "a NUMA node": [["attr numa_node s 1"], { numaNode: 1, missing: {} }],
  "no NUMA node": [
    ["attr numa_node s -1"],
    { numaNode: undefined, missing: { numa_node: "the firmware names none" } },
  ],
  "a built-in driver": [
    ["attr driver s virtio-pci", "attr driver/module/version - not there"],
    {
      driver: { name: "virtio-pci", version: undefined },
      missing: { "driver/module/version": "not there" },
    },
  ],
  "no reset methods": [["attr reset_method s "], { resetMethods: [] }],
  "the type of a vGPU": [
    ["attr nvidia/current_vgpu_type s 0"],
    { vgpuType: 0, missing: {} },
  ],
  "firmware of pds_core": [
    [
      "attr devlink s pci/0000:b5:00.0:",
      "attr devlink s   driver pds_core",
      "attr devlink s   versions:",
      "attr devlink s       fixed:",
      "attr devlink s         asic.id 0x0",
      "attr devlink s       running:",
      "attr devlink s         fw 1.51.0-73",
      "attr devlink s       stored:",
      "attr devlink s         fw.goldfw 1.51.0-73",
    ],
    { firmware: { version: "1.51.0-73", psid: undefined } },
  ],
  "devlink has no versions": [["attr devlink s ?"], {
    firmware: { version: undefined, psid: undefined },
  }],
  "a parent that is no PCI function": [
    ["attr parent s mtty", "attr parent/vendor - not there"],
    { parent: "mtty", missing: { "parent/vendor": "not there" } },
  ],
  "names of JavaScript's own": [
    ["attr __proto__ - not there", "attr constructor - not there"],
    { missing: Object.fromEntries([["__proto__", "not there"], ["constructor", "not there"]]) },
  ],
  "attributes that policies declare": [
    [
      "attr attributes/fw_rev s 7",
      "attr attributes/parent/fw_rev x",
      " 38 0a",
      "attr attributes/none - not there",
      "attr attributes/hangs - no answer after 2 seconds",
      "attr attributes/empty x",
      "attr attributes/lines x",
      " 0a 61 0a 0a",
    ],
    {
      attributes: {
        fw_rev: "7",
        "parent/fw_rev": "8",
        none: null,
        empty: "",
        lines: "\na\n",
      },
      missing: { "attributes/hangs": "no answer after 2 seconds" },
    },
  ],
  "attributes that are no text": [
    [
      "attr attributes/a x",
      " ff",
      "attr attributes/b x",
      " c2 85",
      "attr attributes/c x",
      " 7f",
      "attr attributes/d x",
      ` ${Array(4097).fill("61").join(" ")}`,
      "attr attributes/e x",
      " ef bb bf",
    ],
    {
      attributes: { e: "\ufeff" },
      missing: {
        "attributes/a": "found bytes that are no UTF-8",
        "attributes/b": "found control characters",
        "attributes/c": "found control characters",
        "attributes/d": "too large",
      },
    },
  ],
  "an attribute that no policy may declare": [
    ["attr attributes/config s 1", "attr attributes/../x s 1", "attr attributes/ s 1"],
    { attributes: undefined, missing: {} },
  ],
  "a vendor that is not there, and an attribute of that name": [
    ["attr vendor - not there", "attr attributes/vendor - not there"],
    { vendor: undefined, attributes: { vendor: null }, missing: { vendor: "not there" } },
  ],
};

Deno.test("parseProbeReport: a device of which it does not tell what it has to is an error", () => {
  for (const [address, parent] of [[ADDRESS, "0000:3b:00.0"], [ADDRESS], [MDEV, "mtty"]]) {
    const told = toldKeys(address ?? "", parent !== undefined);
    const lines = told.map((key) => `attr ${key} - not there`)
      .map((line) =>
        line === "attr parent - not there" && parent ? `attr parent s ${parent}` : line
      );
    parseProbeReport(report(`device ${address}`, ...lines));
    for (const [index, key] of told.entries()) {
      if (key === "parent") continue;
      const without = report(`device ${address}`, ...lines.toSpliced(index, 1));
      const { message } = assertThrows(() => parseProbeReport(without), ProbeError);
      assertEquals(
        message,
        `Reading the probe's report: found nothing of ${key} of the device ${address}`,
      );
      // As a key that was damaged: it is another one, which is passed over.
      const damaged = lines.with(index, `attr ${key.slice(1)} - not there`);
      assertThrows(() => parseProbeReport(report(`device ${address}`, ...damaged)), ProbeError);
    }
  }
});

for (const [title, [records, found]] of Object.entries(VALUES)) {
  Deno.test(`parseProbeReport: ${title}`, () => {
    const [device] = parseProbeReport(reportOf(`device ${ADDRESS}`, ...records)).devices;
    const missing = withoutLeftOut(device?.missing);
    const values: Record<string, unknown> = { ...device, missing };
    assertEquals(Object.fromEntries(Object.keys(found).map((key) => [key, values[key]])), found);
  });
}

Deno.test("parseProbeReport: NVIDIA's version, from what its drivers print", () => {
  const versions = [
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.16  Thu Feb 22 01:44:30 UTC 2024",
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  575.57.08  Release Build  (root@b)",
    "NVRM version: NVIDIA UNIX aarch64 Kernel Module  535.161  Sat",
    "NVRM version: unknown",
  ].map((line) => parseProbeReport(report(`attr driver/nvidia/version s ${line}`)).host);
  assertEquals(versions.map(({ nvidiaDriver }) => nvidiaDriver), [
    "550.54.16",
    "575.57.08",
    "535.161",
    undefined,
  ]);
  assertEquals(versions[3]?.missing, { "driver/nvidia/version": "found no version in it" });
});

for (
  const [text, expected] of [
    ["0000:3b:00.4", true],
    ["10000:e1:1f.7", true],
    ["c0b26072-dd1b-4340-84fe-bf338c510818", true],
    ["3b:00.4", false],
    ["0000:3b:20.0", false],
    ["0000:3B:00.4", false],
    ["0000:3b:00.4\n", false],
    ["C0B26072-DD1B-4340-84FE-BF338C510818", false],
  ] as const
) {
  Deno.test(`isDeviceAddress: ${JSON.stringify(text)}: ${expected}`, () => {
    assertEquals(isDeviceAddress(text), expected);
  });
}
