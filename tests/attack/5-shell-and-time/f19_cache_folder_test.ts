/** F19: nothing in Deno's cache folder can block, or cost, a verdict. */
import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { HookTree } from "../../helpers/hook_tree.ts";

const NAMES = ["v8_code_cache_v2", "dep_analysis_cache_v2", "node_analysis_cache_v2"];

/** What may have become of the folder's databases; what it returns undoes it. */
const FAULTS: Readonly<Record<string, (path: string) => Promise<() => void>>> = {
  "locked by a process that hangs": (path) => {
    const database = new DatabaseSync(path);
    database.exec("create table if not exists held (a); begin exclusive");
    return Promise.resolve(() => database.close());
  },
  "garbage": async (path) => {
    await Deno.writeFile(path, new Uint8Array(8192).fill(0x5a));
    return () => {};
  },
  "pipes that nobody writes to": async (path) => {
    await new Deno.Command("mkfifo", { args: [path] }).output();
    return () => {};
  },
  "folders": async (path) => {
    await Deno.mkdir(path);
    return () => {};
  },
};

for (const [name, damage] of Object.entries(FAULTS)) {
  Deno.test(`databases that are ${name}: the verdict comes, and on time`, async () => {
    using tree = await HookTree.make();
    const folder = `${tree.root}/var/cache/premigrate/deno`;
    await Deno.mkdir(folder);
    const undo = await Promise.all(NAMES.map((name) => damage(`${folder}/${name}`)));
    const allowed = await tree.migrate(await tree.xml({ machine: "pc-q35-9.1" }));
    const refused = await tree.migrate(await tree.xml());
    for (const each of undo) each();
    assertEquals([allowed.code, refused.code], [0, 1]);
    assertEquals((await tree.audit()).map(({ verdict }) => verdict), ["allow", "veto"]);
  });
}

Deno.test("all that the launcher starts is told of no cache folder", async () => {
  using tree = await HookTree.make({ agent: { recordStarts: true } });
  const log = `${tree.root}/seen`;
  await tree.script("usr/lib/premigrate/premigrate", `echo "$DENO_DIR" >>${log}`);
  await tree.run(["start", "begin"], await tree.xml(), { env: { DENO_DIR: "/tmp" } });
  // With an empty cache the host's QEMU is asked.
  await Deno.remove(`${tree.root}/var/cache/premigrate/host.json`);
  await tree.migrate(await tree.xml());
  assertEquals(await Deno.readTextFile(log), "/dev/null/none\n".repeat(2));
});
