import type { AgentWorld } from "./agent.ts";
import { listIdle, listStamped } from "./guests.ts";
import { pruneStarts, pruneWaivers } from "./prune.ts";
import { writeMetrics } from "./metrics.ts";
import { type RoundReport, type RoundStep, runSteps, type StampedGuest } from "./round_steps.ts";
import { watchVirshEvents } from "./virsh_events.ts";
import { captureHost } from "../facts/capture.ts";
import { refreshHostCache } from "../facts/emulator/host_cache.ts";
import { listGuests } from "../facts/libvirt/guests.ts";
import { THIS_HOST } from "../facts/libvirt/uri.ts";
import { refreshNetworks } from "../facts/libvirt/networks.ts";
import { oneLine } from "../facts/one_line.ts";
import { parseDuration } from "../config/config.ts";
import type { Paths } from "../config/paths.ts";
import { appliedAttributes, readApplied } from "../config/read_applied.ts";
import { removeStamps, type StampResult } from "./guest_metadata.ts";
import { stampGuests } from "./stamping.ts";

// libvirt waits half a minute for a guest that cannot be changed, one after the other.
const LONGEST_ROUND_MS = 10 * 60_000;

/** This host, as the agent has to do with it. */
export function hostWorld(paths: Paths): AgentWorld {
  const steps = roundSteps(paths);
  return {
    watch: watchVirshEvents,
    round: async (signal) => {
      const either = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_ROUND_MS)]);
      const report = await runSteps(steps, either);
      const { problems } = await runSteps([metricsStep(paths, report)], signal);
      return { ...report, problems: [...report.problems, ...problems] };
    },
    interval: () => readInterval(paths.applied),
    sleep,
    now: () => performance.now(),
    log: logLine,
  };
}

/** The stamps first: a guest that has just arrived may go on to the next host. */
function roundSteps(paths: Paths): RoundStep[] {
  return [
    {
      doing: "Stamping guests",
      run: async (signal) => {
        const { idle, busy } = await listIdle(signal);
        const uuids = idle.map(({ uuid }) => uuid);
        const attributes = await appliedAttributes(paths.applied);
        const results = uuids.length === 0
          ? []
          : await stampGuests(uuids, paths, signal, attributes);
        const removed = (name: string): string => `the metadata of ${name}, which has no devices`;
        return {
          ...report(results, "Stamping", removed),
          isUnfinished: busy.length > 0,
          guests: [...busy.map((guest) => ({ ...guest, isBusy: true })), ...stampedOf(results)],
        };
      },
    },
    {
      doing: "Removing marks of guests that run",
      run: async (signal) => {
        // Of guests that run: a stamp came there by mistake, and a mark is no longer true.
        const marked = (await listStamped("config", signal)).map(({ uuid }) => uuid);
        if (marked.length === 0) return {};
        const { idle } = await listIdle(signal);
        const uuids = idle.map(({ uuid }) => uuid).filter((uuid) => marked.includes(uuid));
        const results = await removeStamps(uuids, "config", signal);
        const removed = (name: string): string => `the mark of ${name}, which runs`;
        return report(results, "Removing the mark of", removed);
      },
    },
    {
      doing: "Asking this host's QEMU",
      run: async (signal) => void await refreshHostCache(paths.cache, signal),
    },
    {
      doing: "Asking what this host's networks are",
      run: async (signal) => void await refreshNetworks(paths.networks, THIS_HOST, signal),
    },
    {
      doing: "Reading this host for its metrics",
      run: async (signal) => {
        const { agent } = await readApplied(paths.applied);
        if (agent.metrics === undefined) return {};
        const access = { uri: THIS_HOST, probe: {}, emulators: paths.emulators };
        const { host } = await captureHost(access, { devices: [] }, signal);
        return { host };
      },
    },
    {
      doing: "Removing waivers that have ended",
      run: () => {
        const ended = pruneWaivers(paths, Date.now());
        const changes = ended.map((guest) => `removed the waiver of ${guest}, which has ended`);
        return Promise.resolve({ changes });
      },
    },
    {
      doing: "Removing what is kept of guests that are gone",
      run: (signal) =>
        pruneStarts(paths, Date.now(), () => listGuests(THIS_HOST, ["--all"], signal)),
    },
  ];
}

function metricsStep(paths: Paths, report: RoundReport): RoundStep {
  return {
    doing: "Writing metrics",
    run: async () => {
      const { agent } = await readApplied(paths.applied);
      await writeMetrics(paths, agent.metrics, report, Date.now());
    },
  };
}

/** A guest without devices has no stamp, and is to have none. */
function stampedOf(results: readonly StampResult[]): StampedGuest[] {
  return results.flatMap(({ guest, outcome }) => {
    if (guest === undefined || outcome.kind === "no-devices" || outcome.kind === "removed") {
      return [];
    }
    return [{ ...guest, time: outcome.kind === "stamped" ? outcome.time : undefined }];
  });
}

/** @param doing What failed, and what was done otherwise, of a guest. */
function report(
  results: readonly StampResult[],
  doing: string,
  removed: (name: string) => string,
): Partial<RoundReport> {
  const named = results.map(({ guest, asked, outcome }) => ({
    name: guest?.name ?? asked,
    outcome,
  }));
  return {
    stamped: named.flatMap(({ name, outcome }) => outcome.kind === "stamped" ? [name] : []),
    changes: named.flatMap(({ name, outcome }) =>
      outcome.kind === "removed" ? [`removed ${removed(name)}`] : []
    ),
    problems: named.flatMap(({ name, outcome }) =>
      outcome.kind === "failed" ? [`${doing} ${name}: ${outcome.reason}`] : []
    ),
  };
}

/** Read each time, so that what is applied needs no restart. */
async function readInterval(path: string): Promise<number> {
  const { agent } = await readApplied(path);
  return (parseDuration(agent.interval) ?? 0) * 1000;
}

async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  const onAbort = (): void => resolve();
  signal.addEventListener("abort", onAbort);
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", onAbort);
}

/** The journal may be away for a while, which is no reason to end. */
function logLine(line: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(`agent: ${oneLine(line)}\n`));
  } catch {
    // There is nobody left to tell.
  }
}
