/** `premigrate policy test` of a policy in TypeScript. */
import { assertEquals, assertRejects } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { testPlugin } from "../../../lib/plugin/mod.ts";
import { runCli, testRuns } from "../../helpers/cli_run.ts";

const PERMISSIONS = ["--allow-write", "--allow-run"];
const EXAMPLE = "plugins/example/revision";
const SOURCE = await Deno.readTextFile(`${EXAMPLE}/policy.ts`);

const folder = await Deno.makeTempDir({ prefix: "premigrate-cases-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** The example with another text in place of `from`, and what stands in cases.ts beside it. */
async function policyWith(
  name: string,
  from: string | RegExp,
  to: string,
  cases?: string,
): Promise<string> {
  await Deno.mkdir(`${folder}/${name}`);
  await Deno.writeTextFile(`${folder}/${name}/policy.ts`, SOURCE.replace(from, to));
  if (cases !== undefined) await Deno.writeTextFile(`${folder}/${name}/cases.ts`, cases);
  return `${folder}/${name}/policy.ts`;
}

const BESIDE = `
  export const CASES = [
    { name: "no device", source: {}, destination: {}, findings: [], decision: "veto" } as const,
  ];
`;
const failing = await policyWith("failing", "source: 0xa1, d", "source: 0xa3, d");
const hanging = await policyWith("hanging", "const A1", "for (;;);\nconst A1");

testRuns([
  {
    name: "policy test: the example",
    words: `policy test ${EXAMPLE}/policy.ts`,
    code: 0,
    stdout: [
      "ok   one revision: allow\n",
      "ok   two revisions: veto\n",
      "ok   a revision is not known: undecided\n",
      "!no case gives",
    ],
  },
  {
    name: "policy test: a finding with other data",
    words: `policy test ${failing}`,
    code: 1,
    stdout: [
      "ok   one revision: allow\n",
      "FAIL two revisions: veto\n",
      '     found: veto other-revision at 0x8 {"source":161,"destination":162}\n',
      '     expected: veto other-revision at 0x8 {"source":163,"destination":162}\n',
      "ok   a revision is not known",
    ],
  },
  {
    name: "policy test: a code that the policy does not have",
    words: `policy test ${await policyWith("code", '["other-revision"', '["others"')}`,
    code: 2,
    error: "code/policy.ts: its types do not fit",
    details: [
      "TS2322 [ERROR]: ",
      "is not assignable to type",
      '["others", "veto"',
      `at ${folder}/code/policy.ts:`,
    ],
  },
  {
    name: "policy test: a code that is misspelt in evaluate is blamed on the yield, with its line",
    words: `policy test ${await policyWith("yields", 'code: "other-revision",', 'code: "other",')}`,
    code: 2,
    error: "yields/policy.ts: its types do not fit",
    details: [
      "TS2322 [ERROR]: ",
      'yield { code: "other",',
      `at ${folder}/yields/policy.ts:49:`,
      "!entry.ts",
      "!hint:",
      "!backtrace",
    ],
  },
  {
    name: "policy build: what is no policy",
    words: `policy build ${await policyWith("nothing", "export default", "export const policy =")}`,
    code: 2,
    error: "nothing/policy.ts: its types do not fit",
    details: [
      "has no default export",
      `at what ${folder}/nothing/policy.ts exports`,
      "!entry.ts",
    ],
  },
  {
    name: "policy build: no TypeScript",
    words: `policy build ${await policyWith("broken", "const CODES = {", "const CODES = {;")}`,
    code: 2,
    error: "broken/policy.ts: SyntaxError: ",
    details: ["const CODES = {;", `at ${folder}/broken/policy.ts:10:`, "!backtrace"],
  },
  {
    name: "policy test: another decision, and a name that is no plain text",
    words: `policy test ${await policyWith(
      "equal",
      /"two revisions"([^]*)A2,/,
      '"two\\u001b[2J revisions"$1A1,',
    )}`,
    code: 1,
    stdout: [
      "FAIL two\\u{1b}[2J revisions: allow, expected veto\n",
      "     found: nothing\n",
      "     expected: veto other-revision at 0x8",
    ],
  },
  {
    name: "policy test: a code without a case",
    words: `policy test ${await policyWith(
      "without",
      / {2}\{\n {4}name: "a revision[^]*/,
      "];\n",
    )}`,
    code: 0,
    stdout: ["ok   two revisions: veto\n", "no case gives: revision-not-known\n"],
  },
  {
    name: "policy test: the policy throws",
    words: `policy test ${await policyWith(
      "throwing",
      "const [source,",
      'if (pair.name !== "") throw new Error("no");\nconst [source,',
    )}`,
    code: 1,
    stdout: [
      "FAIL one revision: undecided, expected allow\n",
      '     found: undecided policy-failed {"id":"example/revision","problem":"no"}\n',
      "     expected: nothing\n",
    ],
  },
  {
    name: "policy test: what a plugin may not answer",
    words: `policy test ${await policyWith(
      "unanswerable",
      "offset: 0x08, data",
      "offset: 4096, data",
    )}`,
    code: 1,
    stdout: ["ok   one revision", "FAIL two revisions: a plugin may not answer this: ", "4096"],
  },
  {
    name: "policy test: a case with options that the policy does not have",
    words: `policy test ${await policyWith(
      "options",
      'name: "one revision",',
      'name: "one revision",\n    options: { strict: true },',
    )}`,
    code: 1,
    stdout: [
      "FAIL one revision: Cannot set the options of policy example/revision: ",
      'received "strict"',
      "\n       \u2192 at strict\n",
    ],
  },
  {
    name: "policy test: cases.ts beside the policy goes before",
    words: `policy test ${await policyWith("beside", "", "", BESIDE)}`,
    code: 1,
    stdout: ["FAIL no device: allow, expected veto\n", "!one revision"],
  },
  {
    name: "policy test: no CASES",
    words: `policy test ${await policyWith("alone", "export const CASES", "export const OTHERS")}`,
    code: 2,
    error: "alone/policy.ts: there are no CASES in it, or in cases.ts beside it",
  },
  {
    name: "policy test: no policy",
    words: `policy test ${folder}/none/policy.ts`,
    code: 2,
    error: "none/policy.ts: there is no such file",
  },
  {
    name: "policy test: CASES is empty",
    words: `policy test ${await policyWith("empty", "", "", "export const CASES = [];\n")}`,
    code: 2,
    error: "empty/policy.ts: there are no CASES",
  },
  {
    name: "policy test: the file throws",
    words: `policy test ${await policyWith(
      "thrown",
      "const A1",
      'throw new Error("not \\u001b[2J today");\nconst A1',
    )}`,
    code: 2,
    error: "threw: not [2J today",
  },
  {
    name: "policy test: the file throws in several lines",
    words: `policy test ${await policyWith(
      "lines",
      "const A1",
      'throw new Error("one\\ntwo \\u001b[2J");\nconst A1',
    )}`,
    code: 2,
    error: "threw: one two",
    details: ["one\ntwo \\u{1b}[2J\n"],
  },
  {
    name: "policy test: the file reads another",
    words: `policy test ${await policyWith(
      "reading",
      "const A1",
      'Deno.readTextFileSync("/etc/hostname");\nconst A1',
    )}`,
    code: 2,
    error: "read",
  },
].map((run) => ({ ...run, permissions: PERMISSIONS })));

Deno.test("policy test: a file that hangs", async () => {
  await assertRejects(() => testPlugin(hanging, 2), PremigrateError, "2 seconds");
});

Deno.test("plugins.md: what a case that fails looks like", async () => {
  const page = await Deno.readTextFile("docs/plugins.md");
  const [, shown] = /^```text\n\$ deno task premigrate policy test .*\n([^]*?)^```$/m.exec(page) ??
    [];
  assertEquals((await runCli(`policy test ${failing}`, "", PERMISSIONS)).stdout, shown);
});

Deno.test("policy test --json: each case, with what was expected and what was found", async () => {
  const { code, stdout } = await runCli(`policy test ${failing} --json`, "", PERMISSIONS);
  const { policy, cases, withoutCase } = JSON.parse(stdout);
  assertEquals([code, policy, cases.length, withoutCase], [1, "example/revision", 3, []]);
  const { name, ok, expected, found, findings, expectedFindings } = cases[1];
  assertEquals([name, ok, expected, found], ["two revisions", false, "veto", "veto"]);
  const finding = { code: "other-revision", severity: "veto", offset: 8 };
  assertEquals(findings, [{ ...finding, data: { source: 0xa1, destination: 0xa2 } }]);
  assertEquals(expectedFindings, [{ ...finding, data: { source: 0xa3, destination: 0xa2 } }]);
});
