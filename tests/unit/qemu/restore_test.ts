import { assertEquals } from "@std/assert";
import { decodeHex } from "@std/encoding/hex";
import {
  checkMask,
  checkRestore,
  failingBytes,
  formatBadConfig,
  type Prediction,
  predictRestore,
} from "premigrate/policy";
import { type Changes, factsOf, opened } from "../../cases/qemu/realized.ts";
import { spaceOf } from "../../cases/pci/space.ts";

type Bytes = Readonly<Record<number, string>>;

/** PM, MSI, PCI Express, a Vendor Specific Capability and MSI-X, as an NVIDIA function has them. */
const BASE: Bytes = {
  0x00: "de 10 30 22 06 04 10 00 a1 00 00 03",
  0x10: "00 00 00 e0 0c 00 00 00 38 00 00 00 0c 00 00 00 39",
  0x2c: "de 10 14 37",
  0x34: "60",
  0x60: "01 68 03 00 08 00 00 00",
  0x68: "05 78 80 00",
  0x78: "10 b4 02 00 e1 8f 2c 01 30 21 09 00 04 59 45 00 40 01 04 11",
  0xb4: "09 c8 14 01 01 02 03 04",
  0xc8: "11 00 05 80 00 0a 00 00 00 08 09 00",
  0x100: "01 00 81 14",
  0x148: "03 00 01 00 11 22 33 44 55 66 77 88",
};
const MIB = 1024 * 1024;
const FACTS: Changes = { bars: [16 * MIB, 256 * MIB, 0, 32 * MIB, 0, 0] };

interface Case {
  readonly name: string;
  /** What the two devices have that {@linkcode BASE} has not. */
  readonly source?: Bytes;
  readonly destination?: Bytes;
  readonly facts?: Changes;
  readonly sourceFacts?: Changes;
  readonly destinationFacts?: Changes;
  /** QEMU's numbers; `undefined`: the restore goes through. */
  readonly bad?: string;
}

function describe(prediction: Prediction): string {
  return prediction.result === "bad-config"
    ? formatBadConfig(prediction.bad).replace("get_pci_config_device: Bad config data: ", "")
    : prediction.result;
}

const CASES: readonly Case[] = [
  { name: "two equal devices" },
  {
    name: "device id",
    source: { 0x02: "31" },
    bad: "i=0x2 read: 31 device: 30 cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "revision",
    destination: { 0x08: "a2" },
    bad: "i=0x8 read: a1 device: a2 cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "revision under x-pci-class-code",
    destination: { 0x08: "a2" },
    facts: { qemu: "10.1", properties: { classCode: 0x030000 } },
  },
  {
    name: "multifunction on the destination only",
    destinationFacts: { properties: { multifunction: true } },
    bad: "i=0xe read: 0 device: 80 cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "no list on the source",
    source: { 0x06: "00" },
    bad: "i=0x6 read: 0 device: 10 cmask: 10 wmask: 0 w1cmask:0",
  },
  { name: "the rest of command and status", source: { 0x04: "07 05 98 f9" } },
  {
    name: "subsystem, cache line, latency, interrupt line and pin, gaps",
    source: {
      0x0c: "10 40 00 80",
      0x2c: "34 12 11 11",
      0x3c: "0b 01 05 06",
      0x76: "ff ff",
      0xd4: "ff".repeat(0x2c),
    },
  },
  {
    name: "addresses of BARs",
    source: { 0x10: "00 00 00 f0 0c 00 00 00 40 00 00 00 0c 00 00 00 41" },
  },
  {
    name: "the type of a BAR",
    destination: { 0x14: "04" },
    bad: "i=0x14 read: c device: 4 cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "a BAR that only the source has",
    source: { 0x24: "01 f0" },
    sourceFacts: { bars: [16 * MIB, 256 * MIB, 0, 32 * MIB, 0, 128] },
  },
  {
    name: "a BAR that only the destination has",
    destination: { 0x24: "01 f0" },
    destinationFacts: { bars: [16 * MIB, 256 * MIB, 0, 32 * MIB, 0, 128] },
    bad: "i=0x24 read: 0 device: 1 cmask: ff wmask: 80 w1cmask:0",
  },
  // As the guest has not given it an address, no bit of one is in the way.
  { name: "a bigger BAR", destinationFacts: { bars: [32 * MIB, 256 * MIB, 0, 32 * MIB, 0, 0] } },
  { name: "the body of a VSC, machine 9.1", destination: { 0xb7: "7f", 0xc7: "01" } },
  {
    name: "the body of a VSC, machine 9.0",
    destination: { 0xb7: "7f", 0xc7: "01" },
    facts: { skipVscCheck: false },
    bad: "i=0xb7 read: 1 device: 7f cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "skip-vsc-check counts on the destination",
    destination: { 0xb7: "7f" },
    destinationFacts: { skipVscCheck: false },
    bad: "i=0xb7 read: 1 device: 7f cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "and not on the source",
    destination: { 0xb7: "7f" },
    sourceFacts: { skipVscCheck: false },
  },
  {
    name: "the length of a VSC",
    source: { 0xb6: "10" },
    bad: "i=0xb6 read: 10 device: 14 cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "a VSC that only the source has: the pointer before it",
    destination: { 0x79: "c8" },
    bad: "i=0x79 read: b4 device: c8 cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "a VSC that only the destination has",
    source: { 0x79: "c8" },
    bad: "i=0x79 read: c8 device: b4 cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "capabilities in another order: the lowest offset, not the first in the list",
    source: { 0x34: "68", 0x69: "60", 0x61: "78" },
    bad: "i=0x34 read: 68 device: 60 cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "MSI of 32 bits",
    source: { 0x6a: "00" },
    bad: "i=0x6a read: 0 device: 80 cmask: ff wmask: 71 w1cmask:0",
  },
  { name: "MSI that is enabled", source: { 0x6a: "b1 00 04 00 e0 fe 00 00 00 00 41 40" } },
  {
    name: "the size of the MSI-X table",
    source: { 0xca: "08" },
    bad: "i=0xca read: 8 device: 5 cmask: ff wmask: 0 w1cmask:0",
  },
  { name: "MSI-X that is enabled and masked", source: { 0xcb: "c0" } },
  {
    name: "link status",
    source: { 0x8a: "43 11" },
    bad: "i=0x8a read: 43 device: 4 cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "link status on pcie.0, where QEMU makes it 0",
    source: { 0x8a: "43 11" },
    facts: { bus: "root" },
  },
  {
    name: "device capabilities behind a conventional bridge",
    source: { 0x7c: "e2" },
    facts: { bus: "pci-under-pcie" },
  },
  {
    name: "the power state before 10.0",
    source: { 0x64: "0b" },
    bad: "i=0x64 read: b device: 8 cmask: ff wmask: 0 w1cmask:0",
  },
  { name: "the power state from 10.0", source: { 0x64: "0b" }, facts: { qemu: "10.0" } },
  {
    name: "no soft reset",
    source: { 0x64: "00" },
    facts: { qemu: "10.0" },
    bad: "i=0x64 read: 0 device: 8 cmask: ff wmask: 3 w1cmask:0",
  },
  {
    name: "the serial number",
    source: { 0x150: "99" },
    bad: "i=0x150 read: 99 device: 55 cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "the serial number on a conventional bus",
    source: { 0x150: "99" },
    facts: { bus: "pci" },
  },
  {
    name: "a GPUDirect clique on the destination only: the last pointer",
    destinationFacts: { properties: { gpudirectClique: 2 } },
    bad: "i=0xc9 read: 0 device: d4 cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "another GPUDirect clique",
    sourceFacts: { properties: { gpudirectClique: 1 } },
    destinationFacts: { properties: { gpudirectClique: 2 } },
    bad: "i=0xda read: 8 device: 10 cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "resizable BAR from 8.0 to 8.1: the pointer before it",
    source: { 0x148: "03 00 01 20", 0x200: "15 00 01 00 f0 ff 0f 00 20 0c 00 00" },
    destination: { 0x148: "03 00 01 20", 0x200: "15 00 01 00 f0 ff 0f 00 20 0c 00 00" },
    sourceFacts: { qemu: "8.0" },
    destinationFacts: { qemu: "8.1" },
    bad: "i=0x14b read: 0 device: 20 cmask: ff wmask: 0 w1cmask:0",
  },
  {
    name: "the sizes that a resizable BAR could have",
    source: { 0x148: "03 00 01 20", 0x200: "15 00 01 00 f0 ff 0f 00 20 0c 00 00" },
    destination: { 0x148: "03 00 01 20", 0x200: "15 00 01 00 f0 00 01 00 20 0c 00 00" },
  },
  {
    name: "what SR-IOV holds",
    source: { 0x148: "10 00 01 00 01" },
    destination: { 0x148: "10 00 01 00 02" },
  },
];
for (const { name, source, destination, bad, ...rest } of CASES) {
  const { facts, sourceFacts, destinationFacts } = rest;
  Deno.test(`predictRestore: ${name}`, () => {
    const side = (bytes: Bytes = {}, own: Changes = {}) => ({
      view: { kind: "realize", bytes: spaceOf({ ...BASE, ...bytes }, 4096) },
      facts: factsOf({ ...FACTS, ...facts, ...own }),
    } as const);
    const prediction = predictRestore(
      side(source, sourceFacts),
      side(destination, destinationFacts),
    );
    assertEquals(describe(prediction), bad ?? "completed");
  });
}

const SIZES: readonly (readonly [
  name: string,
  Bytes,
  source: number,
  Bytes,
  destination: number,
  Prediction,
])[] = [
  ["4096 bytes for 256 that agree", {}, 4096, {}, 256, {
    result: "out-of-step",
    source: 4096,
    destination: 256,
  }],
  ["256 bytes for 4096 that agree", {}, 256, {}, 4096, {
    result: "out-of-step",
    source: 256,
    destination: 4096,
  }],
  [
    "a difference in the bytes that both have comes first",
    { 0x09: "01" },
    256,
    {},
    4096,
    {
      result: "bad-config",
      bad: { offset: 9, read: 1, device: 0, cmask: 0xff, wmask: 0, w1cmask: 0 },
    },
  ],
];
for (const [name, source, sourceSize, destination, destinationSize, wanted] of SIZES) {
  Deno.test(`predictRestore: ${name}`, () => {
    const side = (bytes: Bytes, size: number) => ({
      view: { kind: "realize", bytes: spaceOf(bytes, size) },
      facts: factsOf(),
    } as const);
    const prediction = predictRestore(side(source, sourceSize), side(destination, destinationSize));
    assertEquals(prediction, wanted);
  });
}

Deno.test("predictRestore: says which side cannot open its device, the source first", () => {
  const sound = {
    view: { kind: "realize", bytes: new Uint8Array(256) },
    facts: factsOf(),
  } as const;
  const broken = {
    view: { kind: "realize", bytes: spaceOf({ 0x3d: "09" }) },
    facts: factsOf(),
  } as const;
  const reason = { code: "interrupt-pin", pin: 9 } as const;
  assertEquals(predictRestore(broken, sound), { result: "realize-failed", side: "source", reason });
  assertEquals(predictRestore(sound, broken), {
    result: "realize-failed",
    side: "destination",
    reason,
  });
  assertEquals(predictRestore(broken, broken), {
    result: "realize-failed",
    side: "source",
    reason,
  });
});

// What the guest wrote into BAR 0 of the source's shadow, and the sizes on both sides.
const ADDRESSES: readonly (readonly [
  name: string,
  address: string,
  from: number,
  to: number,
  bad?: string,
])[] = [
  ["an address that suits the same size", "000000e1", 16 * MIB, 16 * MIB],
  [
    "an address that does not suit a bigger size",
    "000000e1",
    16 * MIB,
    32 * MIB,
    "i=0x13 read: e1 device: 0 cmask: ff wmask: fe w1cmask:0",
  ],
  ["an address that happens to suit it", "000000e2", 16 * MIB, 32 * MIB],
  ["a smaller size, whatever the address", "000000e2", 32 * MIB, 16 * MIB],
];
for (const [name, address, from, to, bad] of ADDRESSES) {
  Deno.test(`checkRestore, BAR: ${name}`, () => {
    const stream = opened(new Uint8Array(256), { bars: [from, 0, 0, 0, 0, 0] }).shadow.slice();
    stream.set(decodeHex(address), 0x10);
    const device = opened(new Uint8Array(256), { bars: [to, 0, 0, 0, 0, 0] });
    assertEquals(describe(checkRestore(stream, device)), bad ?? "completed");
  });
}

Deno.test("failingBytes: all of them in order, the first of which is QEMU's", () => {
  const device = opened(spaceOf(BASE, 4096), { ...FACTS, skipVscCheck: false });
  const stream = device.shadow.slice();
  stream[0x02] = 0;
  stream[0x3c] = 1; // not compared
  stream[0x6a] = 0;
  stream[0xc7] = 1;
  assertEquals(failingBytes(stream, device), [
    { offset: 0x02, read: 0, device: 0x30, cmask: 0xff, wmask: 0, w1cmask: 0 },
    { offset: 0x6a, read: 0, device: 0x80, cmask: 0xff, wmask: 0x71, w1cmask: 0 },
    { offset: 0xc7, read: 1, device: 0, cmask: 0xff, wmask: 0, w1cmask: 0 },
  ]);
  assertEquals(failingBytes(device.shadow, device), []);
  assertEquals(failingBytes(new Uint8Array(0), device), []);
});

Deno.test("checkMask: cmask without what the guest can write or clear", () => {
  const masks = {
    cmask: Uint8Array.of(0xff, 0xff, 0x0f, 0x00),
    wmask: Uint8Array.of(0x00, 0xf0, 0x01, 0xff),
    w1cmask: Uint8Array.of(0x00, 0x0e, 0x02, 0x00),
  };
  const device = { ok: true, shadow: new Uint8Array(4), exempt: [], ...masks } as const;
  assertEquals([0, 1, 2, 3, 4].map((at) => checkMask(device, at)), [0xff, 0x01, 0x0c, 0, 0]);
});
