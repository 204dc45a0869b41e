import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { PremigrateError } from "../../../../lib/error/mod.ts";
import {
  type GuestDevice,
  type Monitor,
  type MonitorCommand,
  type NoGuestView,
  readGuestView,
} from "../../../../lib/facts/monitor/ecam.ts";
import {
  type EcamWindow,
  parseEcamWindow,
  parsePciFunctions,
  parseStatus,
  parseWords,
} from "../../../../lib/facts/monitor/ecam_replies.ts";
import { set16, set32 } from "../../../../lib/pci/bytes.ts";

/** Recorded from QEMU 7.2: `q35` and `i440fx` with SeaBIOS done, `virt` (aarch64) before firmware. */
function recorded(name: string): string {
  return Deno.readTextFileSync(new URL(`../../../cases/ecam/${name}`, import.meta.url));
}

const Q35_WINDOW = "    00000000b0000000-00000000bfffffff (prio 0, i/o): pcie-mmcfg-mmio";
const Q35_MTREE = recorded("q35-info-mtree.txt");

Deno.test("the ECAM window in info mtree", async (t) => {
  const cases: Record<string, [mtree: string, EcamWindow | undefined]> = {
    "q35": [Q35_MTREE, { base: 0xb000_0000, size: 0x1000_0000 }],
    "q35, lines ended by LF alone": [
      Q35_MTREE.replaceAll("\r", ""),
      { base: 0xb000_0000, size: 0x1000_0000 },
    ],
    "q35 that is not yet enabled": [Q35_MTREE.replaceAll(`${Q35_WINDOW}\r\n`, ""), undefined],
    "q35 with a disabled region": [
      Q35_MTREE.replaceAll(Q35_WINDOW, `${Q35_WINDOW} [disabled]`),
      undefined,
    ],
    "q35 with two windows": [
      Q35_MTREE.replaceAll(Q35_WINDOW, `${Q35_WINDOW}\r\n${Q35_WINDOW.replaceAll("b", "c")}`),
      undefined,
    ],
    "virt: an alias, and the region itself at 0": [
      recorded("virt-info-mtree.txt"),
      { base: 0x40_1000_0000, size: 0x1000_0000 },
    ],
    "virt with another space named together with memory": [
      recorded("virt-info-mtree.txt").replace(
        "address-space: memory",
        "address-space: memory\r\naddress-space: npu",
      ),
      { base: 0x40_1000_0000, size: 0x1000_0000 },
    ],
    "i440fx": [recorded("i440fx-info-mtree.txt"), undefined],
    "the region listed by itself only": [
      "address-space: memory\n  0000000000000000-ffffffffffffffff (prio 0, i/o): system\n\n" +
      `memory-region: pcie-mmcfg-mmio\n${Q35_WINDOW}\n`,
      undefined,
    ],
    "cut off in the window's line": [
      Q35_MTREE.slice(0, Q35_MTREE.indexOf("pcie-mmcfg-mmio") + 4),
      undefined,
    ],
    "nothing": ["", undefined],
  };
  for (const [name, [mtree, expected]] of Object.entries(cases)) {
    await t.step(name, () => assertEquals(parseEcamWindow(mtree), expected));
  }
});

Deno.test("the functions in query-pci", async (t) => {
  const listed = (json: string): string[] | undefined =>
    parsePciFunctions(json)?.map(({ bus, slot, function: fn, vendor, device, alias }) =>
      `${bus}:${slot}.${fn} ${vendor.toString(16)}:${device.toString(16)} ${alias ?? "-"}`
    );

  await t.step("q35, with a bridge behind a bridge", () => {
    assertEquals(listed(recorded("q35-query-pci.json")), [
      "0:0.0 8086:29c0 -",
      "0:1.0 1b36:c pci.1",
      "1:0.0 1b36:e pci.4",
      "2:1.0 8086:100e net2",
      "0:1.1 1b36:c pci.2",
      "3:0.0 1af4:1041 net0",
      "0:1.2 1b36:c pci.3",
      "4:0.0 8086:10d3 net1",
      "0:1.3 1b36:c pci.5",
      "5:0.0 1af4:1045 balloon0",
      "0:1.4 1b36:c pci.6",
      "6:0.0 1af4:1044 rng0",
      "0:1.5 1b36:c pci.7",
      "0:31.0 8086:2918 -",
      "0:31.2 8086:2922 -",
      "0:31.3 8086:2930 -",
    ]);
  });

  await t.step("virt, with a device behind a bus that has no number", () => {
    assertEquals(listed(recorded("virt-query-pci.json")), ["0:0.0 1b36:8 -", "0:1.0 1b36:c p1"]);
  });

  await t.step("bridges behind 100,000 bridges", () => {
    const bridge = '{"bus":1,"slot":0,"function":0,"id":{"vendor":1,"device":2},"qdev_id":"",' +
      '"pci_bridge":{"devices":[';
    const json = `{"return":[{"devices":[${bridge.repeat(100_000)}${"]}}".repeat(100_000)}]}]}`;
    assertEquals(listed(json)?.length, 100_000);
  });

  const q35 = recorded("q35-query-pci.json");
  const notUnderstood = {
    "nothing": "",
    "cut off": q35.slice(0, 4000),
    "an error": '{"error":{"class":"CommandNotFound","desc":"no"}}',
    "no list": '{"return":{}}',
    "a bus above 255": q35.replace('"bus":6', '"bus":256'),
    "a slot above 31": q35.replace('"slot":31', '"slot":32'),
    "a negative function": q35.replace('"function":2', '"function":-2'),
    "no ids": q35.replace('"vendor":6900', '"seller":6900'),
    "a function that is null": '{"return":[{"devices":[null]}]}',
  };
  for (const [name, json] of Object.entries(notUnderstood)) {
    await t.step(`not understood: ${name}`, () => assertEquals(listed(json), undefined));
  }
});

Deno.test("the bytes in xp's words", async (t) => {
  const address = 0xb000_0000;
  const line = "00000000b0000000: 0x29c08086 0x00000103 0x06000000 0x80000000";
  const first = "86 80 c0 29 03 01 00 00 00 00 00 06 00 00 00 80";
  const next = "00000000b0000010: 0xffffffff 0x00000001";
  const cases: Record<string, [text: string, length: number, expected: string | undefined]> = {
    "one line": [`${line}\r\n`, 16, first],
    "one line, half of its end": [`${line}\r`, 16, first],
    "a line and a part": [`${line}\n${next}\n`, 24, `${first} ff ff ff ff 01 00 00 00`],
    "too few words": [line, 20, undefined],
    "too many words": [`${line}\n${next}`, 20, undefined],
    "a gap": [`${line}\n${next.replace("10:", "20:")}`, 24, undefined],
    "another address": [line.replace("b", "c"), 16, undefined],
    "no memory there": ["00000000b0000000: Cannot access memory\r\n", 16, undefined],
    "an error": ["unknown command: 'xp'", 16, undefined],
    "nothing": ["", 16, undefined],
  };
  for (const [name, [text, length, expected]] of Object.entries(cases)) {
    await t.step(name, () => {
      const bytes = parseWords(text, address, length);
      assertEquals(bytes && [...bytes].map(hexByte).join(" "), expected);
    });
  }
});

Deno.test("a state", async (t) => {
  const status =
    '{"return":{"status":"running","singlestep":false,"running":true},"id":"libvirt-1"}';
  const cases: Record<string, [found: unknown, expected: unknown]> = {
    "the state": [parseStatus(status), "running"],
    "no state": [parseStatus('{"return":{}}'), undefined],
  };
  for (const [name, [found, expected]] of Object.entries(cases)) {
    await t.step(name, () => assertEquals(found, expected));
  }
});

const ECAM_BASE = 0xb000_0000;
const E1000E = { alias: "net1", at: 0x400_000, ids: [0x8086, 0x10d3] };
const RNG = { alias: "rng0", at: 0x600_000, ids: [0x1af4, 0x1044] };

/** A monitor with recorded answers, and config spaces by their offset in the ECAM window. */
class FakeMonitor {
  status = "running";
  mtree = Q35_MTREE;
  functions = recorded("q35-query-pci.json");
  readonly spaces = new Map<number, Uint8Array>();
  readonly forbidden = new Set<number>();
  readonly rounds: (readonly MonitorCommand[])[] = [];

  readonly monitor: Monitor = (commands) => {
    this.rounds.push(commands);
    return Promise.resolve(commands.map((command) => this.#answer(command)));
  };

  /** The config space of a device, with its ids. */
  add({ at, ids: [vendor = 0, device = 0] }: typeof RNG): Uint8Array {
    const bytes = new Uint8Array(4096);
    set16(bytes, 0, vendor);
    set16(bytes, 2, device);
    this.spaces.set(at, bytes);
    return bytes;
  }

  #answer(command: MonitorCommand): string {
    if ("execute" in command) {
      return command.execute === "query-status"
        ? JSON.stringify({ return: { status: this.status } })
        : this.functions;
    }
    const [, count, address] = /^xp \/(\d+)xw 0x([\da-f]+)$/.exec(command.hmp) ?? [];
    return count === undefined ? this.mtree : this.#xp(Number(count), parseInt(address ?? "", 16));
  }

  #xp(count: number, address: number): string {
    const words = Array.from({ length: count }, (_, index) => this.#word(address + 4 * index));
    return words.map((word, index) =>
      `${index % 4 === 0 ? `\r\n${(address + 4 * index).toString(16).padStart(16, "0")}:` : ""} ` +
      `0x${word.toString(16).padStart(8, "0")}`
    ).join("").trim();
  }

  #word(address: number): number {
    const offset = address - ECAM_BASE;
    assert(!this.forbidden.has(offset), `${address.toString(16)} is not to be read`);
    const bytes = this.spaces.get(offset - offset % 4096);
    return bytes === undefined
      ? 0xffff_ffff
      : new DataView(bytes.buffer).getUint32(offset % 4096, true);
  }
}

async function readOne(fake: FakeMonitor, { alias }: typeof RNG): Promise<GuestDevice> {
  const view = await readGuestView(fake.monitor, { host: "hosta", aliases: [alias] });
  assert("devices" in view, JSON.stringify(view));
  const [device, ...others] = view.devices;
  assert(device !== undefined && others.length === 0);
  return device;
}

Deno.test("an express device: two rounds, all 4096 bytes", async () => {
  const fake = new FakeMonitor();
  const bytes = fake.add(E1000E);
  set32(bytes, 0xffc, 0x12345678);

  assertEquals(await readOne(fake, E1000E), {
    address: "0000:04:00.0",
    alias: "net1",
    config: { bytes, unread: [] },
  });
  assertEquals(fake.rounds.map((round) => round.map(nameOf)), [
    ["query-status", "query-pci", "info mtree"],
    ["xp /1024xw 0xb0400000"],
  ]);
});

Deno.test("a conventional device: its 256 bytes", async () => {
  const fake = new FakeMonitor();
  const bytes = fake.add(E1000E).fill(0xff, 256);

  const { config } = await readOne(fake, E1000E);

  assertEquals(config, { bytes: bytes.slice(0, 256), unread: [] });
});

Deno.test("virtio: the dword that reads a BAR is left alone", async (t) => {
  const VSC = 0x09;
  const PCI_CFG = 5;
  const cases: Record<string, [capabilities: number[][], unread: [number, number][]]> = {
    "none": [[[0x40, 0x00, VSC, 1]], []],
    "the first": [[[0x84, 0x40, VSC, PCI_CFG], [0x40, 0x00, 0x10, 0]], [[0x94, 0x98]]],
    "the last": [[[0x40, 0xec, 0x11, 0], [0xec, 0x00, VSC, PCI_CFG]], [[0xfc, 0x100]]],
    "of another kind with the same type": [[[0x40, 0x00, 0x01, PCI_CFG]], []],
    "two of them, and a list that has no end": [
      [[0x90, 0x50, VSC, PCI_CFG], [0x50, 0x90, VSC, PCI_CFG]],
      [[0x60, 0x64], [0xa0, 0xa4]],
    ],
    "a pointer with the reserved bits set": [[[0x43, 0x00, VSC, PCI_CFG]], [[0x50, 0x54]]],
    "no list": [[], []],
  };
  for (const [name, [capabilities, unread]] of Object.entries(cases)) {
    await t.step(name, async () => {
      const fake = new FakeMonitor();
      const bytes = fake.add(RNG);
      bytes[0x34] = capabilities[0]?.[0] ?? 0;
      for (const [at = 0, next = 0, id = 0, type = 0] of capabilities) {
        bytes.set([id, next, 0x14, type], at & 0xfc);
      }
      for (const [start] of unread) fake.forbidden.add(RNG.at + start);

      const { config } = await readOne(fake, RNG);

      assertEquals(config, { bytes, unread });
    });
  }
});

Deno.test("a device that does not answer as it is listed is missing", async (t) => {
  const cases: Record<string, [prepare: (fake: FakeMonitor) => void, missing: string]> = {
    "all ones": [
      (fake) => fake.spaces.clear(),
      "It read as ffff:ffff, wanted 8086:10d3; it may be gone, or powered down",
    ],
    "another one": [
      (fake) => fake.spaces.get(E1000E.at)?.set([0xf4, 0x1a]),
      "It read as 1af4:10d3, wanted 8086:10d3; it may be gone, or powered down",
    ],
    "behind the window's last bus": [
      (fake) => fake.mtree = Q35_MTREE.replaceAll("-00000000bfffffff", "-00000000b03fffff"),
      "Bus 4 is outside the ECAM window",
    ],
  };
  for (const [name, [prepare, missing]] of Object.entries(cases)) {
    await t.step(name, async () => {
      const fake = new FakeMonitor();
      fake.add(E1000E);
      prepare(fake);
      assertEquals((await readOne(fake, E1000E)).config, { missing });
    });
  }
});

Deno.test("no guest view", async (t) => {
  const cases: Record<string, [prepare: (fake: FakeMonitor) => void, NoGuestView["code"]]> = {
    "of a guest that waits for a migration": [(fake) => fake.status = "inmigrate", "not-running"],
    "of a paused guest": [(fake) => fake.status = "paused", "not-running"],
    "of an i440FX": [
      (fake) => {
        fake.mtree = recorded("i440fx-info-mtree.txt");
        fake.functions = recorded("i440fx-query-pci.json");
      },
      "impossible",
    ],
    "while the firmware has not enabled it": [
      (fake) => fake.mtree = Q35_MTREE.replaceAll(Q35_WINDOW, ""),
      "not-enabled",
    ],
  };
  for (const [name, [prepare, code]] of Object.entries(cases)) {
    await t.step(name, async () => {
      const fake = new FakeMonitor();
      prepare(fake);
      const view = await readGuestView(fake.monitor, { host: "hosta" });
      assertEquals("code" in view ? view.code : undefined, code);
      assertEquals(fake.rounds.length, 1);
    });
  }
});

Deno.test("all devices, each once; the alias of another is left out", async () => {
  const fake = new FakeMonitor();
  const all = await readGuestView(fake.monitor, { host: "hosta" });
  assert("devices" in all);
  assertEquals(new Set(all.devices.map(({ address }) => address)).size, 16);
  const none = await readGuestView(fake.monitor, { host: "hosta", aliases: ["hostdev0"] });
  assertEquals(none, { devices: [] });
});

Deno.test("an answer that is not understood is an error with host and command", async (t) => {
  const cases: Record<string, [prepare: (fake: FakeMonitor) => Monitor, found: string]> = {
    "no functions": [
      (fake) => (fake.functions = "unknown command: 'query-pci'", fake.monitor),
      "for query-pci: found \"unknown command: 'query-pci'\"",
    ],
    "too few answers": [
      () => () => Promise.resolve(['{"return":{"status":"running"}}']),
      'for query-pci: found ""',
    ],
    "an endless answer": [
      (fake) => (fake.mtree = " ".repeat(2 ** 24 + 1), fake.monitor),
      'for info mtree: found ""',
    ],
    "a window that has moved": [
      (fake) => async (commands) =>
        (await fake.monitor(commands)).map((answer, index) =>
          nameOf(commands[index] ?? { hmp: "" }).startsWith("xp")
            ? "00000000b0400000: Cannot access memory"
            : answer
        ),
      'for xp /1024xw 0xb0400000: found "00000000b0400000: Cannot access memory"',
    ],
  };
  for (const [name, [prepare, found]] of Object.entries(cases)) {
    await t.step(name, async () => {
      const monitor = prepare(new FakeMonitor());
      const error = await errorOf(readGuestView(monitor, { host: "hosta", aliases: ["net1"] }));
      assertInstanceOf(error, PremigrateError);
      assertStringIncludes(error.message, `Asking QEMU's monitor on hosta ${found}, wanted`);
      assertEquals(error.code, "monitor-answer");
    });
  }
});

Deno.test("nothing is asked after an answer that is not understood", async () => {
  const fake = new FakeMonitor();
  fake.add(RNG).set([0x40], 0x34);
  let rounds = 0;
  const monitor: Monitor = async (commands) => {
    rounds++;
    const answers = await fake.monitor(commands);
    return rounds === 1 ? answers : answers.map((answer, index) => index === 0 ? "" : answer);
  };
  await errorOf(readGuestView(monitor, { host: "hosta" }));
  await new Promise((resolve) => setTimeout(resolve, 10));
  assertEquals(rounds, 2);
});

Deno.test("what the monitor throws is thrown on", async () => {
  const error = new RangeError("no connection");
  const thrown = await errorOf(
    readGuestView(() => Promise.reject(error), { host: "hosta" }),
  );
  assertStrictEquals(thrown, error);
});

function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => undefined, (error) => error);
}

function nameOf(command: MonitorCommand): string {
  return "hmp" in command ? command.hmp : command.execute;
}

function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
