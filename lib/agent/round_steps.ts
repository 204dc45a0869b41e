import type { GuestId } from "../facts/libvirt/guest.ts";
import { VirshError } from "../facts/libvirt/virsh_error.ts";
import type { CapturedHost } from "../facts/mod.ts";

/** What became of a round, as lines for the operator. */
export interface RoundReport {
  /** What could not be done. */
  readonly problems: readonly string[];
  /** The guests that carry a new stamp now. */
  readonly stamped: readonly string[];
  /** What is no longer as it was. */
  readonly changes: readonly string[];
  /** A guest could not be stamped as it is on its way: it is to be tried again soon. */
  readonly isUnfinished: boolean;
  /** The guests that have a stamp, or should; absent: nothing was found out. */
  readonly guests?: readonly StampedGuest[] | undefined;
  /** This host; absent: nothing was found out. */
  readonly host?: CapturedHost | undefined;
}

/** A guest, and when the facts in its new stamp were read; absent: what stamp it has it keeps. */
export interface StampedGuest extends GuestId {
  readonly time?: string | undefined;
  /** It is on its way, and was not looked at: it may need none. */
  readonly isBusy?: boolean | undefined;
}

/** A part of a round. */
export interface RoundStep {
  /** What it does, as the beginning of a line that tells why it could not be done. */
  readonly doing: string;
  /** Does it; what it does not report there was not. */
  run(signal: AbortSignal): Promise<Partial<RoundReport> | void>;
}

/**
 * Does the steps in order. One that fails does not keep the others from being done, but where there
 * is no libvirt to ask.
 *
 * @throws {VirshError} When there is no virsh.
 */
export async function runSteps(
  steps: readonly RoundStep[],
  signal: AbortSignal,
): Promise<RoundReport> {
  const reports: Partial<RoundReport>[] = [];
  for (const step of steps) {
    if (signal.aborted) break;
    try {
      reports.push(await step.run(signal) ?? {});
    } catch (error) {
      const code = error instanceof VirshError ? error.code : undefined;
      if (code === "not-installed") throw error;
      const why = error instanceof Error ? error.message : String(error);
      reports.push({ problems: [`${step.doing}: ${why}`] });
      if (code === "unreachable") break;
    }
  }
  return {
    ...reports.reduce((all, report) => ({ ...all, ...report }), {}),
    problems: reports.flatMap(({ problems = [] }) => problems),
    stamped: reports.flatMap(({ stamped = [] }) => stamped),
    changes: reports.flatMap(({ changes = [] }) => changes),
    isUnfinished: reports.some(({ isUnfinished }) => isUnfinished),
  };
}
