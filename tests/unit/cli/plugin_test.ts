/** Code plugins on the command line, and that what they say is what they would say in process. */
import { assert, assertEquals } from "@std/assert";
import { buildPlugin } from "../../../lib/plugin/mod.ts";
import { evaluate, type Policy, type PolicyCase, Registry } from "../../../lib/policy/mod.ts";
import { caseQuestion } from "../../../lib/policy/case.ts";
import example, { CASES as EXAMPLE_CASES } from "../../../plugins/example/revision/policy.ts";
import nvidiaVsc from "../../../plugins/nvidia/vsc/policy.ts";
import restoreCheck from "../../../plugins/qemu/restore-check/policy.ts";
import { PLUGIN_CASES } from "../../cases/plugins.ts";
import { runCli, testRuns } from "../../helpers/cli_run.ts";
import { judgeWith } from "../../helpers/plugin_judge.ts";

const PERMISSIONS = ["--allow-write", "--allow-run"];
const EXAMPLE = "plugins/example/revision/policy.ts";
const CHECK = "check --source examples/source.json --destination examples/destination.json " +
  "--domain examples/domain.xml --machine pc-q35-9.1";
const COMPARE = "compare examples/source.hex --machine pc-q35-9.1";

const folder = await Deno.makeTempDir({ prefix: "premigrate-plugin-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const output = `${folder}/revision.js`;
const built = await runCli(`policy build ${EXAMPLE} --output ${output}`, "", PERMISSIONS);
const plugin = built.stdout.trim();
const revised = `${folder}/revised.hex`;
const hex = await Deno.readTextFile("examples/source.hex");
await Deno.writeTextFile(revised, hex.replace("a1", "a2"));

async function pluginOf(name: string, code: string): Promise<string> {
  const file = `${folder}/${name}.js`;
  await Deno.writeTextFile(file, code);
  const { stdout } = await new Deno.Command("sha256sum", { args: [file] }).output();
  return `${file}=${new TextDecoder().decode(stdout).slice(0, 64)}`;
}

const failing = await pluginOf("failing", `export const answer = () => { throw "no\u001b[2J" }`);
const large = await pluginOf("large", `// ${"a".repeat(1024 * 1024)}`);
const colourful = await pluginOf(
  "colourful",
  `export const answer = () => ({ id: "acme/a", title: "T", documentation: "# A\\n\\u001b[31m",
    match: {}, codes: {}, ofGuest: false });`,
);
const changed = plugin.replace(/=../, plugin.includes("=00") ? "=11" : "=00");

Deno.test("policy build: prints the option, and the same file each time", async () => {
  assertEquals([built.code, built.stderr], [0, ""]);
  assert(plugin.startsWith(`${output}=`));
  const code = await Deno.readFile(output);
  assertEquals((await buildPlugin(EXAMPLE)).code, code);
  const words = `policy build ${EXAMPLE} --output ${output} --json`;
  const { stdout } = await runCli(words, "", PERMISSIONS);
  assertEquals(JSON.parse(stdout), {
    policy: "example/revision",
    file: output,
    digest: plugin.slice(-64),
  });
});

testRuns([
  {
    name: "compare: a plugin's veto",
    words: `${COMPARE} ${revised} --plugin ${plugin}`,
    code: 1,
    stdout: [
      "VETO",
      "veto      example/revision other-revision",
      "The source has revision 0xa1, the destination 0xa2",
      "policies applied: example/revision,",
    ],
  },
  {
    name: "compare: a plugin finds nothing",
    words: `${COMPARE} examples/source.hex --plugin ${plugin}`,
    code: 0,
    stdout: ["ALLOW", "policies applied: example/revision,"],
  },
  {
    name: "check: a plugin is applied",
    words: `${CHECK} --plugin ${plugin}`,
    code: 0,
    stdout: ["policies applied: example/revision, generic/vfio"],
  },
  {
    name: "check: a plugin that fails",
    words: `${CHECK} --plugin ${failing}`,
    code: 3,
    stdout: ["UNDECIDED", "undecided premigrate plugin-threw", "Plugin failing.js threw: no [2J"],
  },
  {
    name: "compare: a plugin twice",
    words: `${COMPARE} examples/source.hex --plugin ${plugin} --plugin ${plugin}`,
    code: 3,
    stdout: [
      "premigrate plugin-claims-id",
      "Plugin revision.js says that it is example/revision, which is another policy's id",
      "policies applied: example/revision,",
    ],
  },
  {
    name: "policies: a plugin is listed",
    words: `policies --plugin ${plugin}`,
    code: 0,
    stdout: ["example/revision         Both devices have one revision"],
  },
  {
    name: "explain: a plugin",
    words: `explain example/revision --plugin ${plugin}`,
    code: 0,
    stdout: ["Both devices have one revision", "other-revision"],
  },
  {
    name: "explain: a plugin's code",
    words: `explain other-revision --plugin ${plugin}`,
    code: 0,
    stdout: ["The destination's device has another revision"],
  },
  {
    name: "explain: a plugin that fails",
    words: `explain other-revision --plugin ${failing}`,
    code: 2,
    error: "Plugin failing.js threw: no [2J",
  },
  {
    name: "check: a plugin of another digest",
    words: `${CHECK} --plugin ${changed}`,
    code: 2,
    error: `revision.js: its SHA-256 digest is ${plugin.slice(-64)}, listed is`,
  },
  {
    name: "check: a plugin without a digest",
    words: `${CHECK} --plugin ${output}`,
    code: 2,
    error: "wanted FILE=DIGEST",
  },
  {
    name: "check: a plugin that is not there",
    words: `${CHECK} --plugin ${folder}/none.js=${"0".repeat(64)}`,
    code: 2,
    error: "none.js: there is no such file",
  },
  {
    name: "check: a plugin that is no file",
    words: `${CHECK} --plugin /dev/zero=${"0".repeat(64)}`,
    code: 2,
    error: "Cannot read /dev/zero: it is no regular file",
  },
  {
    name: "check: a plugin that is too large",
    words: `${CHECK} --plugin ${large}`,
    code: 2,
    error: "wanted 1048576 at most",
  },
  {
    name: "explain: a plugin whose page would write to the terminal",
    words: `explain acme/a --plugin ${colourful}`,
    code: 2,
    error: "Plugin colourful.js gave no answer that can be read",
  },
  {
    name: "policy build: no default export",
    words: "policy build lib/policy/finding.ts",
    code: 2,
    error: "Cannot build lib/policy/finding.ts: its types do not fit",
    details: ["has no default export", "lib/policy/finding.ts"],
  },
  {
    name: "policy build: no such file",
    words: `policy build ${folder}/none.ts`,
    code: 2,
    error: "none.ts: there is no such file",
  },
  {
    name: "policy build: a folder",
    words: `policy build ${folder}`,
    code: 2,
    error: "it is no regular file",
  },
  {
    name: "policy build: what might never end",
    words: "policy build /dev/zero",
    code: 2,
    error: "Cannot build /dev/zero: it is no regular file",
  },
  {
    name: "policy new: an id that is none",
    words: "policy new ../../etc",
    code: 2,
    error: 'the id "../../etc": wanted vendor/name',
  },
].map((run) => ({ ...run, permissions: PERMISSIONS })));

Deno.test("check --json: a plugin that fails is data", async () => {
  const { stdout } = await runCli(`${CHECK} --plugin ${failing} --json`, "", PERMISSIONS);
  const { findings: [finding] } = JSON.parse(stdout);
  const { policy, code, severity, data } = finding;
  assertEquals([policy, code, severity], ["premigrate", "plugin-threw", "undecided"]);
  assertEquals(data, { id: "failing.js", problem: "no [2J" });
});

const SAME: readonly (readonly [policy: Policy, cases: readonly PolicyCase[]])[] = [
  [example, EXAMPLE_CASES],
  [nvidiaVsc, PLUGIN_CASES["nvidia/vsc"] ?? []],
  [restoreCheck, PLUGIN_CASES["qemu/restore-check"] ?? []],
];

for (const [policy, cases] of SAME) {
  Deno.test(`${policy.id}: as a plugin it finds what it finds in process`, async () => {
    const plugin = await buildPlugin(`plugins/${policy.id}/policy.ts`);
    const questions = cases.filter(({ options }) => options === undefined).map(caseQuestion);
    assert(questions.length > 2);
    const judge = (registry: Registry): unknown =>
      questions.map(({ pair, migration }) => evaluate([pair], migration, registry));
    assertEquals(
      await judgeWith([], [plugin], judge, 10),
      judge(new Registry().use(policy)),
    );
  });
}
