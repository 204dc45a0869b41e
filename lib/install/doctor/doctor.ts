import { oneLine } from "../../facts/one_line.ts";
import { filesBelow } from "../../config/below.ts";
import { pathsBelow } from "../../config/paths.ts";
import { MANIFEST, parseManifest } from "../manifest.ts";
import type { HostIo } from "../host_io.ts";
import type { Check, Grade, Outcome } from "./check.ts";
import { CONFIG_CHECKS } from "./config_checks.ts";
import { HOOK_CHECKS } from "./hook_checks.ts";
import { HOST_CHECKS } from "./host_checks.ts";
import { LIBVIRT_CHECKS } from "./libvirt_checks.ts";
import { PROGRAM_CHECKS } from "./program_checks.ts";

/** A line of the doctor. */
export interface Diagnosis {
  readonly area: Check["area"];
  /** As in "Checking for ...". */
  readonly title: string;
  readonly grade: Grade;
  /** What it means, and what to do. */
  readonly detail?: string | undefined;
}

/** All checks, in the order in which they are shown. */
export const CHECKS: readonly Check[] = [
  ...HOOK_CHECKS,
  ...LIBVIRT_CHECKS,
  ...PROGRAM_CHECKS,
  ...CONFIG_CHECKS,
  ...HOST_CHECKS,
];

/** Makes all checks of what is installed below a root, one after the other. */
export async function* diagnose(io: HostIo, root: string): AsyncGenerator<Diagnosis> {
  const host = { ...io, ...filesBelow(root, io) };
  const path = `${root}${MANIFEST}`;
  let manifest;
  try {
    const bytes = await host.read(path);
    if (bytes !== undefined) manifest = parseManifest(path, new TextDecoder().decode(bytes));
  } catch {
    // As if there were none, which is a FAIL.
  }
  const installation = { host, root, paths: pathsBelow(root), manifest };
  for (const check of CHECKS) {
    let outcome: Outcome;
    try {
      outcome = await check.run(installation);
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      outcome = ["WARN", `cannot be checked: ${said}`];
    }
    const [grade, detail] = outcome;
    yield {
      area: check.area,
      title: check.title,
      grade,
      ...detail === undefined ? {} : { detail: oneLine(detail) },
    };
  }
}

const LONGEST_AREA = 8;
const LONGEST_TITLE = 60;

/** A line as virt-host-validate prints it. */
export function diagnosisText({ area, title, grade, detail }: Diagnosis): string {
  const what = `Checking ${title}`.padEnd(LONGEST_TITLE);
  return `${area.padStart(LONGEST_AREA)}: ${what}: ${grade}${
    detail === undefined ? "" : ` (${detail})`
  }\n`;
}
