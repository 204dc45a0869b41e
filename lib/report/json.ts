import { type Answer, reportFindings } from "./answer.ts";

/** A verdict as JSON data: the codes and numbers, with the sentences beside them. */
export function reportJson(answer: Answer): Record<string, unknown> {
  const { verdict: { decision, ran, notRun }, devices, assumptions } = answer;
  return { decision, devices, assumptions, findings: reportFindings(answer), ran, notRun };
}
