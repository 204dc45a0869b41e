import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decodeHex } from "@std/encoding/hex";
import { findRealizeView, recordRealizeView } from "../../../../lib/facts/vfio/records.ts";
import type { VfioRegion } from "../../../../lib/facts/vfio/region.ts";

const ADDRESS = "c3a1f1a0-4f5e-4c5e-9f0a-3f1d2b7a9c01";
const KEY = { type: "NVIDIA A40-8Q", driver: "nvidia", version: "535.161.05", details: "[8]" };
const REGION: VfioRegion = {
  result: "read",
  config: { kind: "realize", bytes: decodeHex("de103522".padEnd(8192, "0")) },
  bars: [16_777_216, 0, 0, 0, 0, 128],
  romSize: 0,
};

async function withFolder(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await use(`${dir}/realize`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function files(dir: string): string[] {
  return Array.from(Deno.readDirSync(dir), ({ name }) => name);
}

Deno.test("what was recorded is found under the same key, marked as derived", () =>
  withFolder(async (dir) => {
    assertEquals(await recordRealizeView(dir, KEY, ADDRESS, REGION), undefined);
    const found = await findRealizeView(dir, { ...KEY });
    assert(!("missing" in found), JSON.stringify(found));
    const { time, ...rest } = found;
    assertEquals(rest, {
      derived: true,
      address: ADDRESS,
      config: REGION.config,
      bars: REGION.bars,
      romSize: 0,
    });
    assert(Math.abs(Date.parse(time) - Date.now()) < 60_000, time);
  }));

Deno.test("another type, driver, version or detail is another kind", () =>
  withFolder(async (dir) => {
    await recordRealizeView(dir, KEY, ADDRESS, REGION);
    const others = [
      { ...KEY, type: "NVIDIA A40-16Q" },
      { ...KEY, driver: "vfio-pci" },
      { ...KEY, version: "550.54.16" },
      { ...KEY, type: KEY.driver, driver: KEY.type },
      { ...KEY, details: "[32]" },
    ];
    for (const other of others) {
      const found = await findRealizeView(dir, other);
      const kind = `${other.type} like it under ${other.driver} ${other.version}`;
      assertEquals(found, { missing: `no ${kind} was ever read on this host` });
    }
  }));

Deno.test("a later reading takes the place of an earlier one", () =>
  withFolder(async (dir) => {
    await recordRealizeView(dir, KEY, ADDRESS, REGION);
    const address = "0000:3b:00.4";
    await recordRealizeView(dir, KEY, address, { ...REGION, romSize: 2048 });
    const found = await findRealizeView(dir, KEY);
    assert(!("missing" in found));
    assertEquals([found.address, found.romSize], [address, 2048]);
    assertEquals(files(dir).length, 1);
  }));

Deno.test("what a running guest's device showed stands in, until an idle one is read", () =>
  withFolder(async (dir) => {
    const bytes = REGION.config.bytes.with(4, 7);
    const running = { ...REGION, config: { kind: "running", bytes } } as const;
    const keep = async (region: Parameters<typeof recordRealizeView>[3]): Promise<unknown> => {
      assertEquals(await recordRealizeView(dir, KEY, ADDRESS, region), undefined);
      const found = await findRealizeView(dir, KEY);
      assert(!("missing" in found));
      return found.config;
    };
    assertEquals(await keep(running), running.config);
    const later = { ...running, config: { kind: "running", bytes: bytes.with(5, 4) } } as const;
    assertEquals(await keep(later), later.config);
    assertEquals(await keep(REGION), REGION.config);
    assertEquals(await keep(running), REGION.config);
    assertEquals(files(dir).length, 1);
  }));

Deno.test("records are their owner's, and nothing unfinished is left", () =>
  withFolder(async (dir) => {
    await recordRealizeView(dir, KEY, ADDRESS, REGION);
    const [name = "", ...others] = files(dir);
    assertEquals(others, []);
    const { mode } = await Deno.stat(`${dir}/${name}`);
    assertEquals((mode ?? 0) & 0o777, 0o600);
    assertEquals(((await Deno.stat(dir)).mode ?? 0) & 0o077, 0);
  }));

Deno.test("no key leads out of the folder", () =>
  withFolder(async (dir) => {
    const keys = ["../../../etc/passwd", "/etc/passwd", "a\0b", "", "\ud800", "x".repeat(5000)].map(
      (type) => ({ ...KEY, type }),
    );
    for (const key of keys) {
      assertEquals(await recordRealizeView(dir, key, ADDRESS, REGION), undefined);
      assert(!("missing" in await findRealizeView(dir, key)), key.type);
    }
    assertEquals(files(dir).length, keys.length);
    assertEquals(files(`${dir}/..`), ["realize"]);
    const longest = { ...KEY, type: "\u20ac".repeat(20_000) };
    assertStringIncludes(
      await recordRealizeView(dir, longest, ADDRESS, REGION) ?? "",
      "bytes are no record of this kind",
    );
  }));

Deno.test("of too many records the oldest go, and only records", () =>
  withFolder(async (dir) => {
    await recordRealizeView(dir, KEY, ADDRESS, REGION);
    const [first = ""] = files(dir);
    await Deno.utime(`${dir}/${first}`, 1, 1);
    await Deno.writeTextFile(`${dir}/README`, "An operator's note");
    for (let n = 0; n < 256; n++) {
      const name = `${dir}/${`${n}`.padStart(64, "0")}.json`;
      await Deno.writeTextFile(name, "");
      await Deno.utime(name, 1000 + n, 1000 + n);
    }
    await recordRealizeView(dir, { ...KEY, version: "550.54.16" }, ADDRESS, REGION);
    const left = files(dir);
    assertEquals(left.length, 256 + 1);
    assert(left.includes("README"));
    assertEquals(
      [first, `${"0".padStart(64, "0")}.json`, `${"1".padStart(64, "0")}.json`].map((name) =>
        left.includes(name)
      ),
      [false, false, true],
    );
  }));

Deno.test("a record that is no record, or another's, is none", () =>
  withFolder(async (dir) => {
    await recordRealizeView(dir, KEY, ADDRESS, REGION);
    const path = `${dir}/${files(dir)[0]}`;
    const whole = await Deno.readTextFile(path);
    const cases: [string, string][] = [
      ["empty", ""],
      ["cut off", whole.slice(0, -9)],
      ["of another version", whole.replace("realize/2", "realize/1")],
      ["with other bytes", whole.replace('"config":"de', '"config":"xx')],
      ["with a byte less", whole.replace('"config":"de', '"config":"')],
      ["of another kind", whole.replace("A40-8Q", "A40-4Q")],
      ["far too long", whole.padEnd(65_537)],
    ];
    for (const [name, text] of cases) {
      await Deno.writeTextFile(path, text);
      const found = await findRealizeView(dir, KEY);
      assert("missing" in found, name);
      assertStringIncludes(found.missing, "was ever read on this host", name);
    }
    await Deno.writeTextFile(path, whole);
    assert(!("missing" in await findRealizeView(dir, KEY)));
  }));

Deno.test("a folder that cannot be one is said to be none", () =>
  withFolder(async (dir) => {
    await Deno.writeTextFile(dir, "");
    const why = await recordRealizeView(dir, KEY, ADDRESS, REGION);
    assertStringIncludes(`${why}`, `Failed to keep the realize view in ${dir}: `);
    assert("missing" in await findRealizeView(dir, KEY));
  }));

Deno.test("records written at the same time leave one that is whole", () =>
  withFolder(async (dir) => {
    const sizes = Array.from({ length: 20 }, (_, n) => n);
    const done = await Promise.all(
      sizes.map((romSize) => recordRealizeView(dir, KEY, ADDRESS, { ...REGION, romSize })),
    );
    assertEquals(done, sizes.map(() => undefined));
    const found = await findRealizeView(dir, KEY);
    assert(!("missing" in found) && sizes.includes(found.romSize), JSON.stringify(found));
    assertEquals(files(dir).length, 1);
  }));
