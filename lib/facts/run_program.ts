/** How a program ended, and what it printed as far as it was read. */
export interface ProgramEnd {
  /**
   * - `ended`: by itself, with everything read;
   * - `not-started`: there is no such program, or it may not be run; `stderr` is why;
   * - `aborted`: it was ended as the signal said;
   * - `too-much`: it was ended as it printed more than was allowed.
   */
  readonly kind: "ended" | "not-started" | "aborted" | "too-much";
  /** The exit code; 128 and more if a signal ended it. */
  readonly code: number;
  /** Standard output; malformed UTF-8 becomes U+FFFD. */
  readonly stdout: string;
  /** Standard error, likewise. */
  readonly stderr: string;
}

const GRACE_MS = 500;

/** How a program is run. */
export interface ProgramOptions {
  /** The most bytes that are read of each of its outputs. */
  readonly limit: number;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Its standard input, which it need not read; empty where there is none. */
  readonly input?: string;
  /** Its whole environment, but for the locale; that of this process where it is absent. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long after SIGTERM it gets SIGKILL; 0: at once. Half a second unless given. */
  readonly graceMs?: number;
}

/**
 * Runs a program in the C locale, and reads at most `limit` bytes of each of its outputs. On `signal`
 * it gets SIGTERM and, after a while, SIGKILL; children of its own that hold its outputs are not
 * waited for.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { limit, signal, input, env, graceMs = GRACE_MS }: ProgramOptions,
): Promise<ProgramEnd> {
  if (signal.aborted) return { kind: "aborted", code: 0, stdout: "", stderr: "" };
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args: [...args],
      env: { ...env, LC_ALL: "C" },
      clearEnv: env !== undefined,
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    const stderr = error instanceof Error ? error.message : String(error);
    return { kind: "not-started", code: 0, stdout: "", stderr };
  }

  let kind: ProgramEnd["kind"] = "ended";
  let forced: ReturnType<typeof setTimeout> | undefined;
  const readers = [child.stdout.getReader(), child.stderr.getReader()] as const;
  const end = (why: "aborted" | "too-much"): void => {
    if (kind !== "ended") return;
    kind = why;
    kill(child, graceMs === 0 ? "SIGKILL" : "SIGTERM");
    if (graceMs > 0) forced = setTimeout(() => kill(child, "SIGKILL"), graceMs);
    for (const reader of readers) reader.cancel();
  };
  const onAbort = (): void => end("aborted");
  signal.addEventListener("abort", onAbort);
  const written = input === undefined
    ? undefined
    : new Blob([input]).stream().pipeTo(child.stdin).catch(() => {});
  const [out, err] = readers;
  const [stdout, stderr, { code }] = await Promise.all([
    readAtMost(limit, out, () => end("too-much")),
    readAtMost(limit, err, () => end("too-much")),
    child.status,
    written,
  ]);
  signal.removeEventListener("abort", onAbort);
  clearTimeout(forced);
  return { kind, code, stdout, stderr };
}

/** Whether a signal was aborted as its time was up (`AbortSignal.timeout`), and not by hand. */
export function isTimeout({ reason }: AbortSignal): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError";
}

async function readAtMost(
  limit: number,
  reader: ReadableStreamDefaultReader<Uint8Array>,
  onMore: () => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    if (size > limit) onMore();
    else text += decoder.decode(value, { stream: true });
  }
}

/** The program may have ended by itself, in which case there is nothing left to do. */
export function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}
