import type { Choice, Decision } from "../policy/mod.ts";

/** What was chosen for a device, and among what. */
export interface ReportedChoice {
  /** The name of the guest's device. */
  readonly device: string;
  /** The address that was chosen; `null` for none. */
  readonly chosen: string | null;
  /** Every device that was looked at, with the verdict on it. */
  readonly candidates: readonly {
    readonly address: string;
    readonly decision: Decision | "in use";
  }[];
}

/** Choices as plain data. */
export function reportChoices(choices: readonly Choice[]): ReportedChoice[] {
  return choices.map(({ name, address, candidates }) => ({
    device: name,
    chosen: address ?? null,
    candidates: candidates.map(({ address, verdict }) => ({
      address,
      decision: verdict?.decision ?? "in use",
    })),
  }));
}
