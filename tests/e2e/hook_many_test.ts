/** Migrations to one host at the same time: each has its verdict, its line and its report. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  DEVICE,
  hookFailed,
  type HookHosts,
  OTHER_BYTES,
  OTHER_DEVICE,
  said,
  testWithHook,
} from "./hook_hosts.ts";

interface Guest {
  readonly name: string;
  readonly uuid: string;
  /** Its device will do. */
  readonly fits: boolean;
}

const GUESTS = Array.from({ length: 20 }, (_, index): Guest => {
  const number = `${index + 10}`;
  return {
    name: `vm${number}`,
    uuid: `6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f3f${number}`,
    fits: index % 2 === 0,
  };
});

testWithHook("several migrations at once", async (hosts, t) => {
  await hosts.setBytes(OTHER_BYTES);
  await Promise.all(GUESTS.map(async ({ name, uuid, fits }) => {
    await hosts.start(name, uuid);
    await hosts.give(uuid, { devices: [fits ? OTHER_DEVICE : DEVICE] });
  }));

  await t.step("two guests", () => migrateAll(hosts, GUESTS.slice(0, 2)));
  await hosts.migrate("vm10", ["--live"], "b");
  await t.step("twenty guests", () => migrateAll(hosts, GUESTS));
});

async function migrateAll(hosts: HookHosts, guests: readonly Guest[]): Promise<void> {
  const before = (await hosts.audit()).length;
  const runs = await Promise.all(guests.map(async (guest) => {
    return { guest, run: await hosts.migrate(guest.name) };
  }));
  const lines = (await hosts.audit()).slice(before);
  assertEquals(lines.length, guests.length);
  for (const { guest: { name, uuid, fits }, run } of runs) {
    const [line, ...others] = lines.filter((line) => line["uuid"] === uuid);
    assertEquals(others, []);
    assertEquals([line?.["guest"], line?.["verdict"], line?.["effect"]], [
      name,
      ...fits ? ["allow", "allowed"] : ["veto", "refused"],
    ]);
    const report = await hosts.sh("b", 'cat "$1"', `${line?.["report"]}`);
    assertEquals(JSON.parse(report).guest, { name, uuid });
    if (fits) {
      assertEquals(run, { code: 0, stdout: "", stderr: "" });
      assertEquals(await hosts.states(name), { a: undefined, b: "running" });
    } else {
      assertStringIncludes(said(run), `${hookFailed(name)}premigrate: VETO hostdev0 (${DEVICE})`);
      assertEquals(await hosts.states(name), { a: "running", b: undefined });
    }
  }
}
