import { bold, cyan, dim, green, red, yellow } from "@std/fmt/colors";
import {
  type Answer,
  type CodeOwner,
  type Decision,
  identify,
  type NotRun,
  parseBadConfig,
  type ReportedDevice,
  type Severity,
  SIDES,
} from "../policy/mod.ts";
import type { ReportedFinding } from "./findings.ts";
import { type Cause, causesOf, countsOf, headlineOf } from "./causes.ts";
import { evidenceOf } from "./evidence.ts";
import { findingsByDevice } from "./device_findings.ts";
import { printable, wrap } from "./printable.ts";
import { addressText, notLookedAtText, notRunText } from "./labels.ts";
import { hex } from "./hex.ts";
import { titleOf } from "./title.ts";

type Paint = (text: string) => string;

const PAINTS: Readonly<Record<Decision | Severity, Paint>> = {
  allow: green,
  veto: red,
  undecided: yellow,
  warn: cyan,
  info: dim,
};

/** What a text says beside the verdict. */
export interface TextOptions {
  /** What people call a device of these ids. */
  readonly deviceName?: (vendor: number, device: number) => string | undefined;
  /** Whose migration it is, where that is not all. */
  readonly title?: string;
  /** What stands before the last line. */
  readonly appendix?: string;
}

/**
 * A verdict as text for a terminal; lines end in `\n`. The first line says why, the last one how many
 * findings there are; what shows a cause stands below it.
 *
 * @example
 * ```ts
 * import { reportText } from "premigrate/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const verdict = { decision: "allow", findings: [], ran: [], notRun: [] } as const;
 * const text = reportText({ verdict, devices: [], assumptions: [], policies: [] });
 * assertStringIncludes(text, "ALLOW");
 * ```
 */
export function reportText(answer: Answer, options: TextOptions = {}): string {
  const { verdict: { decision, notRun }, assumptions, policies, migration } = answer;
  const { title = migration && titleOf({ guest: migration.guest, migration }) } = options;
  const { general, devices, applied } = findingsByDevice(answer);
  const notLookedAt = notLookedAtText(answer);
  const verdict = (text: string): string => bold(PAINTS[decision](text));
  const causes = (findings: readonly ReportedFinding[]): string[] =>
    causesOf(findings).flatMap((cause) => causeLines(cause, policies));
  const noted = (text: string): string[] => wrap(printable(text), 0, 4).map(dim);
  return [
    ...wrap(printable(headlineOf(answer)), 0, 4).map(verdict),
    ...title === undefined ? [] : wrap(printable(title), 0, 4),
    ...assumptions.flatMap((line) => noted(`assumed: ${line}`)),
    ...notLookedAt === undefined ? [] : noted(notLookedAt),
    ...general.length === 0 ? [] : ["", ...causes(general)],
    ...devices.flatMap(({ name, device, findings }) => [
      "",
      bold(printable(name)) + printable(addresses(device)),
      ...kindOf(answer, name, options),
      ...causes(findings),
    ]),
    "",
    ...noted(`policies applied: ${applied.join(", ") || "none"}`),
    ...notRunLines(notRun).flatMap(noted),
    ...options.appendix ? [options.appendix.trimEnd()] : [],
    "",
    verdict(countsOf(answer)),
  ].join("\n") + "\n";
}

/** Policies that were not run on one device for one reason, in a line. */
function notRunLines(notRun: readonly NotRun[]): string[] {
  const groups = Map.groupBy(notRun, ({ device, reason }) => `${reason} ${device}`);
  return [...groups.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const policy = [first, ...others].map(({ policy }) => policy).join(", ");
    return `${others.length === 0 ? "policy" : "policies"} not run: ${
      notRunText({ ...first, policy })
    }`;
  });
}

function causeLines({ finding, evidence }: Cause, policies: readonly CodeOwner[]): string[] {
  const { severity, policy, code, message, remedy } = finding;
  const shown = new Map(
    Object.entries(parseBadConfig(evidence.map(({ message }) => message).join("\n")) ?? {}),
  );
  const values = evidenceOf(finding, policies)
    .filter(({ name, told }) => !told && shown.get(name) !== finding.data[name])
    .map(({ name, value }) => `${name} ${value}`).join(", ");
  return [
    `  ${PAINTS[severity](severity.padEnd(9))} ${dim(`${policy} ${code}`)}`,
    ...wrap(printable(message), 12),
    ...wrap(printable(`-> ${remedy}`), 12).map(severity === "info" ? dim : bold),
    ...values === "" ? [] : wrap(printable(`(${values})`), 12).map(dim),
    ...evidence.flatMap(({ policy, code, message }) =>
      wrap(printable(`${policy} ${code}: ${message}`), 12).map(dim)
    ),
  ];
}

function addresses(device: ReportedDevice | undefined): string {
  const text = device && addressText(device);
  return text === undefined || text === device?.name ? "" : ` (${text})`;
}

/** What the device is: its numbers, and its name behind them. */
function kindOf(
  { pairs = [] }: Answer,
  name: string,
  { deviceName }: TextOptions,
): string[] {
  const pair = pairs.find((pair) => pair.name === name);
  const kinds = SIDES.flatMap((side) => {
    const { vendor, device } = pair === undefined ? {} : identify(pair[side]);
    if (vendor === undefined || device === undefined) return [];
    const called = deviceName?.(vendor, device);
    return `${hex(vendor, 4)}:${hex(device, 4)}${called === undefined ? "" : ` ${called}`}`;
  });
  return kinds.length === 0 ? [] : [printable(`  ${[...new Set(kinds)].join(" -> ")}`)];
}
