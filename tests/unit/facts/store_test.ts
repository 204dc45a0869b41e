/** What is kept: whole or not at all, of bounded size and number, and its owner's alone. */
import { assertEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import { Emulators } from "../../../lib/facts/emulator/cache.ts";
import { listRecords, nameOf, readKept, replaceFile, Store } from "../../../lib/facts/store.ts";
import { findRealizeView } from "../../../lib/facts/vfio/records.ts";
import { findStart } from "../../../lib/facts/vfio/start_records.ts";

const GUESTS = [1, 2, 3, 4].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`);
const [FIRST = "", SECOND = "", THIRD = "", FOURTH = ""] = GUESTS;
const STORE = new Store(
  v.strictObject({ size: v.number(), more: v.optional(v.string(), () => undefined) }),
  { largest: 40, most: 2 },
);

async function withFolder(use: (dir: string) => Promise<void> | void): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const namesIn = (dir: string): string[] =>
  Array.from(Deno.readDirSync(dir), ({ name }) => name).sort();
const modeOf = (path: string): number => (Deno.statSync(path).mode ?? 0) & 0o7777;

Deno.test("a record is found as it was kept, and is its owner's alone", () =>
  withFolder((dir) => {
    const folder = `${dir}/a/b`;
    STORE.keep(folder, FIRST, { size: 1 });
    assertEquals(STORE.find(folder, FIRST), { size: 1, more: undefined });
    STORE.keep(folder, FIRST, { size: 2, more: "x" });
    assertEquals(STORE.find(folder, FIRST), { size: 2, more: "x" });
    assertEquals(namesIn(folder), [`${FIRST}.json`]);
    assertEquals([modeOf(folder), modeOf(`${folder}/${FIRST}.json`)], [0o700, 0o600]);
  }));

/** What may be in a record's place. */
const NOTHING: Readonly<Record<string, (path: string) => Promise<void> | void>> = {
  "no file": () => {},
  "an empty file": (path) => Deno.writeTextFile(path, ""),
  "half a record": (path) => Deno.writeTextFile(path, '{"size":'),
  "another form": (path) => Deno.writeTextFile(path, '{"size":"1"}'),
  "a key more": (path) => Deno.writeTextFile(path, '{"size":1,"other":1}'),
  "no object": (path) => Deno.writeTextFile(path, "1"),
  "a byte too much": (path) => Deno.writeTextFile(path, '{"size":1}'.padEnd(41)),
  "no text": (path) => Deno.writeFile(path, new Uint8Array([0xff, 0xfe])),
  "a folder": (path) => Deno.mkdir(path),
  "a pipe": async (path) => {
    await new Deno.Command("mkfifo", { args: [path] }).output();
  },
  "a link to itself": (path) => Deno.symlink(path, path),
};

for (const [name, put] of Object.entries(NOTHING)) {
  Deno.test(`nothing is kept where there is ${name}`, () =>
    withFolder(async (dir) => {
      await put(`${dir}/${FIRST}.json`);
      assertEquals(STORE.find(dir, FIRST), undefined);
    }));
}

Deno.test("what could not be found again is not kept", () =>
  withFolder((dir) => {
    assertThrows(() => STORE.keep(dir, FIRST, { size: NaN }), RangeError);
    assertThrows(() => STORE.keep(dir, FIRST, { size: 1, more: "x".repeat(40) }), RangeError);
    assertEquals(namesIn(dir), []);
  }));

Deno.test("of too many records the least recently written go, unfinished ones too, and no other file", () =>
  withFolder((dir) => {
    const others = ["README", "notes.json", `${FIRST}.txt`, `${FIRST}`];
    for (const [age, name] of [`${FIRST}.json`, `${SECOND}.${FIRST}`, ...others].entries()) {
      Deno.writeTextFileSync(`${dir}/${name}`, "");
      Deno.utimeSync(`${dir}/${name}`, 1000 + age, 1000 + age);
    }
    const listed = listRecords(dir).sort((a, b) => a.written - b.written);
    assertEquals(listed.map(({ name, isWhole, written }) => [name, isWhole, written]), [
      [FIRST, true, 1_000_000],
      [SECOND, false, 1_001_000],
    ]);
    STORE.keep(dir, THIRD, { size: 3 });
    assertEquals(namesIn(dir), [`${SECOND}.${FIRST}`, `${THIRD}.json`, ...others].sort());
    STORE.keep(dir, FOURTH, { size: 4 });
    assertEquals(namesIn(dir), [`${THIRD}.json`, `${FOURTH}.json`, ...others].sort());
    assertEquals(listRecords(`${dir}/none`), []);
  }));

Deno.test("a file that cannot be made leaves what was there, and nothing beside it", () =>
  withFolder((dir) => {
    Deno.writeTextFileSync(`${dir}/a`, "old");
    const halfway = (to: string): void => {
      Deno.writeTextFileSync(to, "ne");
      throw new Deno.errors.WriteZero("disk full");
    };
    assertThrows(() => replaceFile(`${dir}/a`, halfway), Deno.errors.WriteZero);
    const write = (to: string): void => Deno.writeTextFileSync(to, "");
    assertThrows(() => replaceFile(`${dir}/none/a`, write), Deno.errors.NotFound);
    assertEquals([namesIn(dir), readKept(`${dir}/a`, 3)], [["a"], "old"]);
  }));

/** As the version of commit bb17a4b wrote them. */
const REGION = {
  config: "de103522".padEnd(512, "0"),
  bars: [16_777_216, 0, 0, 0, 0, 128],
  romSize: 0,
};

Deno.test("a guest's start that an older version recorded is found", () =>
  withFolder((dir) => {
    const [time, bootId, address] = ["2026-03-01T12:00:00Z", FOURTH, "0000:3b:00.4"];
    const devices = [{ address, ...REGION }];
    const record = { premigrate: "started/1", guest: FIRST, time, bootId, devices };
    Deno.writeTextFileSync(`${dir}/${FIRST}.json`, `${JSON.stringify(record)}\n`);
    const found = findStart(dir, FIRST);
    assertEquals("missing" in found || found.devices.map((device) => device.address), [address]);
  }));

Deno.test("what an older version knew of too little of is asked and read anew", () =>
  withFolder(async (dir) => {
    const key = { type: "NVIDIA A40-8Q", driver: "nvidia", version: "535.161.05" };
    const view = { premigrate: "realize/1", key, address: FIRST, time: "2026-03-01T12:00:00Z" };
    const said = { host: "hosta", path: "/q", identity: "1:2", qemu: "10.0.2", missing: {} };
    const names = [await nameOf(...Object.values(key)), await nameOf("hosta", "/q")];
    for (const name of names) {
      Deno.writeTextFileSync(`${dir}/${name}.json`, JSON.stringify({ ...view, ...REGION }));
    }
    assertEquals("missing" in await findRealizeView(dir, { ...key, details: "[]" }), true);
    const old = JSON.stringify({ premigrate: "emulator/1", ...said });
    Deno.writeTextFileSync(`${dir}/${names[1]}.json`, old);
    assertEquals(await new Emulators(dir, "hosta").identityOf("/q"), undefined);
  }));
