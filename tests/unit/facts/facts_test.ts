import { assertEquals, assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { parseFacts } from "../../../lib/facts/mod.ts";
import { ROOT } from "../../helpers/cli_run.ts";

const HEX = "de10b81e".padEnd(128, "0");

const HOST = { name: "hosta", time: "2026-11-20T09:00:00Z", qemu: "9.2.0" };
const DEVICE = {
  address: "0000:3b:00.4",
  config: { view: "realize", source: "vfio-region", hex: HEX },
  vendor: "0x10de",
  device: "0x1eb8",
  class: "0x030000",
  bars: [16777216, 268435456, 0, 33554432, 0, 0],
  romSize: 0,
  driver: { name: "nvidia", version: "535.161.05" },
  mdevType: { id: "nvidia-231", name: "GRID T4-2Q" },
};

/** A facts file with members of it, of its host or of its only device replaced. */
function factsWith(
  device: Record<string, unknown>,
  host: Record<string, unknown> = {},
  rest: Record<string, unknown> = {},
): string {
  return JSON.stringify({
    premigrate: "facts/1",
    host: { ...HOST, ...host },
    devices: [{ ...DEVICE, ...device }],
    ...rest,
  });
}

Deno.test("parseFacts: everything that can be known", () => {
  const facts = parseFacts(
    factsWith({}, { skipVscCheck: { "pc-q35-noble": true } }, { note: "n" }),
  );
  const [device, ...others] = facts.devices;
  assertEquals(others, []);
  assertEquals(facts.note, "n");
  assertEquals(facts.host.name, "hosta");
  assertEquals(facts.host.qemu?.toString(), "9.2.0");
  assertEquals(facts.host.skipVscCheck, { "pc-q35-noble": true });
  assertEquals(device?.address, "0000:3b:00.4");
  assertEquals(device?.config?.kind, "realize");
  assertEquals(device?.config?.source, "vfio-region");
  assertEquals(device?.config?.bytes.length, 64);
  assertEquals(device?.config?.bytes.subarray(0, 4), Uint8Array.of(0xde, 0x10, 0xb8, 0x1e));
  assertEquals([device?.vendor, device?.device, device?.class], [0x10de, 0x1eb8, 0x030000]);
  assertEquals(device?.bars, DEVICE.bars);
  assertEquals(device?.romSize, 0);
  assertEquals(device?.driver, DEVICE.driver);
  assertEquals(device?.mdevType, DEVICE.mdevType);
});

Deno.test("parseFacts: as little as can be known", () => {
  const facts = parseFacts(
    '{"premigrate":"facts/1","host":{"name":"a"},"devices":[{"address":"0000:00:00.0"}]}',
  );
  assertEquals(facts.devices, [{ address: "0000:00:00.0" }]);
  assertEquals(facts.host, { name: "a" });
});

for (const name of ["source", "destination"]) {
  Deno.test(`parseFacts: the example of the ${name}`, async () => {
    const text = await Deno.readTextFile(new URL(`examples/${name}.json`, ROOT));
    assertEquals(parseFacts(text).devices.length, 1);
  });
}

Deno.test("parseFacts: keys of earlier versions that nobody reads are left out", () => {
  assertEquals(parseFacts(factsWith({ vpd: "82", skipVscCheck: true })), parseFacts(factsWith({})));
});

Deno.test("parseFacts: what was a vendor's fact before is an attribute", () => {
  const old = {
    qatServices: "sym;asym",
    vgpuParams: "",
    vgpuCreatable: [{ id: 558, name: "NVIDIA A40-2Q" }, { id: 1, name: "a\n2 : b" }],
    attributes: { fw_rev: "7" },
  };
  assertEquals(parseFacts(factsWith(old)).devices[0]?.attributes, {
    "parent/qat/cfg_services": "sym;asym",
    "nvidia/vgpu_params": "",
    "nvidia/creatable_vgpu_types": "558 : NVIDIA A40-2Q\n1 : a 2 : b",
    fw_rev: "7",
  });
  const unknown = { qatServices: "", vgpuParams: "x".repeat(4097) };
  assertEquals(parseFacts(factsWith(unknown)), parseFacts(factsWith({})));
  assertThrows(() => parseFacts(factsWith({ vgpuParams: 1 })), PremigrateError);
});

const NVML = {
  guestDriver: "535.161.05",
  guestVgpuVersion: 16,
  hostVgpuRange: { min: 9, max: 17 },
  ecc: true,
  mig: false,
  compatibility: { source: "0000:3b:00.4", vm: 8, limit: 0x80000000 },
};

const ATTRIBUTES = { fw_rev: "7", "parent/fw_rev": null, "acme/profile": "" };
const manyAttributes = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, "x"]));

Deno.test("parseFacts: attributes that policies declare", () => {
  const [device] = parseFacts(factsWith({ attributes: ATTRIBUTES })).devices;
  assertEquals(device?.attributes, ATTRIBUTES);
});

const ACCEPTED: Record<string, string> = {
  "no attributes": factsWith({ attributes: {} }),
  "256 attributes": factsWith({ attributes: manyAttributes(256) }),
  "an attribute of 4096 characters": factsWith({ attributes: { a: "x".repeat(4096) } }),
  "what NVML says": factsWith({ nvml: NVML }),
  "what a driver offers": factsWith({ migration: { offered: true, features: ["p2p"] } }),
  "vGPU types to be made": factsWith({ vgpuCreatable: [{ id: 558, name: "NVIDIA A40-2Q" }] }),
  "an mdev": factsWith({ address: "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01" }),
  "a PCI domain of five digits": factsWith({ address: "10000:e1:00.0" }),
  "a PCI domain of eight digits": factsWith({ address: "deadbeef:ff:1f.7" }),
  "4096 bytes": factsWith({ config: { ...DEVICE.config, hex: "00".repeat(4096) } }),
  "ids without leading zeros": factsWith({ vendor: "0x0", class: "0x2" }),
  "a QEMU version with a package's": factsWith({}, { qemu: "7.2.22 (Debian 1:7.2+dfsg-7)" }),
  "a time with an offset": factsWith({}, { time: "2026-11-20T09:00:00.123+01:00" }),
  "a name of any characters": factsWith({}, { name: "\u001b[31m\u202e" }),
  "sizes up to what a number holds": factsWith({ bars: [2 ** 52, 0, 0, 0, 0, 0] }),
};

for (const [name, text] of Object.entries(ACCEPTED)) {
  Deno.test(`parseFacts: accepted: ${name}`, () => {
    assertEquals(parseFacts(text).devices.length, 1);
  });
}

const config = (members: Record<string, unknown>): string =>
  factsWith({ config: { ...DEVICE.config, ...members } });

const REFUSED: Record<string, { text: string; path: string | undefined }> = {
  "nothing": { text: "", path: undefined },
  "no JSON": { text: "{'premigrate': 1}", path: undefined },
  "half a file": { text: factsWith({}).slice(0, -1), path: undefined },
  "deep nesting": { text: "[".repeat(500_000), path: undefined },
  "a list": { text: "[]", path: "premigrate" },
  "null": { text: "null", path: undefined },
  "another version": { text: factsWith({}, {}, { premigrate: "facts/2" }), path: "premigrate" },
  "no host": { text: factsWith({}, {}, { host: undefined }), path: "host" },
  "no devices": { text: factsWith({}, {}, { devices: undefined }), path: "devices" },
  "devices by name": { text: factsWith({}, {}, { devices: {} }), path: "devices" },
  "more devices than a host has": {
    text: factsWith({}, {}, { devices: Array(4097).fill({ address: "0000:00:00.0" }) }),
    path: "devices",
  },
  "a device that is none": { text: factsWith({}, {}, { devices: [null] }), path: "devices.0" },
  "an unknown member": { text: factsWith({}, {}, { extra: 1 }), path: "extra" },
  "an unknown member of the host": { text: factsWith({}, { cpu: 1 }), path: "host.cpu" },
  "an unknown member of a device": { text: factsWith({ bus: 1 }), path: "devices.0.bus" },
  "an unknown member of the config": { text: config({ size: 64 }), path: "devices.0.config.size" },
  "a note that is no text": { text: factsWith({}, {}, { note: 1 }), path: "note" },
  "an answer of NVML for no address": {
    text: factsWith({ nvml: { compatibility: { ...NVML.compatibility, source: "vm1" } } }),
    path: "devices.0.nvml.compatibility.source",
  },
  "a vGPU version below 0": {
    text: factsWith({ nvml: { guestVgpuVersion: -1 } }),
    path: "devices.0.nvml.guestVgpuVersion",
  },
  "features of a driver that may offer nothing": {
    text: factsWith({ migration: { features: [] } }),
    path: "devices.0.migration.offered",
  },
  "257 attributes": {
    text: factsWith({ attributes: manyAttributes(257) }),
    path: "devices.0.attributes",
  },
  "an attribute of 4097 characters": {
    text: factsWith({ attributes: { a: "x".repeat(4097) } }),
    path: "devices.0.attributes.a",
  },
  "an attribute that is a number": {
    text: factsWith({ attributes: { a: 7 } }),
    path: "devices.0.attributes.a",
  },
  "an attribute that no policy may declare": {
    text: factsWith({ attributes: { "acme/config": "7" } }),
    path: "devices.0.attributes.acme/config",
  },
  "attributes in a text": {
    text: factsWith({ attributes: "fw_rev" }),
    path: "devices.0.attributes",
  },
  "no name": { text: factsWith({}, { name: undefined }), path: "host.name" },
  "an empty name": { text: factsWith({}, { name: "" }), path: "host.name" },
  "an endless name": { text: factsWith({}, { name: "a".repeat(1025) }), path: "host.name" },
  "a time in words": { text: factsWith({}, { time: "yesterday" }), path: "host.time" },
  "a QEMU version that is none": { text: factsWith({}, { qemu: "new" }), path: "host.qemu" },
  "a QEMU version as a number": { text: factsWith({}, { qemu: 9.2 }), path: "host.qemu" },
  "a compat that is no truth value": {
    text: factsWith({}, { skipVscCheck: { "pc-q35-noble": "on" } }),
    path: "host.skipVscCheck.pc-q35-noble",
  },
  "no address": { text: factsWith({ address: undefined }), path: "devices.0.address" },
  "an address without its domain": {
    text: factsWith({ address: "3b:00.4" }),
    path: "devices.0.address",
  },
  "a domain with needless zeros": {
    text: factsWith({ address: "00000:3b:00.4" }),
    path: "devices.0.address",
  },
  "an address in upper case": {
    text: factsWith({ address: "0000:3B:00.4" }),
    path: "devices.0.address",
  },
  "a device number that does not exist": {
    text: factsWith({ address: "0000:3b:20.0" }),
    path: "devices.0.address",
  },
  "an address with a line end": {
    text: factsWith({ address: "0000:3b:00.4\n" }),
    path: "devices.0.address",
  },
  "a view that is none": { text: config({ view: "host" }), path: "devices.0.config.view" },
  "no view": { text: config({ view: undefined }), path: "devices.0.config.view" },
  "a source of bytes that is none": {
    text: config({ source: "x" }),
    path: "devices.0.config.source",
  },
  "no bytes": { text: config({ hex: "" }), path: "devices.0.config.hex" },
  "65 bytes": { text: config({ hex: HEX + "00" }), path: "devices.0.config.hex" },
  "half a byte": { text: config({ hex: HEX.slice(1) }), path: "devices.0.config.hex" },
  "bytes in upper case": { text: config({ hex: HEX.toUpperCase() }), path: "devices.0.config.hex" },
  "bytes as numbers": { text: config({ hex: [0xde] }), path: "devices.0.config.hex" },
  "a vendor as a number": { text: factsWith({ vendor: 0x10de }), path: "devices.0.vendor" },
  "a vendor of 17 bits": { text: factsWith({ vendor: "0x10000" }), path: "devices.0.vendor" },
  "a device id without 0x": { text: factsWith({ device: "1eb8" }), path: "devices.0.device" },
  "a class of 25 bits": { text: factsWith({ class: "0x1000000" }), path: "devices.0.class" },
  "five BARs": { text: factsWith({ bars: [1, 2, 3, 4, 5] }), path: "devices.0.bars" },
  "a BAR in words": {
    text: factsWith({ bars: ["16M", 0, 0, 0, 0, 0] }),
    path: "devices.0.bars.0",
  },
  "a BAR of less than nothing": {
    text: factsWith({ bars: [0, -1, 0, 0, 0, 0] }),
    path: "devices.0.bars.1",
  },
  "a BAR without end": {
    text: factsWith({}).replace("268435456", "1e999"),
    path: "devices.0.bars.1",
  },
  "a BAR that a number does not hold": {
    text: factsWith({ bars: [0, 0, 0, 0, 0, 2 ** 53] }),
    path: "devices.0.bars.5",
  },
  "a ROM of a half": { text: factsWith({ romSize: 0.5 }), path: "devices.0.romSize" },
  "a driver as a text": { text: factsWith({ driver: "nvidia" }), path: "devices.0.driver" },
  "a driver without a name": { text: factsWith({ driver: {} }), path: "devices.0.driver.name" },
  "an mdev type without an id": {
    text: factsWith({ mdevType: { name: "x" } }),
    path: "devices.0.mdevType.id",
  },
  "a device twice": {
    text: factsWith({}, {}, { devices: [DEVICE, { address: "0000:3b:00.5" }, DEVICE] }),
    path: "devices.2.address",
  },
};

for (const [name, { text, path }] of Object.entries(REFUSED)) {
  Deno.test(`parseFacts: refused: ${name}`, () => {
    const error = assertThrows(() => parseFacts(text), PremigrateError, "Cannot read the facts: ");
    assertEquals(/^at (.*?): /.exec(error.problem)?.[1], path);
  });
}

Deno.test("parseFacts: what is quoted in an error is cut", () => {
  const name = "a".repeat(100_000);
  for (
    const text of [factsWith({}, {}, { [name]: 1 }), factsWith({}, {}, { premigrate: name }), name]
  ) {
    const error = assertThrows(() => parseFacts(text), PremigrateError);
    assertEquals(error.message.length < 700, true, error.message.slice(0, 1000));
  }
});

Deno.test("parseFacts: names that objects are born with are names like others, or refused", () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    const text = factsWith({}).replace('"premigrate"', `"${name}":{"polluted":1},"premigrate"`);
    assertThrows(() => parseFacts(text), PremigrateError, name);
    const compat = factsWith({}, { skipVscCheck: {} }).replace(
      '"skipVscCheck":{}',
      `"skipVscCheck":{"${name}":true}`,
    );
    const { skipVscCheck = {} } = parseFacts(compat).host;
    assertEquals(Object.getPrototypeOf(skipVscCheck), Object.prototype);
    assertEquals(Object.values(skipVscCheck).every((value) => value === true), true);
  }
  assertEquals(Object.hasOwn(Object.prototype, "polluted"), false);
});
