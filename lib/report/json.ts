import type { Answer, HostFacts } from "../policy/mod.ts";
import { reportFindings } from "./findings.ts";

/**
 * A verdict as JSON data: the codes and numbers, with the sentences beside them.
 *
 * @example
 * ```ts
 * import { reportJson } from "premigrate/report";
 * import { assertEquals } from "@std/assert";
 *
 * const verdict = { decision: "allow", findings: [], ran: [], notRun: [] } as const;
 * const report = reportJson({ verdict, devices: [], assumptions: [], policies: [] });
 * assertEquals(report["decision"], "allow");
 * ```
 */
export function reportJson(answer: Answer): Record<string, unknown> {
  const { verdict: { decision, ran, notRun }, devices, assumptions, notLookedAt } = answer;
  return {
    decision,
    devices,
    assumptions,
    ...notLookedAt && { notLookedAt },
    findings: reportFindings(answer),
    ran,
    notRun,
  };
}

/** What a verdict's JSON says of a host; what is not known is left out. */
export function hostJson(
  { name, uuid, qemu, libvirt, kernel, nvidiaDriver, time }: HostFacts,
): Record<string, unknown> {
  return { name, uuid, qemu: qemu?.toString(), libvirt, kernel, nvidiaDriver, time };
}

/**
 * Data as JSON text that is harmless for a terminal: control, format and direction characters are
 * escapes, which read as the same data.
 *
 * @example
 * ```ts
 * import { jsonText } from "premigrate/report";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(jsonText({ name: "\u202evm1" }), '{\n  "name": "\\u202evm1"\n}');
 * ```
 */
export function jsonText(data: unknown): string {
  return JSON.stringify(data, null, 2).replace(
    /[^\P{Cc}\n]|[\p{Cf}\u2028\u2029]/gu,
    (character) =>
      character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
        .join(""),
  );
}
