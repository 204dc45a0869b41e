import { PremigrateError } from "../error/mod.ts";
import * as v from "valibot";
import { bundle, type Entry } from "./build.ts";
import { OWN_RUNNER } from "./own_runner.ts";
import { askPlugin, PluginError, readMessage } from "./process.ts";
import { answersSchema } from "./schema.ts";

function casesError(file: string, problem: string, details?: string): PremigrateError {
  return new PremigrateError("plugin-cases", `Cannot run the cases of ${file}`, problem, details);
}

const OutcomeSchema = v.strictObject({
  decision: v.picklist(["allow", "veto", "undecided"]),
  findings: v.array(v.strictObject({
    code: v.string(),
    severity: v.picklist(["veto", "undecided", "warn", "info"]),
    offset: v.optional(v.number()),
    data: v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])),
  })),
});

const AnswerSchema = v.strictObject({
  id: v.string(),
  codes: v.array(v.string()),
  withoutCase: v.array(v.string()),
  cases: v.array(v.strictObject({
    name: v.string(),
    expected: OutcomeSchema,
    found: v.union([OutcomeSchema, v.strictObject({ problem: v.string() })]),
  })),
});

/** What the process that runs the cases of a policy answers. */
export type CasesAnswer = v.InferOutput<typeof AnswerSchema>;

/** What a case finds, or is to find. */
export type CaseOutcome = v.InferOutput<typeof OutcomeSchema>;

/** A case of a policy that was run. */
export interface TestedCase {
  /** What the case shows. */
  readonly name: string;
  /** Whether it found what was expected. */
  readonly ok: boolean;
  /** What it was to find; of a finding's data only what matters. */
  readonly expected: CaseOutcome;
  /** What it found, or why that cannot be told. */
  readonly found: CaseOutcome | { readonly problem: string };
}

/** A policy whose cases were run. */
export interface TestedPolicy {
  readonly id: string;
  readonly cases: readonly TestedCase[];
  /** The codes that no case gives with their own severity. */
  readonly withoutCase: readonly string[];
}

const SECONDS = 10;
const REQUEST = { kind: "describe", options: {} } as const;

/**
 * Runs the cases of a policy, `CASES` in its own file or in `cases` beside it: bundled with it, in a
 * process without any permission.
 *
 * @throws {PremigrateError} When the policy and its cases cannot be bundled.
 * @throws {PremigrateError} When there are none, or the process fails.
 */
export async function testPlugin(file: string, seconds = SECONDS): Promise<TestedPolicy> {
  const folder = await Deno.makeTempDir({ prefix: "premigrate-cases-" });
  try {
    const code = await bundle(file, folder, entryOf);
    const plugin = { name: file, code };
    const answer = await askPlugin(plugin, REQUEST, { ...OWN_RUNNER, seconds });
    const { id, codes, withoutCase, cases } = readMessage(file, AnswerSchema, answer);
    if (cases.length === 0) {
      throw casesError(file, "there are no CASES in it, or in cases.ts beside it");
    }
    return { id, cases: cases.map((given) => judge(given, codes)), withoutCase };
  } catch (error) {
    throw error instanceof PluginError ? casesError(file, error.message, error.details) : error;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function entryOf(policy: URL): Promise<Entry> {
  const beside = new URL(policy.pathname.replace(/^.*(?=\.)/, "cases"), policy);
  const isBeside = await Deno.stat(beside).then(() => true, () => false);
  return {
    imports: {
      policy,
      "* as cases": isBeside ? beside : policy,
      "{ serveCases }": new URL("serve_cases.ts", import.meta.url),
    },
    answer: "serveCases(policy, cases)",
  };
}

function judge(given: CasesAnswer["cases"][number], codes: readonly string[]): TestedCase {
  const found = "problem" in given.found ? given.found : held(given.found, codes);
  if ("problem" in found) return { ...given, ok: false, found };
  const { decision, findings } = given.expected;
  const ok = found.decision === decision && found.findings.length === findings.length &&
    found.findings.every((finding, index) => isAsExpected(finding, findings[index]));
  return { ...given, ok, found };
}

type Found = CaseOutcome["findings"][number];

function isAsExpected(
  { code, severity, offset, data }: Found,
  expected: Found | undefined,
): boolean {
  return code === expected?.code && severity === expected.severity &&
    offset === expected.offset &&
    Object.entries(expected.data).every(([key, value]) => data[key] === value);
}

/** Holds what was found against what a plugin may answer; other codes are the engine's own. */
function held(found: CaseOutcome, codes: readonly string[]): TestedCase["found"] {
  const own = found.findings.filter(({ code }) => codes.includes(code));
  const { issues } = v.safeParse(answersSchema(codes, 1), [own]);
  if (issues === undefined) return found;
  return { problem: `a plugin may not answer this: ${v.summarize(issues)}` };
}
