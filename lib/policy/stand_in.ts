import type { CodePage } from "./finding.ts";
import type { DevicePair } from "./migration.ts";
import type { PolicyFinding } from "./policy.ts";

/**
 * Findings by config bytes. Where another device's bytes stand in for those of either side, or a
 * running guest's QEMU may still have another host's, what would be a veto is undecided: they say
 * what to expect, and prove nothing.
 *
 * @example
 * ```ts
 * import { byStandIn, type PolicyFinding } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * const config = { kind: "realize", bytes: new Uint8Array(256), derived: true } as const;
 * const device = { address: "0000:3b:00.4" };
 * const pair = {
 *   name: "d",
 *   guest: { properties: {} },
 *   source: device,
 *   destination: { ...device, config },
 * };
 * const page = { severity: "veto", title: "-", message: "-", remedy: "-", about: "-" } as const;
 * const findings: PolicyFinding[] = [{ code: "differs" }];
 * const [finding] = byStandIn(pair, { differs: page }, findings);
 * assertEquals(finding?.severity, "undecided");
 * ```
 */
export function* byStandIn<Found extends PolicyFinding>(
  { source, destination }: Pick<DevicePair, "source" | "destination">,
  codes: Readonly<Record<Found["code"], CodePage>>,
  findings: Iterable<Found>,
): Generator<Found> {
  const isDerived = [source, destination].some(({ config }) => config?.derived || config?.arrived);
  for (const finding of findings) {
    const code: Found["code"] = finding.code;
    const isVeto = (finding.severity ?? codes[code].severity) === "veto";
    yield isDerived && isVeto ? { ...finding, severity: "undecided" } : finding;
  }
}
