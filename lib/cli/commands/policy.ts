import { Command, ValidationError } from "@cliffy/command";
import { readSiteFile } from "../../config/site_folder.ts";
import { configError } from "../../config/yaml_file.ts";
import { buildPlugin, type CaseOutcome, testPlugin } from "../../plugin/mod.ts";
import { sha256 } from "../../facts/sha256.ts";
import { Registry } from "../../policy/mod.ts";
import { reportFindings } from "../../report/mod.ts";
import { printable } from "../../report/printable.ts";
import { outcomeOf, runSiteCase } from "../../site/cases.ts";
import { sitePolicy } from "../../site/mod.ts";
import { noCommand } from "../options.ts";
import { EXIT_CODES, print, printJson } from "../output.ts";
import { writeText } from "../../facts/files.ts";
import { writePolicyTemplate } from "../policy_template.ts";

const test = new Command<{ json?: true }>()
  .description("Run the cases of a policy; the exit status is 1 if one fails.")
  .arguments("<file:file>")
  .example("In a site's own file", "premigrate policy test examples/policies.d/same-branch.yaml")
  .example(
    "In the policy, or in cases.ts beside it",
    "premigrate policy test acme/revision/policy.ts",
  )
  .action(async ({ json }, file) => {
    const test = /\.[cm]?[jt]s$/.test(file) ? testCode : testSite;
    const { policy, cases, ...more } = await test(file);
    if (cases.some(({ ok }) => !ok)) Deno.exitCode = EXIT_CODES.veto;
    if (json) {
      return printJson({ policy, cases: cases.map(({ lines: _, ...given }) => given), ...more });
    }
    for (const { name, ok, expected, found, lines } of cases) {
      const wanted = found === expected ? "" : `, expected ${expected}`;
      const all = [
        `${ok ? "ok  " : "FAIL"} ${name}: ${found}${wanted}`,
        ...lines.map((line) => `     ${line}`),
      ];
      print(all.map((line) => `${printable(line)}\n`).join(""));
    }
    const { withoutCase = [] } = more;
    if (withoutCase.length > 0) print(`no case gives: ${printable(withoutCase.join(", "))}\n`);
  });

interface TestedFile {
  readonly policy: string;
  readonly cases: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly expected: string;
    readonly found: string;
    readonly findings: readonly unknown[];
    /** What there is to say of one that fails. */
    readonly lines: readonly string[];
  }[];
  readonly withoutCase?: readonly string[];
}

async function testSite(file: string): Promise<TestedFile> {
  const { name, cases, ...rules } = await readSiteFile(file);
  if (cases.length === 0) throw configError(file, undefined, "it has no cases");
  const policy = sitePolicy(name, rules);
  const { policies } = Registry.from([policy]);
  const tested = cases.map((given) => {
    const verdict = runSiteCase(policy, given);
    const found = outcomeOf(verdict);
    const findings = reportFindings({ verdict, policies });
    const { name, expect: expected } = given;
    const ok = found === expected;
    const lines = ok ? [] : findings.map(({ code, message }) => `${code}: ${message}`);
    return { name, ok, expected, found, findings, lines };
  });
  return { policy: policy.id, cases: tested };
}

async function testCode(file: string): Promise<TestedFile> {
  const { id, cases, withoutCase } = await testPlugin(file);
  const tested = cases.map(({ name, ok, expected, found }) => {
    const given = {
      name,
      ok,
      expected: expected.decision,
      expectedFindings: expected.findings,
    };
    if ("problem" in found) {
      const [first = "", ...lines] = found.problem.trim().split("\n");
      return { ...given, found: first, findings: [], lines };
    }
    const lines = ok ? [] : [...linesOf("found", found), ...linesOf("expected", expected)];
    return { ...given, found: found.decision, findings: found.findings, lines };
  });
  return { policy: id, cases: tested, withoutCase };
}

function linesOf(title: string, { findings }: CaseOutcome): string[] {
  if (findings.length === 0) return [`${title}: nothing`];
  return findings.map(({ code, severity, offset, data }) => {
    const place = offset === undefined ? "" : ` at 0x${offset.toString(16)}`;
    return `${title}: ${severity} ${code}${place} ${JSON.stringify(data)}`;
  });
}

const build = new Command<{ json?: true }>()
  .description("Build a code plugin from a policy in TypeScript; prints FILE=DIGEST.")
  .arguments("<file:file>")
  .option("--output <file:file>", "Where to write it (default: beside FILE, as NAME.js).")
  .example("Beside it", "premigrate policy build policy.ts")
  .action(async ({ json, output }, file) => {
    const to = output ?? file.replace(/\.[cm]?ts$/, "") + ".js";
    const { id, code } = await buildPlugin(file);
    const text = new TextDecoder().decode(code);
    await writeText(to, text);
    const digest = await sha256(text);
    if (json) return printJson({ policy: id, file: to, digest });
    print(printable(`${to}=${digest}`) + "\n");
  });

const create = new Command<{ json?: true }>()
  .description(
    "Write a policy to start from, with its codes, cases and page: ./VENDOR/NAME/policy.ts.",
  )
  .arguments("<id:string>")
  .example("One for a vendor's devices", "premigrate policy new acme/revision")
  .action(async ({ json }, id) => {
    if (!/^[a-z0-9-]+\/[a-z0-9-]+$/.test(id)) {
      throw new ValidationError(`Cannot use the id "${id}": wanted vendor/name, in lower case`);
    }
    const file = await writePolicyTemplate(id);
    if (json) return printJson({ policy: id, files: [file] });
    print(`${file}\n`);
  });

/** `policy`: for those who write one. */
export const policy = new Command<{ json?: true }>()
  .description("Create, build or test a policy of your own.")
  .example("Before it is applied", "premigrate policy test examples/policies.d/same-branch.yaml")
  .action(noCommand)
  .command("test", test)
  .command("new", create)
  .command("build", build);
