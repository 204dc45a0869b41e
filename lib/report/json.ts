import { type Answer, reportFindings } from "./answer.ts";

/**
 * A verdict as JSON data: the codes and numbers, with the sentences beside them.
 *
 * @example
 * ```ts
 * import { reportJson } from "premigrate";
 * import { assertEquals } from "@std/assert";
 *
 * const verdict = { decision: "allow", findings: [], ran: [], notRun: [] } as const;
 * const report = reportJson({ verdict, devices: [], assumptions: [], policies: [] });
 * assertEquals(report["decision"], "allow");
 * ```
 */
export function reportJson(answer: Answer): Record<string, unknown> {
  const { verdict: { decision, ran, notRun }, devices, assumptions } = answer;
  return { decision, devices, assumptions, findings: reportFindings(answer), ran, notRun };
}
