/** The shells that the probe must run in, and running it in one. */

import { assertStringIncludes } from "@std/assert";
import SCRIPT from "../../lib/facts/probe/probe.sh" with { type: "text" };
import { type Finished, runProgram } from "./run_program.ts";

export { SCRIPT };

export type Shell = readonly [program: string, ...args: string[]];

const SHELLS: readonly Shell[] = [["dash"], ["busybox", "ash"], ["bash"]];

/** Each, and why it is left out where it is. */
export const shells: readonly {
  readonly shell: Shell;
  readonly name: string;
  readonly ignore: boolean;
}[] = SHELLS.map((shell) => {
  const ignore = !isInstalled(shell);
  const name = shell.join(" ");
  return { shell, ignore, name: ignore ? `${name} (left out: it is not installed)` : name };
});

export function isInstalled([program, ...args]: readonly [string, ...string[]]): boolean {
  try {
    new Deno.Command(program, { args: [...args, "-c", ":"], stdout: "null", stderr: "null" })
      .outputSync();
    return true;
  } catch {
    return false;
  }
}

/** Whether a shell runs programs of its own without looking for them, as Debian's busybox-static. */
export function isStandalone([program, ...args]: Shell): boolean {
  if (!isInstalled([program, ...args])) return false;
  const { success } = new Deno.Command(program, {
    args: [...args, "-c", "PATH=/nowhere; od /dev/null"],
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return success;
}

/** The script with another time limit. */
export function faster(from: string, to: string): string {
  assertStringIncludes(SCRIPT, from);
  return SCRIPT.replace(from, to);
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly script?: string;
}

/** As over ssh: the script is the shell's input. */
export async function runScript(
  [program, ...before]: readonly [string, ...string[]],
  args: readonly string[],
  { env = {}, script = SCRIPT }: RunOptions = {},
): Promise<Finished> {
  return await runProgram(program, { args: [...before, "-s", "--", ...args], env }, script);
}

/**
 * Each section's attributes as bytes, `undefined` where they are missing: a second reading of what
 * the head of the script says of its output.
 */
export function readRecords(report: string): Map<string, Map<string, Uint8Array | undefined>> {
  const sections = new Map<string, Map<string, Uint8Array | undefined>>();
  const body = report.slice(0, report.lastIndexOf("\nend ") + 1);
  for (
    const section of body.split(/^(?=(?:host|(?:device|absent|emulator|file) \S+)\n)/m).slice(1)
  ) {
    const [first = "", ...lines] = section.split("\n").slice(0, -1);
    const bytes = new Map<string, number[]>();
    const attributes = new Map<string, Uint8Array | undefined>();
    let key = "";
    for (const line of lines) {
      const [, name, kind, text = ""] = /^attr (\S+) ([sx-])(?: (.*))?$/.exec(line) ?? [];
      key = name ?? key;
      if (kind === "-") attributes.set(key, undefined);
      else if (kind === "s") append(bytes, key, new TextEncoder().encode(`${text}\n`));
      else if (kind === "x") append(bytes, key, []);
      else append(bytes, key, line.trim().split(" ").map((digits) => parseInt(digits, 16)));
    }
    for (const [key, value] of bytes) attributes.set(key, Uint8Array.from(value));
    sections.set(first.replace(/^\S+ /, ""), attributes);
  }
  return sections;
}

function append(to: Map<string, number[]>, key: string, bytes: Iterable<number>): void {
  const all = to.get(key) ?? [];
  for (const byte of bytes) all.push(byte);
  to.set(key, all);
}

export function ownUid(): number {
  const { stdout } = new Deno.Command("id", { args: ["-u"] }).outputSync();
  return Number(new TextDecoder().decode(stdout));
}
