import type { GuestId } from "../libvirt/guest.ts";
import { runProgram } from "../run_program.ts";

/** How a running guest's QEMU came to be. */
export interface GuestOrigin {
  /**
   * - `started`: with the devices as they were on this host;
   * - `incoming`: with the state of devices that another QEMU had: migrated, restored or reverted;
   * - `unknown`: that cannot be read.
   */
  readonly kind: "started" | "incoming" | "unknown";
  /** When it was started; `undefined`: not known. */
  readonly since: Date | undefined;
}

/** Where libvirt's system daemon has its pid files (`virPidFileBuildPath`). */
export const PID_FILES = "/run/libvirt/qemu";

const INCOMING = ["-incoming", "-loadvm"];
const ESCAPES: Readonly<Record<string, string>> = {
  "<": "&lt;",
  ">": "&gt;",
  "&": "&amp;",
  "'": "&apos;",
  '"': "&quot;",
};

/**
 * Tells whether a guest that runs on this host was started here, by its QEMU's arguments
 * (`qemuBuildCommandLine`). Deno itself may not read below `/proc`, so grep does.
 *
 * @param dir Where the pid files are.
 */
export async function readGuestOrigin(
  { name, uuid }: GuestId,
  signal: AbortSignal,
  dir: string = PID_FILES,
): Promise<GuestOrigin> {
  for (const file of new Set([escapeName(name), name])) {
    const { pid, since } = await readPidFile(`${dir}/${file}.pid`);
    if (pid === undefined) continue;
    const found = await findArguments(pid, [...INCOMING, uuid], signal);
    // Another guest's file, or another process by now.
    if (!found.includes(uuid)) continue;
    const isIncoming = INCOMING.some((argument) => found.includes(argument));
    return { kind: isIncoming ? "incoming" : "started", since };
  }
  return { kind: "unknown", since: undefined };
}

/** libvirt 9 escapes the name as if the path were XML (`virBufferEscapeString`). */
function escapeName(name: string): string {
  return name.replace(/[<>&'"]/g, (character) => ESCAPES[character] ?? "");
}

async function readPidFile(path: string): Promise<{ pid?: string | undefined; since?: Date }> {
  try {
    const [text, { mtime }] = await Promise.all([Deno.readTextFile(path), Deno.stat(path)]);
    const [pid] = /^[1-9]\d{0,9}(?=\n?$)/.exec(text) ?? [];
    return { pid, ...mtime && { since: mtime } };
  } catch {
    // Whatever keeps it from being read, nothing is known then.
    return {};
  }
}

/** Those of the arguments that a process was started with. */
async function findArguments(
  pid: string,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const patterns = wanted.flatMap((argument) => ["-e", argument]);
  const args = ["-zxF", ...patterns, `/proc/${pid}/cmdline`];
  const { kind, stdout } = await runProgram("grep", args, { limit: 4096, signal });
  return kind === "ended" ? stdout.split("\0") : [];
}
