import { assertEquals } from "@std/assert";
import { findHost } from "../../lib/facts/host_cache.ts";

const EMULATOR = {
  path: "/usr/bin/qemu-system-x86_64",
  identity: "1:2:3:4:5",
  daemons: "6:7:8:9:0",
  qmp: undefined,
  missing: {},
};
const ENTRY = {
  identity: EMULATOR.identity,
  daemons: EMULATOR.daemons,
  host: { name: "hostb", libvirt: "9.0.0", missing: {} },
  replies: { qemu: "7.2.22", missing: {} },
};

function cacheOf(entry: unknown): string {
  return JSON.stringify({ premigrate: "host/1", emulators: { [EMULATOR.path]: entry } });
}

const CASES: readonly (readonly [name: string, text: string | undefined, found: boolean])[] = [
  ["the same files", cacheOf(ENTRY), true],
  ["another QEMU", cacheOf({ ...ENTRY, identity: "1:2:3:4:6" }), false],
  ["another libvirt", cacheOf({ ...ENTRY, daemons: "" }), false],
  ["no QEMU's version", cacheOf({ ...ENTRY, replies: { qemu: "new", missing: {} } }), false],
  ["a field more", cacheOf({ ...ENTRY, more: 1 }), false],
  ["half a file", cacheOf(ENTRY).slice(0, -9), false],
  ["an empty file", "", false],
  ["no file", undefined, false],
  ["of another QEMU only", JSON.stringify({ premigrate: "host/1", emulators: {} }), false],
];

for (const [name, text, found] of CASES) {
  Deno.test(`the host's cache: ${name}`, async () => {
    const dir = await Deno.makeTempDir();
    if (text !== undefined) await Deno.writeTextFile(`${dir}/host.json`, text);
    const kept = findHost(dir, EMULATOR);
    await Deno.remove(dir, { recursive: true });
    assertEquals(
      kept && [kept.host.name, kept.host.libvirt, kept.replies.qemu?.toString()],
      found ? ["hostb", "9.0.0", "7.2.22"] : undefined,
    );
  });
}
