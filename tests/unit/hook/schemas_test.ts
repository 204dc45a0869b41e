/** `schema report` and `schema audit` describe what the hook writes. */
import { assert, assertEquals } from "@std/assert";
import { writeWaiver } from "../../../lib/config/waiver.ts";
import { runCli } from "../../helpers/cli_run.ts";
import { type AuditLine, GUEST, HookTree } from "../../helpers/hook_tree.ts";
import { fits, type JsonSchema, undescribed } from "../../helpers/json_schema.ts";

const schemaOf = async (kind: string): Promise<JsonSchema> =>
  JSON.parse((await runCli(`schema ${kind}`)).stdout);
const [report, audit] = await Promise.all(["report", "audit"].map(schemaOf));

/** What happens to a migration. */
const CASES: Record<string, (tree: HookTree) => Promise<unknown>> = {
  "a veto": async (tree) => tree.migrate(await tree.xml()),
  "an allow": async (tree) => tree.migrate(await tree.xml({ machine: "pc-q35-9.1" })),
  "no stamp": async (tree) => tree.migrate(await tree.xml({ stamp: false })),
  "no domain XML": (tree) => tree.migrate("garbage"),
  "a waiver": async (tree) => {
    const until = Math.floor(Date.now() / 1000) + 60;
    const waiver = writeWaiver({ id: "0badcafe", until, reason: "it burns" });
    await Deno.writeTextFile(`${tree.root}/var/lib/premigrate/waivers/${GUEST}`, waiver);
    return tree.migrate(await tree.xml());
  },
};

function assertDescribed(schema: JsonSchema | undefined, value: AuditLine): void {
  assert(schema !== undefined);
  assert(fits(schema, value), JSON.stringify(value));
  assertEquals(undescribed(schema, value), []);
  for (const name of schema.required ?? []) {
    assert(!fits(schema, { ...value, [name]: undefined }), name);
  }
  assert(!fits(schema, { ...value, premigrate: "other/1" }));
}

for (const [name, migrate] of Object.entries(CASES)) {
  Deno.test(`the schemas describe the report and the audit line: ${name}`, async () => {
    using tree = await HookTree.make();
    await migrate(tree);
    const [line, ...others] = await tree.audit();
    assert(line !== undefined && others.length === 0);
    assertDescribed(audit, line);
    const written = JSON.parse(await Deno.readTextFile(`${line["report"]}`));
    assertDescribed(report, written);
    assertEquals([written.version, line["premigrate"]], [line["version"], "audit/1"]);
  });
}

Deno.test("the schemas describe what was written before there was a version, and by the launcher", async () => {
  using tree = await HookTree.make();
  await tree.migrate(await tree.xml());
  const [line] = await tree.audit();
  const { version: _, hosts: _hosts, ...old } = JSON.parse(
    await Deno.readTextFile(`${line?.["report"]}`),
  );
  assert(report !== undefined && fits(report, old));
  const { version: _version, premigrate: _premigrate, ...oldLine } = { ...line };
  assert(audit !== undefined && fits(audit, oldLine));
  await tree.replaceBundle("Deno.exit(7)");
  await tree.migrate(await tree.xml());
  const [, own] = await tree.audit();
  assert(typeof own?.["why"] === "string");
  assertDescribed(audit, own);
});
