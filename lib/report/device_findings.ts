import type { Answer, ReportedDevice } from "../policy/mod.ts";
import { type ReportedFinding, reportFindings } from "./findings.ts";

/** A device and what was found of it. */
export interface DeviceFindings {
  /** The pair's name. */
  readonly name: string;
  /** Where it is on both hosts; `undefined` when it has no pair. */
  readonly device: ReportedDevice | undefined;
  /** What was found of it, in the verdict's order. */
  readonly findings: readonly ReportedFinding[];
}

/** An answer in the order in which people read it. */
export interface FindingsByDevice {
  /** What was found of the whole migration. */
  readonly general: readonly ReportedFinding[];
  /** The devices that were compared, then those that could not be. */
  readonly devices: readonly DeviceFindings[];
  /** The policies that were applied. */
  readonly applied: readonly string[];
}

/** Puts an answer's findings to their devices; `causesOf` tells which of them have one cause. */
export function findingsByDevice(answer: Answer): FindingsByDevice {
  const { verdict, devices } = answer;
  const findings = reportFindings(answer);
  const names = new Set([
    ...devices.map(({ name }) => name),
    ...findings.flatMap(({ device }) => device ?? []),
  ]);
  return {
    general: findings.filter(({ device }) => device === undefined),
    devices: [...names].map((name) => ({
      name,
      device: devices.find((device) => device.name === name),
      findings: findings.filter(({ device }) => device === name),
    })),
    applied: [...new Set(verdict.ran.map(({ policy }) => policy))],
  };
}
