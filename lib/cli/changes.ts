import type { Change } from "../install/plan.ts";
import { printable } from "../report/printable.ts";
import { outputError } from "../facts/files.ts";

/** What happened to files, a line each. */
export function changesText(changes: readonly Change[]): string {
  return changes.map(({ path, what, why }) =>
    `${what.padEnd(9)} ${printable(path)}${why === undefined ? "" : ` (${why})`}\n`
  ).join("");
}

/** Does what changes files; what the system says against it is no error of the program. */
export async function changeFiles<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Deno's errors of the system: PermissionDenied is one, and some have a code alone.
    const isSystems = error instanceof Error &&
      (Object.values(Deno.errors).some((SystemError) => error instanceof SystemError) ||
        "code" in error);
    throw isSystems ? outputError(root === "" ? "/" : root, error.message) : error;
  }
}
