/** What `report` shows of the hook's decisions. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runCli } from "../../helpers/cli_run.ts";
import { GUEST, HookTree } from "../../helpers/hook_tree.ts";
import type { Finished } from "../../helpers/run_program.ts";

const LINE =
  "get_pci_config_device: Bad config data: i=0xd8 read: 33 device: 35 cmask: ff wmask: 0 w1cmask:0";

function report(tree: HookTree, ...words: readonly string[]): Promise<Finished> {
  return runCli(["report", ...words, "--root", tree.root]);
}

function assertRefused({ code, stdout, stderr }: Finished, message: string): void {
  assertEquals([code, stdout], [2, ""]);
  assertMatch(stderr, /^premigrate: [^\p{Cc}]+\n$/u);
  assertStringIncludes(stderr, message);
}

Deno.test("report: a refusal in every format, by the line that the refusal ends with", async (t) => {
  using tree = await HookTree.make();
  assertRefused(await report(tree), "there is no report on this host");
  assertEquals((await report(tree, "--list")).stdout, "no decisions yet\n");

  const { stderr } = await tree.migrate(await tree.xml());
  const [, command = ""] =
    /^On hostb: premigrate (report \S+); to let the guest pass: premigrate waive vm1 --for 1h --reason TEXT$/m
      .exec(stderr) ?? [];
  const [, id = ""] = command.split(" ");

  await t.step("text", async () => {
    const { code, stdout } = await report(tree, id);
    assertEquals(code, 0);
    const text = stdout.replaceAll(/\s+/g, " ");
    const cause = "VETO: NVIDIA driver 535.161.05 on hosta, 550.54.16 on hostb; " +
      "machine type pc-q35-9.0 compares that";
    assert(text.startsWith(cause), text);
    assertStringIncludes(text, ` vm1: hosta -> hostb, `);
    assertStringIncludes(text, `: refused, report ${id} `);
    assertStringIncludes(text, `-> Restart the guest with a machine type of version 9.1`);
    assertStringIncludes(stdout, LINE);
    assertMatch(stdout, /\nVETO: 1 veto(, \d+ \w+)*; 1 device compared\n$/);
    assertEquals((await report(tree, "--last")).stdout, stdout);
    assertEquals((await report(tree)).stdout, stdout);
    const path = `${tree.root}/var/log/premigrate/reports/${id}.json`;
    assertEquals((await report(tree, path)).stdout, stdout);
  });

  await t.step("json: as it was recorded", async () => {
    const { stdout } = await report(tree, id, "--json");
    const path = `${tree.root}/var/log/premigrate/reports/${id}.json`;
    assertEquals(JSON.parse(stdout), JSON.parse(await Deno.readTextFile(path)));
  });

  await t.step("markdown and html: the devices side by side, and the config space", async () => {
    for (const format of ["markdown", "html"]) {
      const { code, stdout } = await report(tree, id, "--format", format);
      assertEquals(code, 0);
      for (const text of ["550.54.16", "pc-q35-9.0", "hosta", "hostb", "10de:1eb8"]) {
        assertStringIncludes(stdout.replaceAll("\\", ""), text);
      }
      if (format === "html") assertStringIncludes(stdout, "0d0");
    }
  });

  await t.step("list: the newest first, and a damaged file hides no other", async () => {
    await tree.migrate(await tree.xml({ machine: "pc-q35-9.1" }));
    const folder = `${tree.root}/var/log/premigrate/reports`;
    await Deno.writeTextFile(`${folder}/00000000T000000000Z-x.json`, "{");
    const [first = "", second = "", third = "", ...rest] = (await report(tree, "--list")).stdout
      .split("\n");
    assertEquals(rest, [""]);
    assertMatch(first, /^\S+ {2}allowed: allow, vm1, hosta -> hostb$/);
    assertEquals(second, `${id}  refused: veto, vm1, hosta -> hostb`);
    assertMatch(third, /^00000000T000000000Z-x {2}cannot be read: it is no JSON/);
    const [newest] = JSON.parse((await report(tree, "--list", "--json")).stdout);
    assertEquals([newest.decision, newest.guest], ["allow", "vm1"]);
  });
});

Deno.test("report: of a guest that passes by a waiver, from an unknown host", async () => {
  using tree = await HookTree.make({ mode: "observe" });
  const { code } = await tree.migrate(await tree.xml({ stamp: false }));
  assertEquals(code, 0);
  const { stdout } = await report(tree);
  const text = stdout.replaceAll(/\s+/g, " ");
  assert(text.startsWith("UNDECIDED: The guest's metadata says nothing about its source host"));
  assertStringIncludes(text, "vm1: unknown host -> ");
  assertStringIncludes(text, ": allowed (mode observe), report ");
  assertStringIncludes(JSON.stringify(await tree.audit()), GUEST);
});

/** Files that are no reports. */
const FOREIGN: Record<string, (whole: Record<string, unknown>) => string> = {
  "nothing": () => "",
  "cut off": (whole) => JSON.stringify(whole).slice(0, 1000),
  "another file's": () => "#!/bin/sh\n",
  "facts": () => '{"premigrate":"facts/1","host":{"name":"a"},"devices":[]}',
  "a list": () => "[]",
  "null": () => "null",
  "a decision that there is not": (whole) => JSON.stringify({ ...whole, decision: "maybe" }),
  "findings that are none": (whole) => JSON.stringify({ ...whole, findings: [{ code: 1 }] }),
  "no time": (whole) => JSON.stringify({ ...whole, time: "\u001b[2J" }),
  "damaged facts": (whole) => JSON.stringify({ ...whole, evidence: { source: { host: 1 } } }),
};

Deno.test("report: what is damaged or no report is told in a line", async (t) => {
  using tree = await HookTree.make();
  await tree.migrate(await tree.xml());
  const folder = `${tree.root}/var/log/premigrate/reports`;
  const [entry] = await Array.fromAsync(Deno.readDir(folder));
  const whole = JSON.parse(await Deno.readTextFile(`${folder}/${entry?.name}`));
  for (const [name, write] of Object.entries(FOREIGN)) {
    await t.step(name, async () => {
      const path = `${folder}/damaged.json`;
      await Deno.writeTextFile(path, write(whole));
      for (const format of ["text", "json", "markdown", "html", "junit", "github"]) {
        assertRefused(await report(tree, "damaged", "--format", format), `Cannot read ${path}: `);
      }
    });
  }
  await t.step("one that is not there", async () => {
    assertRefused(await report(tree, "20260101T000000000Z-0"), "there is no such file");
    assertRefused(await report(tree, "x", "--list"), "Wanted one of: an id, --last, --list");
    assertRefused(await report(tree, "--list", "--format", "html"), "Cannot use --list with");
  });
  await t.step("what was too large to keep is named", async () => {
    const { findings: _, devices: __, question: ___, ...head } = whole;
    const text = JSON.stringify({ ...head, leftOut: "devices, findings", evidence: {} });
    await Deno.writeTextFile(`${folder}/large.json`, text);
    const { code, stdout } = await report(tree, "large");
    assertEquals(code, 0);
    assertStringIncludes(stdout.replaceAll(/\s+/g, " "), "too large, left out: devices, findings");
  });
});
