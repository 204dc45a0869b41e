/**
 * The guest view against what QEMU gives of the same devices in other ways: a dump of the ECAM
 * window, at the place that the chipset's register says, and the ports 0xcf8 and 0xcfc. The guest's
 * firmware stands still meanwhile.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { decodeHex } from "@std/encoding/hex";
import type { Range } from "../../lib/facts/monitor/ecam.ts";
import { set32 } from "../../lib/pci/bytes.ts";
import { bootGuest } from "./guest.ts";
import { type Hosts, testOnHosts } from "./hosts.ts";

/** A guest view as it is printed: bytes in hexadecimal. */
interface PrintedView {
  readonly code?: string;
  readonly devices?: readonly {
    readonly address: string;
    readonly config: { readonly bytes: string; readonly unread: readonly Range[] };
  }[];
}

// The guest has fewer.
const BUSES = 16;
const CONFIG_SIZE = 4096;
const STANDARD_SIZE = 256;
const PCIEXBAR = 0x60;

testOnHosts("the guest view through ECAM", async (hosts, t) => {
  await bootGuest(hosts, "a", "vm1");
  const view = await readView(hosts, "qemu+tcp://hosta/system", "vm1");
  const { devices = [] } = view;
  const configs = new Map(devices.map(({ address, config: { bytes, unread } }) => {
    // Above its 256 bytes a conventional device reads as ones.
    const all = new Uint8Array(CONFIG_SIZE).fill(0xff);
    all.set(decodeHex(bytes));
    return [address, { bytes: all, unread }];
  }));

  await t.step(
    "has every function of the guest, with the bytes of a dump of the window",
    async () => {
      const dumped = await dumpWindow(hosts, "vm1");
      assertEquals([...configs.keys()].sort(), [...dumped.keys()]);
      for (const [address, { bytes, unread }] of configs) {
        assertEquals(bytes, without(unread, dumped.get(address)), address);
      }
    },
  );

  await t.step("has the bytes that the guest's ports read, of every function", async () => {
    for (const [address, { bytes, unread }] of configs) {
      const ported = await readPorts(hosts, "vm1", address, unread);
      assertEquals(bytes.slice(0, STANDARD_SIZE), ported, address);
    }
  });

  await t.step("leaves out one dword of each virtio device", () => {
    const unread = [...configs.values()].filter(({ unread }) => unread.length > 0);
    assertEquals(unread.length, 3);
    for (const { bytes } of unread) assertEquals([...bytes.slice(0, 2)], [0xf4, 0x1a]);
  });

  await t.step("leaves its mark on the domain", async () => {
    const { stdout } = await hosts.run("a", ["virsh", "dominfo", "vm1"]);
    assertStringIncludes(stdout, "tainted: custom monitor control commands issued");
  });

  await t.step("is the same after a migration", async () => {
    const migrate = ["virsh", "migrate", "--live", "vm1", "qemu+tcp://hostb/system"];
    assertEquals((await hosts.run("a", migrate)).code, 0);
    assertEquals(await readView(hosts, "qemu+tcp://hostb/system", "vm1"), view);
  });

  await t.step("is not read from a paused guest", async () => {
    await hosts.run("b", ["virsh", "suspend", "vm1"]);
    const { code } = await readView(hosts, "qemu+tcp://hostb/system", "vm1");
    assertEquals(code, "not-running");
  });

  await t.step("is impossible with an i440FX", async () => {
    await bootGuest(hosts, "b", "vm2", { machine: "pc-i440fx-7.2" });
    const { code } = await readView(hosts, "qemu+tcp://hostb/system", "vm2");
    assertEquals(code, "impossible");
  });
});

/** Reads the guest view from the operator's machine. */
async function readView(hosts: Hosts, uri: string, domain: string): Promise<PrintedView> {
  const program = new URL("print_guest_view.ts", import.meta.url).pathname;
  const deno = [Deno.execPath(), "run", "--quiet", "--allow-run", "--allow-env"];
  const { stdout, stderr } = await hosts.run("operator", [...deno, program, uri, domain]);
  assertEquals(stderr, "");
  return JSON.parse(stdout);
}

/** Has host `a`'s monitor of a domain do some commands, in one virsh. */
async function ask(hosts: Hosts, domain: string, commands: readonly string[]): Promise<string> {
  const script = commands.map((command) => `qemu-monitor-command ${domain} ${command}\n`).join("");
  const { code, stdout, stderr } = await hosts.run("a", ["virsh", "--quiet", script]);
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}

/** The config spaces in QEMU's dump of the first buses of the window, by address. */
async function dumpWindow(hosts: Hosts, domain: string): Promise<Map<string, Uint8Array>> {
  const [pciexbar = 0] = await readDwords(hosts, domain, "0000:00:00.0", [PCIEXBAR]);
  const file = await Deno.makeTempFile();
  // Bit 0 enables the window, bits 1 and 2 are its size.
  const dump = { val: pciexbar - pciexbar % 8, size: BUSES << 20, filename: file };
  await ask(hosts, domain, [`'${JSON.stringify({ execute: "pmemsave", arguments: dump })}'`]);
  const bytes = await Deno.readFile(file);
  await Deno.remove(file);
  assertEquals(bytes.length, BUSES << 20);
  const found = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length; at += CONFIG_SIZE) {
    const config = bytes.subarray(at, at + CONFIG_SIZE);
    if (config[0] !== 0xff || config[1] !== 0xff) found.set(addressAt(at), config);
  }
  return found;
}

function addressAt(offset: number): string {
  const digits = (value: number): string => value.toString(16).padStart(2, "0");
  return `0000:${digits(offset >> 20)}:${digits(offset >> 15 & 0x1f)}.${offset >> 12 & 7}`;
}

/** The first 256 bytes by the ports, without those of `unread`. */
async function readPorts(
  hosts: Hosts,
  domain: string,
  address: string,
  unread: readonly Range[],
): Promise<Uint8Array> {
  const bytes = new Uint8Array(STANDARD_SIZE);
  const offsets = Array.from({ length: STANDARD_SIZE / 4 }, (_, index) => 4 * index)
    .filter((offset) => !unread.some(([start]) => start === offset));
  const dwords = await readDwords(hosts, domain, address, offsets);
  offsets.forEach((offset, index) => set32(bytes, offset, dwords[index] ?? 0));
  return bytes;
}

async function readDwords(
  hosts: Hosts,
  domain: string,
  address: string,
  offsets: readonly number[],
): Promise<number[]> {
  const [, bus = "", slot = "", fn = ""] = /^0000:(..):(..)\.(.)$/.exec(address) ?? [];
  const at = 0x8000_0000 + (parseInt(bus, 16) << 16) + (parseInt(slot, 16) << 11) +
    (Number(fn) << 8);
  const answers = await ask(
    hosts,
    domain,
    offsets.flatMap((offset) => [
      `--hmp 'o /w 0xcf8 0x${(at + offset).toString(16)}'`,
      "--hmp 'i /w 0xcfc'",
    ]),
  );
  const dwords = Array.from(
    answers.matchAll(/^portl\[0x0cfc\] = (0x[\da-f]{8})/gm),
    ([, dword]) => Number(dword),
  );
  assertEquals(dwords.length, offsets.length, answers);
  return dwords;
}

function without(unread: readonly Range[], bytes: Uint8Array | undefined): Uint8Array | undefined {
  const copy = bytes?.slice();
  for (const [start, end] of unread) copy?.fill(0, start, end);
  return copy;
}
