import type {
  Answer,
  Decision,
  NotLookedAt,
  NotRun,
  ReportedDevice,
  Severity,
} from "../policy/mod.ts";

/** What a decision means. */
export const DECISIONS: Readonly<Record<Decision, string>> = {
  allow: "ALLOW: nothing was found that stops this migration",
  veto: "VETO: this migration must not be made",
  undecided: "UNDECIDED: nothing shows that this migration succeeds",
};

/** Why a policy was not applied. */
export const NOT_RUN: Readonly<Record<NotRun["reason"], string>> = {
  "needs-facts": "needs more than config bytes",
  "unknown-device": "the device's ids or driver are not known",
  "attribute-not-read": "an attribute that it needs was not read",
};

/** Which policy was not applied to which device, and why. */
export function notRunText({ policy, device, reason }: NotRun): string {
  return `${policy} for ${device}: ${NOT_RUN[reason]}`;
}

/** Where a device is, and where it goes if that is another address. */
export function addressText({ source, destination }: ReportedDevice): string {
  return source === destination ? source : `${source} -> ${destination}`;
}

/** What a verdict says nothing of. */
export const UNSEEN: Readonly<Record<NotLookedAt["code"], string>> = {
  "nvme-disk": "NVMe disks on vfio",
  "vdpa-disk": "vDPA disks",
  "vdpa-interface": "vDPA interfaces",
  "vhost-user-disk": "vhost-user disks",
  "vhost-user-interface": "vhost-user interfaces",
  virtiofs: "virtiofs",
  "emulated-devices": "the devices that QEMU emulates",
  "cpu-model": "the CPU model",
};

/**
 * What the verdict says nothing of, in one line; `undefined` where no guest was asked about, or it is
 * a veto, which needs no more.
 */
export function notLookedAtText({ verdict, notLookedAt = [] }: Answer): string | undefined {
  if (verdict.decision === "veto" || notLookedAt.length === 0) return undefined;
  const names = notLookedAt.map(({ code, count }) =>
    count === undefined ? UNSEEN[code] : `${UNSEEN[code]} (${count})`
  );
  return `not looked at: ${names.join(", ")}`;
}

/** What is not known of a config space that is drawn. */
export const ASSUMED: Readonly<Record<"bus" | "skip-vsc-check", string>> = {
  "bus":
    "The device's bus in the guest is not known: shown as below a PCI Express port; what another bus would change is marked as not known.",
  "skip-vsc-check":
    "Whether QEMU compares the body of the Vendor Specific Capability is not known.",
};

/** Whether a finding would decide, but for its policy's mode. */
export function isOnlyObserved(severity: Severity, decision: Decision): boolean {
  return (severity === "veto" && decision !== "veto") ||
    (severity === "undecided" && decision === "allow");
}
