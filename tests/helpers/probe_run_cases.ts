/**
 * Probes the hosts in its input, a JSON array of `RunCase`, and prints what became of each as
 * JSON. A program of its own, as it finds ssh and sudo by another PATH than the tests.
 */
import { type ProbeRequest, ProbeRunError, runProbe } from "../../lib/facts/probe/run_probe.ts";
import { parseSshTarget } from "../../lib/facts/probe/ssh_target.ts";

export interface RunCase {
  readonly host?: string;
  readonly sudo?: boolean;
  readonly request: ProbeRequest;
  /** When the signal is aborted: after so many milliseconds, or at once by the user. */
  readonly abort?: number | "by the user";
}

export interface RunResult {
  /** Addresses of the devices. */
  readonly devices?: readonly string[];
  readonly code?: string;
  readonly message?: string;
}

async function run({ host, sudo, request, abort = 60_000 }: RunCase): Promise<RunResult> {
  const ssh = host === undefined ? undefined : parseSshTarget(host);
  const signal = abort === "by the user" ? AbortSignal.abort() : AbortSignal.timeout(abort);
  try {
    const { devices } = await runProbe({ ssh, sudo }, request, signal);
    return { devices: devices.map(({ address }) => address) };
  } catch (error) {
    if (error instanceof ProbeRunError) return { code: error.code, message: error.message };
    throw error;
  }
}

if (import.meta.main) {
  const cases: RunCase[] = await new Response(Deno.stdin.readable).json();
  const results = await Promise.all(cases.map(run));
  await new Blob([JSON.stringify(results)]).stream().pipeTo(Deno.stdout.writable);
}
