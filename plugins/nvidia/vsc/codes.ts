import type { Codes } from "premigrate/policy";

const FORMAT =
  "A vGPU's capability is 09, next pointer, length, the signature \"VF\", and records of id, length and data; record 0 holds version and branch of the host's driver (NVIDIA's own k8s-device-plugin and gpu-feature-discovery read it so, internal/vgpu). QEMU commit 187716feeba4 leaves the body to the vendor's driver, whose promise is that the format stays and only values change.";

/** Every finding of `nvidia/vsc`. */
export const CODES = {
  "header-differs": {
    severity: "veto",
    title: "The header of the Vendor Specific capability (VSC) differs",
    message:
      "The {what} of the Vendor Specific capability (VSC) is {source} on {sourceHost} and {destination} on {destinationHost}",
    remedy: "Use the same GPU model and vGPU type, with host drivers of one branch.",
    about:
      "Id, next pointer and length are defined by the PCI specification and are compared by every QEMU, on every machine type. The same holds for where the capability is, and whether it is there.",
  },
  "body-compared": {
    severity: "veto",
    title:
      "QEMU compares what the hosts' NVIDIA drivers write into the Vendor Specific capability (VSC), and it differs",
    message:
      "NVIDIA driver {source} on {sourceHost}, {destination} on {destinationHost}; {comparer} compares that: {count} bytes of the Vendor Specific capability (VSC), first at {offset:hex}",
    remedy:
      "Restart the guest with a machine type of version 9.1 or later; or, without a restart, set skip-vsc-check=on on {destinationHost} (qemu:override); or install one NVIDIA driver on both hosts.",
    remedies: {
      "QEMU before 9.1":
        "Install one NVIDIA driver on both hosts; or use QEMU 9.1 or later on both, and restart the guest with a machine type of version 9.1 or later.",
      "skip-vsc-check=off":
        "Take skip-vsc-check=off out of the device's definition and restart the guest with a machine type of version 9.1 or later; or, without a restart, set skip-vsc-check=on on {destinationHost} (qemu:override); or install one NVIDIA driver on both hosts.",
    },
    about:
      `Before QEMU 9.1, and with machine types up to 9.0, vfio-pci compares the body of the capability as any other byte. ${FORMAT}`,
  },
  "per-card-bytes-compared": {
    severity: "veto",
    title:
      "QEMU compares bytes of the Vendor Specific capability (VSC) that differ from card to card",
    message:
      "Bytes {offset:hex} to {last:hex} of the Vendor Specific capability (VSC) differ from card to card, and {comparer} compares them",
    remedy:
      "Restart the guest with a machine type of version 9.1 or later, or set skip-vsc-check=on on {destinationHost} (qemu:override): no driver makes these bytes equal.",
    remedies: {
      "QEMU before 9.1":
        "Use QEMU 9.1 or later on both hosts, and restart the guest with a machine type of version 9.1 or later: no driver makes these bytes equal.",
      "skip-vsc-check=off":
        "Take skip-vsc-check=off out of the device's definition and restart the guest with a machine type of version 9.1 or later; or, without a restart, set skip-vsc-check=on on {destinationHost} (qemu:override).",
    },
    about:
      "A whole GPU's capability has length 0x14, starts with 01, and holds 4 bytes at +0x0c that differ between two cards of one model in one machine, with one driver. Before QEMU 9.1, and with machine types up to 9.0, vfio-pci compares them as any other byte.",
  },
  "other-bytes-compared": {
    severity: "veto",
    title:
      "QEMU compares the body of the Vendor Specific capability (VSC), and it differs otherwise than by host driver",
    message:
      "{count} bytes of the Vendor Specific capability (VSC) differ, first at {offset:hex} ({read:hex} on {sourceHost}, {device:hex} on {destinationHost}), and {comparer} compares them; it is not the NVIDIA drivers that differ there",
    remedy:
      "Restart the guest with a machine type of version 9.1 or later; or, without a restart, set skip-vsc-check=on on {destinationHost} (qemu:override); or choose another device.",
    remedies: {
      "QEMU before 9.1":
        "Choose another device; or use QEMU 9.1 or later on both hosts, and restart the guest with a machine type of version 9.1 or later.",
      "skip-vsc-check=off":
        "Take skip-vsc-check=off out of the device's definition and restart the guest with a machine type of version 9.1 or later; or, without a restart, set skip-vsc-check=on on {destinationHost} (qemu:override); or choose another device.",
    },
    about:
      `Both bodies name one host driver, or they are not those of vGPUs, in which no driver is named. Before QEMU 9.1, and with machine types up to 9.0, vfio-pci compares the body as any other byte. ${FORMAT}`,
  },
  "body-check-unknown": {
    severity: "undecided",
    title: "It is not known whether QEMU compares the body of the Vendor Specific capability (VSC)",
    message:
      "NVIDIA driver {source} on {sourceHost}, {destination} on {destinationHost}; whether {comparer} compares that is not known: {count} bytes of the Vendor Specific capability (VSC), first at {offset:hex}",
    remedy:
      "Ask the destination's QEMU for the compat properties of its machine types (query-machines with compat-props), or set skip-vsc-check on the device.",
    about:
      "Distributions have machine types of their own (pc-q35-rhel9.4.0, pc-q35-noble), and only their QEMU knows whether these have vfio-pci.skip-vsc-check=false.",
  },
  "signature-differs": {
    severity: "veto",
    title: "The capabilities are of different kinds",
    message:
      "{sourceHost}'s capability is that of a {source}, {destinationHost}'s of a {destination}",
    remedy: "Use a vGPU of the same type on the destination.",
    about: FORMAT,
  },
  "records-unreadable": {
    severity: "undecided",
    title: "The record list of the Vendor Specific capability (VSC) cannot be read",
    message: "The record list on {sideHost} cannot be read, and the bodies differ",
    remedy: "Install the same host driver on both hosts, or ask NVIDIA about this driver.",
    about: `A record is shorter than its own header or runs past the capability. ${FORMAT}`,
  },
  "records-differ": {
    severity: "veto",
    title: "The record lists of the Vendor Specific capability (VSC) differ",
    message: "{sourceHost} has the records {source}, {destinationHost} {destination} (id:length)",
    remedy: "Install host drivers of one branch on both hosts.",
    about:
      `With another list of records the format has changed, and the guest's driver has parsed the old one. ${FORMAT}`,
  },
  "host-driver": {
    severity: "info",
    title: "The host drivers are equal",
    message: "Host driver {version} ({branch}) on both sides",
    remedy: "Nothing to do.",
    about: FORMAT,
  },
  "host-driver-differs": {
    severity: "warn",
    title: "The host drivers differ",
    message:
      "NVIDIA driver {source} on {sourceHost}, {destination} on {destinationHost}; accepted pairs: {accepted}",
    remedy:
      "Check NVIDIA's release notes for this pair of drivers. A site that does not want such pairs sets the option drivers to same-branch or equal.",
    about:
      `NVIDIA means vGPUs to migrate between host drivers; which pairs do, its own compatibility call (nvmlGetVgpuCompatibility) says. With the option drivers this finding is a veto where the pair is not accepted. ${FORMAT}`,
  },
  "host-driver-unknown": {
    severity: "undecided",
    title: "The host drivers are not known",
    message: "The bytes do not name the host drivers of both sides; accepted pairs: {accepted}",
    remedy: "Compare the drivers by other means, or set the option drivers to any.",
    about:
      `The option drivers accepts pairs by version and branch, and record 0 is missing or too short for them. ${FORMAT}`,
  },
  "virtual-function": {
    severity: "undecided",
    title: "The bytes are the virtual function's, not the vGPU's",
    message:
      "The known config space on {sideHost} is that of a virtual function, not of the vGPU in it",
    remedy: "Read the vGPU's VFIO config region instead of the function's config in sysfs.",
    about:
      "NVIDIA's driver makes up the config space of a vGPU. What the kernel shows in sysfs for the virtual function that carries it is another one, in which the vGPU's type and the capability with the host's driver are not.",
  },
  "unknown-record": {
    severity: "info",
    title: "A record of unknown meaning",
    message: "Record {id} of {length} bytes is of unknown meaning, its data is {state}",
    remedy:
      "Nothing, as long as NVIDIA's driver accepts it. A site that does not want to rely on that sets the option unknownRecords to veto.",
    about: `Only record 0 is publicly described. ${FORMAT}`,
  },
  "per-card-bytes": {
    severity: "info",
    title: "Bytes of the Vendor Specific capability (VSC) that differ from card to card",
    message:
      "Bytes {offset:hex} to {last:hex} differ from card to card, and QEMU does not compare them",
    remedy: "Nothing to do.",
    about:
      "A whole GPU's capability has length 0x14, starts with 01, and holds 4 bytes at +0x0c that differ between two cards of one model in one machine.",
  },
  "body-differs": {
    severity: "undecided",
    title: "The body of the Vendor Specific capability (VSC) differs and is not understood",
    message:
      "{count} bytes of the Vendor Specific capability (VSC), of unknown format, differ, first at {offset:hex}",
    remedy: "Ask NVIDIA whether the two devices agree, or test this migration first.",
    about:
      `QEMU does not compare the body on this machine type, and it is neither a vGPU's nor differs only in a whole GPU's per-card bytes. ${FORMAT}`,
  },
  "subsystem-differs": {
    severity: "veto",
    title: "The subsystem ids differ: another vGPU type or board",
    message: "Subsystem {source} on {sourceHost}, {destination} on {destinationHost}",
    remedy: "Create a vGPU of the same type on the destination.",
    about:
      "Each vGPU type has a subsystem id of its own. QEMU never compares it, so a guest would wake up with another vGPU type, with another frame buffer size.",
  },
} as const satisfies Codes;
