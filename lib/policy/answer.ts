import type { Choice } from "./choose.ts";
import type { Verdict } from "./engine.ts";
import type { CodeOwner } from "./finding.ts";
import type { NotLookedAt } from "./guest.ts";
import type { DevicePair, Migration } from "./migration.ts";

/** A device pair as reports name it. */
export interface ReportedDevice {
  /** The pair's name. */
  readonly name: string;
  /** The device's address on the source. */
  readonly source: string;
  /** The device's address on the destination. */
  readonly destination: string;
}

/** A verdict with all that a report says beside it. */
export interface Answer {
  /** The decision and what led to it. */
  readonly verdict: Verdict;
  /** The devices that were compared. */
  readonly devices: readonly ReportedDevice[];
  /** What of the guest was not looked at; absent where no guest was asked about. */
  readonly notLookedAt?: readonly NotLookedAt[] | undefined;
  /** What was taken for granted because nobody said otherwise, a sentence each. */
  readonly assumptions: readonly string[];
  /** The policies that could be run: their codes' pages hold the sentences. Those of the engine are known. */
  readonly policies: readonly CodeOwner[];
  /** The migration that was asked about: its hosts' names are in the sentences. */
  readonly migration?: Migration | undefined;
  /** The devices that were compared, with what is known of them. */
  readonly pairs?: readonly DevicePair[] | undefined;
}

/** An answer with the facts it rests on, for reports that show the devices themselves. */
export interface DetailedAnswer extends Answer {
  /** The devices that were compared, with what is known of them. */
  readonly pairs: readonly DevicePair[];
  /** The migration that was asked about. */
  readonly migration: Migration;
  /** The guest's name, if one was asked about by name. */
  readonly guest?: string;
  /** What was chosen for each device, if that was asked. */
  readonly choices?: readonly Choice[] | undefined;
}
