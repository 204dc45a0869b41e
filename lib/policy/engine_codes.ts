import type { CodePage, Finding } from "./finding.ts";

/** The id under which the engine's own findings stand. */
export const ENGINE_ID = "premigrate";

/** The codes of the engine's own findings: what kept a policy from being applied. */
export const ENGINE_CODES = {
  "address-not-yet-known": {
    severity: "undecided",
    title: "Libvirt has yet to choose the device",
    message: "The domain XML does not say which host device this is",
    remedy: "Ask again with the live XML of the running guest (virsh dumpxml without --inactive).",
    about:
      "A network pool hands out a host device when the guest starts. Until then nobody can say which one the guest will hold, so nothing can be compared.",
  },
  "no-facts": {
    severity: "undecided",
    title: "A device is missing in the facts",
    message: "Device {address} is not in the facts of {side}",
    remedy:
      "Gather the facts again with this device in them, or correct the address in the domain XML.",
    about:
      "Each host device of the guest needs facts from both hosts. Without them the device might pass or fail, and premigrate does not guess.",
  },
  "paired-by-elimination": {
    severity: "warn",
    title: "The two devices have different addresses",
    message: "Source device {source} was compared with {destination}, the only one there is",
    remedy:
      "Make sure that the guest will get that device: migrate with an XML that names it (virsh migrate --xml).",
    about:
      "Libvirt gives the guest the destination's device of the same address. With one device on each side premigrate compares these two, but libvirt will only do so if the XML says it.",
  },
  "paired-twice": {
    severity: "undecided",
    title: "Two devices of the guest are to become one",
    message: "Destination device {address} is already the pair of {other}",
    remedy: "Give each device of the guest a device of its own on the destination.",
    about: "A host device belongs to one guest device; libvirt refuses to give it to two.",
  },
  "none-chosen": {
    severity: "undecided",
    title: "No device could be chosen",
    message: "No free device of the destination is allowed by all policies for this one",
    remedy: "Free a device there or make one of the same kind, or name one (--map).",
    about:
      "A device that some guest has, or may have, is not free. What the other findings say of the device is of the one of the same address, which the guest may not get.",
  },
  "destination-in-use": {
    severity: "veto",
    title: "Another guest has the destination's device",
    message: "Destination device {address} is in use by a guest there",
    remedy: "Give the guest a free device: see --choose, or --map SRC=DST.",
    about: "A host device belongs to one guest at a time; libvirt refuses to give it to another.",
  },
  "same-host": {
    severity: "veto",
    title: "Source and destination are one host",
    message: "Both hosts have the libvirt UUID {uuid}",
    remedy: "Name another destination.",
    about:
      "Libvirt tells hosts apart by their UUID and refuses to migrate a guest to the host it runs on. Two hosts with equal UUIDs (cloned firmware) need host_uuid in libvirtd.conf or virtqemud.conf.",
  },
  "not-looked-at": {
    severity: "info",
    title: "A host device is no PCI device",
    message: "Host device of type {type} was not looked at",
    remedy: "Check by other means whether this device can migrate.",
    about: "premigrate compares PCI config space; USB, SCSI and other host devices have none.",
  },
  "no-pci-device": {
    severity: "undecided",
    title: "A mediated device is no PCI device",
    message: "An mdev of model {model} has no config space: it was not looked at",
    remedy: "Check by other means whether this device can migrate.",
    about:
      "vfio-ap and vfio-ccw devices of s390 are no PCI devices, and QEMU does not migrate them.",
  },
  "device-of-command-line": {
    severity: "undecided",
    title: "A VFIO device comes from the command line",
    message: "A VFIO device is added by <qemu:commandline>: it was not looked at",
    remedy: "Define the device as a <hostdev>, or compare its config space by hand.",
    about:
      "Libvirt hands <qemu:commandline> to QEMU unread, and so does premigrate, save for properties.",
  },
  "unassigned": {
    severity: "info",
    title: "The guest does not have the device",
    message: "The device is not assigned to the guest: it was not compared",
    remedy: "Nothing to do.",
    about:
      "With <address type='unassigned'/> libvirt prepares a host device and does not give it to QEMU.",
  },
  "unplugged-before-migration": {
    severity: "info",
    title: "The device is unplugged before the migration",
    message: "QEMU unplugs this device before it migrates: it was not compared",
    remedy: "Nothing to do.",
    about:
      "A device with <teaming type='transient'> is the primary of a failover pair. QEMU takes it out of the guest first and plugs one in on the destination.",
  },
  "network-may-be-pool": {
    severity: "info",
    title: "A network may hand out host devices",
    message: "The domain XML does not tell whether network {network} is a pool of host devices",
    remedy:
      "If it is (virsh net-dumpxml shows <forward mode='hostdev'>), ask again with the live XML.",
    about:
      "Only the live XML shows that an interface of a libvirt network has become a host device; in any other an ordinary NAT network looks the same.",
  },
  "policy-failed": {
    severity: "undecided",
    title: "A policy failed",
    message: "Policy {id} failed: {problem}",
    remedy: "Report it to the policy's author; the other policies' findings stand.",
    about:
      "A policy threw an error, or gave a finding that it does not declare. What it would have said is not known.",
  },
} as const satisfies Record<string, CodePage>;

/** A finding of the engine's own. */
export function engineFinding(
  code: keyof typeof ENGINE_CODES,
  device: string | undefined,
  data: Finding["data"],
): Finding {
  const { severity } = ENGINE_CODES[code];
  return { policy: ENGINE_ID, code, severity, ...device === undefined ? {} : { device }, data };
}
