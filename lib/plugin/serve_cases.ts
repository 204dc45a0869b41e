import { codesWithoutCase, type Policy, type PolicyCase, runCase } from "../policy/mod.ts";
import type { CasesAnswer } from "./cases.ts";

/** The module that a policy's cases are in, which may be the policy's own. */
interface CasesModule {
  readonly default?: unknown;
  readonly CASES?: readonly PolicyCase[];
}

/** Makes a policy and its cases what a process calls; `premigrate policy test` puts it around them. */
export function serveCases(
  policy: Policy,
  { CASES: cases = [] }: CasesModule,
): () => CasesAnswer {
  const { id, codes } = policy;
  return () => ({
    id,
    codes: Object.keys(codes),
    withoutCase: codesWithoutCase(codes, cases),
    cases: cases.map((given) => ({
      name: given.name,
      expected: {
        decision: given.decision,
        findings: given.findings.map(([code, severity, offset, data = {}]) => ({
          code,
          severity,
          offset,
          data,
        })),
      },
      found: find(policy, given),
    })),
  });
}

function find(policy: Policy, given: PolicyCase): CasesAnswer["cases"][number]["found"] {
  try {
    const { decision, findings } = runCase(policy, given);
    return {
      decision,
      findings: findings.map(({ code, severity, offset, data }) => ({
        code,
        severity,
        offset,
        data,
      })),
    };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
