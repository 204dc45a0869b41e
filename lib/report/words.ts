import type { Decision, NotRun } from "../policy/mod.ts";
import type { ReportedDevice } from "./answer.ts";

/** What a decision means. */
export const DECISIONS: Readonly<Record<Decision, string>> = {
  allow: "ALLOW: nothing was found that stops this migration",
  veto: "VETO: this migration will fail or harm the guest",
  undecided: "UNDECIDED: facts are missing",
};

const REASONS: Readonly<Record<NotRun["reason"], string>> = {
  "needs-facts": "needs more than config bytes",
  "unknown-device": "the device's ids or driver are not known",
  "attribute-not-read": "an attribute that it needs was not read",
};

/** Which policy was not applied to which device, and why. */
export function notRunText({ policy, device, reason }: NotRun): string {
  return `${policy} for ${device}: ${REASONS[reason]}`;
}

/** Where a device is, and where it goes if that is another address. */
export function addressText({ source, destination }: ReportedDevice): string {
  return source === destination ? source : `${source} -> ${destination}`;
}
