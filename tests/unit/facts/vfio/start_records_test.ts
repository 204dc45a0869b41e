import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  findStart,
  recordStart,
  type StartRecord,
} from "../../../../lib/facts/vfio/start_records.ts";

const GUEST = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";
const RECORD: StartRecord = {
  guest: GUEST,
  time: "2026-03-01T12:00:00Z",
  bootId: "bbbbbbbb-0000-4000-8000-000000000002",
  devices: [256, 4096].map((size) => ({
    address: `0000:3b:00.${size >> 12}`,
    config: { kind: "realize", bytes: new Uint8Array(size).fill(size >> 8) },
    bars: [16_777_216, 0, 0, 0, 0, 128],
    romSize: 0,
  })),
};

async function withFolder(use: (dir: string) => Promise<void> | void): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await use(`${dir}/started`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("what was recorded is found, and its owner's alone", () =>
  withFolder((dir) => {
    assertEquals(recordStart(dir, { ...RECORD, devices: [] }), undefined);
    assertEquals(recordStart(dir, RECORD), undefined);
    assertEquals(findStart(dir, GUEST), RECORD);
    const files = Array.from(Deno.readDirSync(dir), ({ name }) => name);
    assertEquals(files, [`${GUEST}.json`]);
    assertEquals((Deno.statSync(`${dir}/${GUEST}.json`).mode ?? 0) & 0o777, 0o600);
  }));

Deno.test("a record that cannot be kept says why", () =>
  withFolder(async (dir) => {
    const ofNobody = recordStart(dir, { ...RECORD, guest: "../x" });
    assertStringIncludes(ofNobody ?? "", "bytes are no record of this kind");
    await Deno.writeTextFile(dir, "");
    assertStringIncludes(recordStart(dir, RECORD) ?? "", "Failed to keep the start");
  }));

const NOTHING = { missing: "nothing was read when it was started" };

const DAMAGED: Readonly<Record<string, string>> = {
  "nothing": "",
  "another form": '{"premigrate":"started/2"}',
  "too much": " ".repeat(5 * 1024 * 1024),
};

for (const [name, text] of Object.entries(DAMAGED)) {
  Deno.test(`a record that holds ${name} is none`, () =>
    withFolder(async (dir) => {
      await Deno.mkdir(dir);
      await Deno.writeTextFile(`${dir}/${GUEST}.json`, text);
      assertEquals(findStart(dir, GUEST), NOTHING);
    }));
}

Deno.test("another guest's record is none", () =>
  withFolder(async (dir) => {
    assertEquals(findStart(dir, GUEST), NOTHING);
    recordStart(dir, RECORD);
    const other = GUEST.replace("4", "5");
    await Deno.rename(`${dir}/${GUEST}.json`, `${dir}/${other}.json`);
    assertEquals(findStart(dir, other), NOTHING);
  }));
