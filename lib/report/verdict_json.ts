import type { DetailedAnswer } from "../policy/mod.ts";
import { reportChoices } from "./choices.ts";
import { hostJson, reportJson } from "./json.ts";
import type { Written } from "./written.ts";

/**
 * A verdict on a migration as JSON data, as `premigrate schema verdict` describes it.
 *
 * @example
 * ```ts
 * import { verdictJson } from "premigrate/report";
 * import { assertEquals } from "@std/assert";
 *
 * const verdict = { decision: "allow", findings: [], ran: [], notRun: [] } as const;
 * const migration = { source: { name: "a" }, destination: { name: "b" }, bytesOnly: false };
 * const json = verdictJson(
 *   { verdict, devices: [], assumptions: [], policies: [], pairs: [], migration },
 *   { time: "2026-11-29T12:00:00Z", version: "0.1.0" },
 * );
 * assertEquals([json["premigrate"], json["decision"]], ["verdict/1", "allow"]);
 * ```
 */
export function verdictJson(
  answer: DetailedAnswer,
  { time, version }: Written,
): Record<string, unknown> {
  const { guest, migration: { source, destination, machine }, choices } = answer;
  return {
    premigrate: "verdict/1",
    version,
    time,
    guest,
    destination: destination.name,
    hosts: { source: hostJson(source), destination: hostJson(destination) },
    machine: machine?.name,
    ...reportJson(answer),
    choices: choices && reportChoices(choices),
  };
}
