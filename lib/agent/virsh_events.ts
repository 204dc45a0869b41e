import { oneLine } from "../facts/one_line.ts";
import { kill } from "../facts/run_program.ts";
import { VirshError } from "../facts/libvirt/virsh_error.ts";

/** Far longer than any line but one with a name that no file system takes. */
const LONGEST_LINE = 4096;
const GRACE_MS = 500;
const EVENTS = ["-r", "-q", "-c", "qemu:///system", "event", "--all", "--loop"];

/**
 * Hands on the lines of `virsh event`, which tells what happens to the guests of this host on a
 * read-only connection, until virsh ends: when libvirt's daemon does (`virshCatchDisconnect`), or as
 * `signal` says. Of a line that is too long only the beginning is handed on.
 *
 * @returns Why it ended, in virsh's words.
 * @throws {VirshError} When virsh cannot be started.
 */
export async function watchVirshEvents(
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<string> {
  if (signal.aborted) return "it was stopped";
  const virsh = start();
  let forced: ReturnType<typeof setTimeout> | undefined;
  const onAbort = (): void => {
    kill(virsh, "SIGTERM");
    forced = setTimeout(() => kill(virsh, "SIGKILL"), GRACE_MS);
  };
  signal.addEventListener("abort", onAbort);
  const [said] = await Promise.all([
    readEnd(virsh.stderr),
    handOn(virsh.stdout, onLine),
    virsh.status,
  ]);
  signal.removeEventListener("abort", onAbort);
  clearTimeout(forced);
  return oneLine(said) || "virsh ended";
}

function start(): Deno.ChildProcess {
  try {
    return new Deno.Command("virsh", {
      args: EVENTS,
      env: { LC_ALL: "C" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw new VirshError("not-installed", { host: "localhost" }, found);
  }
}

async function handOn(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()?.slice(0, LONGEST_LINE) ?? "";
    for (const line of lines) onLine(line.slice(0, LONGEST_LINE));
  }
}

/** The beginning of the last text that virsh wrote; it writes little. */
async function readEnd(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text = (text + chunk).slice(-LONGEST_LINE);
  }
  return text;
}
