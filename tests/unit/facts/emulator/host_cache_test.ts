import { assertEquals } from "@std/assert";
import { findHost } from "../../../../lib/facts/emulator/host_cache.ts";

const EMULATOR = {
  path: "/usr/bin/qemu-system-x86_64",
  identity: "1:2:3:4:5",
  exe: undefined,
  daemons: "6:7:8:9:0",
  qmp: undefined,
  missing: {},
};
const ENTRY = {
  identity: EMULATOR.identity,
  exe: EMULATOR.identity,
  asked: "2026-03-01T12:00:00Z",
  daemons: EMULATOR.daemons,
  host: { name: "hostb", libvirt: "9.0.0", missing: {} },
  replies: { qemu: "7.2.22", missing: {} },
};

function cacheOf(entry: unknown): string {
  return JSON.stringify({ premigrate: "host/2", emulators: { [EMULATOR.path]: entry } });
}

const CASES: readonly (readonly [name: string, text: string | undefined, found: boolean])[] = [
  ["the same files", cacheOf(ENTRY), true],
  [
    "a wrapper that was asked a minute ago",
    cacheOf({ ...ENTRY, exe: "6:7:8:9:0", asked: "2026-03-01T11:59:00Z" }),
    false,
  ],
  [
    "a wrapper that will be asked in a minute",
    cacheOf({ ...ENTRY, exe: "6:7:8:9:0", asked: "2026-03-01T12:01:00Z" }),
    false,
  ],
  [
    "what may be a wrapper, and was asked long ago",
    cacheOf({ ...ENTRY, exe: undefined, asked: "2026-02-01T12:00:00Z" }),
    false,
  ],
  ["a QEMU that was asked long ago", cacheOf({ ...ENTRY, asked: "2025-01-01T00:00:00Z" }), true],
  ["what an older version kept", cacheOf({ ...ENTRY, asked: undefined }), false],
  ["another QEMU", cacheOf({ ...ENTRY, identity: "1:2:3:4:6" }), false],
  ["a wrapper that was asked just now", cacheOf({ ...ENTRY, exe: "6:7:8:9:0" }), true],
  ["another libvirt", cacheOf({ ...ENTRY, daemons: "" }), false],
  ["no QEMU's version", cacheOf({ ...ENTRY, replies: { qemu: "new", missing: {} } }), false],
  ["a field more", cacheOf({ ...ENTRY, more: 1 }), false],
  ["half a file", cacheOf(ENTRY).slice(0, -9), false],
  ["an empty file", "", false],
  ["no file", undefined, false],
  ["of another QEMU only", JSON.stringify({ premigrate: "host/2", emulators: {} }), false],
];

for (const [name, text, found] of CASES) {
  Deno.test(`the host's cache: ${name}`, async () => {
    const dir = await Deno.makeTempDir();
    if (text !== undefined) await Deno.writeTextFile(`${dir}/host.json`, text);
    const kept = findHost(dir, EMULATOR, Date.parse("2026-03-01T12:00:00Z"));
    await Deno.remove(dir, { recursive: true });
    assertEquals(
      kept && [kept.host.name, kept.host.libvirt, kept.replies.qemu?.toString()],
      found ? ["hostb", "9.0.0", "7.2.22"] : undefined,
    );
  });
}
