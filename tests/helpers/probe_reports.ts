/** Reports of the probe, for tests that care for a few of their lines. */
import { PROBE_KEYS, toldKeys } from "../../lib/facts/probe/keys.ts";

/** Why what a test does not care for is not known. */
export const LEFT_OUT = "left out";

/** A report with these lines below its host, and with all that it has to tell of its devices. */
export function reportOf(...lines: readonly string[]): string {
  const whole = ["host", ...completed(lines)];
  const records = whole.filter((line) => !line.startsWith(" "));
  return ["premigrate-probe 1", ...whole, `end ${records.length}`, ""].join("\n");
}

/** The same lines, and below each device those that it lacks. */
export function completed(lines: readonly string[]): string[] {
  const sections: string[][] = [[]];
  for (const line of lines) {
    if (/^(device|absent|file|emulator) /.test(line)) sections.push([]);
    sections.at(-1)?.push(line);
  }
  return sections.flatMap((section) => [...section, ...lacking(section)]);
}

function lacking([heading = "", ...lines]: readonly string[]): string[] {
  const [, address] = /^device ([0-9a-f:.-]+)$/.exec(heading) ?? [];
  if (address === undefined) return [];
  const keys = new Set(lines.map((line) => line.split(" ")[1]));
  const parent = lines.find((line) => line.startsWith("attr parent "));
  const hasParent = parent !== undefined && !parent.startsWith("attr parent - ");
  return toldKeys(address, hasParent)
    .filter((key) => !keys.has(key))
    .map((key) => `attr ${key} - ${isNone(key) ? "not there" : LEFT_OUT}`);
}

function isNone(key: string): boolean {
  const own = key.replace(/^parent\//, "");
  const rows = key === own
    ? [PROBE_KEYS.device, PROBE_KEYS.function, PROBE_KEYS.mdev]
    : [PROBE_KEYS.parent];
  return rows.some((row) => row[own] === "none");
}

/** Without what the test itself left out. */
export function withoutLeftOut(
  missing: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return Object.fromEntries(Object.entries(missing).filter(([, why]) => why !== LEFT_OUT));
}
