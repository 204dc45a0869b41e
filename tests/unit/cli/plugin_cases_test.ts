/** `premigrate policy test` of a policy in TypeScript. */
import { assertEquals, assertRejects } from "@std/assert";
import { PluginCasesError, testPlugin } from "../../../lib/plugin/mod.ts";
import { runCli, testRuns } from "../../helpers/cli_run.ts";

const PERMISSIONS = ["--allow-write", "--allow-run"];
const EXAMPLE = "plugins/example/revision";
const SOURCES = {
  "policy.ts": await Deno.readTextFile(`${EXAMPLE}/policy.ts`),
  "codes.ts": await Deno.readTextFile(`${EXAMPLE}/codes.ts`),
  "cases.ts": await Deno.readTextFile(`${EXAMPLE}/cases.ts`),
  "README.md": await Deno.readTextFile(`${EXAMPLE}/README.md`),
};

const folder = await Deno.makeTempDir({ prefix: "premigrate-cases-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** The example with other files; where a text is `undefined`, without that file. */
async function policyWith(
  name: string,
  changed: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  await Deno.mkdir(`${folder}/${name}`);
  for (const [file, text] of Object.entries({ ...SOURCES, ...changed })) {
    if (text !== undefined) await Deno.writeTextFile(`${folder}/${name}/${file}`, text);
  }
  return `${folder}/${name}/policy.ts`;
}

function cases(from: string, to: string): { readonly "cases.ts": string } {
  return { "cases.ts": SOURCES["cases.ts"].replace(from, to) };
}

function policy(from: string, to: string): { readonly "policy.ts": string } {
  return { "policy.ts": SOURCES["policy.ts"].replace(from, to) };
}

function before(code: string): { readonly "cases.ts": string } {
  return cases("const device", `${code}\nconst device`);
}

const failing = await policyWith("failing", cases("source: 0xa1, d", "source: 0xa3, d"));
const hanging = await policyWith("hanging", before("for (;;);"));

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
    words: `policy test ${await policyWith("code", cases('"other-revision"', '"others"'))}`,
    code: 2,
    error: "is not assignable to type",
  },
  {
    name: "policy test: another decision, and a name that is no plain text",
    words: `policy test ${await policyWith("equal", {
      "cases.ts": SOURCES["cases.ts"].replace('device("a2")', 'device("a1")')
        .replace('"two revisions"', '"two\\u001b[2J revisions"'),
    })}`,
    code: 1,
    stdout: [
      "FAIL two\\u{1b}[2J revisions: allow, expected veto\n",
      "     found: nothing\n",
      "     expected: veto other-revision at 0x8",
    ],
  },
  {
    name: "policy test: a code without a case",
    words: `policy test ${await policyWith("without", {
      "cases.ts": SOURCES["cases.ts"].split('  {\n    name: "a revision')[0] + "];\n",
    })}`,
    code: 0,
    stdout: ["ok   two revisions: veto\n", "no case gives: revision-not-known\n"],
  },
  {
    name: "policy test: the policy throws",
    words: `policy test ${await policyWith(
      "throwing",
      policy("const [source,", 'if (pair.name !== "") throw new Error("no");\nconst [source,'),
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
      policy("offset: 0x08, data", "offset: 4096, data"),
    )}`,
    code: 1,
    stdout: ["ok   one revision", "FAIL two revisions: a plugin may not answer this: ", "4096"],
  },
  {
    name: "policy test: a case with options that the policy does not have",
    words: `policy test ${await policyWith(
      "options",
      cases('name: "one revision",', 'name: "one revision",\n    options: { strict: true },'),
    )}`,
    code: 1,
    stdout: ["FAIL one revision: Cannot set the options of policy example/revision: ", "strict"],
  },
  {
    name: "policy test: no cases.ts",
    words: `policy test ${await policyWith("alone", { "cases.ts": undefined })}`,
    code: 2,
    error: "alone/policy.ts: there is no cases.ts beside it",
  },
  {
    name: "policy test: no policy",
    words: `policy test ${folder}/none/policy.ts`,
    code: 2,
    error: "none/policy.ts: there is no such file",
  },
  {
    name: "policy test: cases.ts has no CASES",
    words: `policy test ${await policyWith("other", cases("const CASES", "const OTHERS"))}`,
    code: 2,
    error: "has no exported member 'CASES'",
  },
  {
    name: "policy test: CASES is empty",
    words: `policy test ${await policyWith("empty", { "cases.ts": "export const CASES = [];\n" })}`,
    code: 2,
    error: "empty/policy.ts: CASES is empty",
  },
  {
    name: "policy test: cases.ts throws",
    words: `policy test ${await policyWith(
      "thrown",
      before('throw new Error("not \\u001b[2J today");'),
    )}`,
    code: 2,
    error: "threw: not [2J today",
  },
  {
    name: "policy test: cases.ts reads a file",
    words: `policy test ${await policyWith(
      "reading",
      before('Deno.readTextFileSync("/etc/hostname");'),
    )}`,
    code: 2,
    error: "read",
  },
].map((run) => ({ ...run, permissions: PERMISSIONS })));

Deno.test("policy test: cases.ts that hangs", async () => {
  await assertRejects(() => testPlugin(hanging, 2), PluginCasesError, "2 seconds");
});

Deno.test("plugins.md: what a case that fails looks like", async () => {
  const page = await Deno.readTextFile("docs/plugins.md");
  const [, shown] = /^```text\n\$ premigrate policy test .*\n([^]*?)^```$/m.exec(page) ?? [];
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
