import { findingsOf, type OwnCodePage, type OwnFinding } from "./own_codes.ts";

/** The codes of the engine's own findings: what kept a policy from being applied. */
export const ENGINE_CODES = {
  "address-not-yet-known": {
    severity: "undecided",
    title: "Libvirt has not chosen the device yet",
    message: "The domain XML does not say which host device this is",
    remedy:
      "Ask again with the live XML of the running guest (virsh dumpxml without --inactive). Where it arrives: let the agent stamp the guest on its source host, or run `premigrate stamp` there.",
    about:
      "A network pool hands out a host device when the guest starts. Until then it is not known which one the guest gets, so nothing can be compared. The XML that arrives does not name the source's device either; a stamp does.",
  },
  "no-facts": {
    severity: "undecided",
    title: "A device is missing from the facts",
    message: "Device {address} is not in the facts of {sideHost}",
    remedy:
      "Gather the facts again with this device in them, or correct the address in the domain XML.",
    about:
      "Each host device of the guest needs facts from both hosts. Without them the device might pass or fail, and premigrate does not guess.",
  },
  "paired-by-elimination": {
    severity: "undecided",
    title: "The destination has no device of that address",
    message: "Source device {source} was compared with {destination}, the only one there is",
    remedy:
      "Say that the guest will get that device (--map SRC=DST, or --xml FILE), and migrate with an XML that names it (virsh migrate --xml).",
    about:
      "Libvirt gives the guest the destination's device of the same address, and fails where there is none. With one device on each side premigrate compares these two, but the guest will get it only if the XML names it.",
  },
  "paired-twice": {
    severity: "undecided",
    title: "Two devices of the guest have one destination device",
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
      "A device that a guest has, or may have, is not free. The other findings are about the destination's device of the same address, which the guest may not get.",
  },
  "guest-not-read": {
    severity: "undecided",
    title: "A running guest cannot be read",
    message: "Not all is known of {problem}",
    remedy:
      "See what `virsh dumpxml` of that guest prints, and whether it has VFIO devices by <qemu:commandline>.",
    about:
      "The domain XML of a guest may be too large, or leave open which devices the guest has. The devices that it names count as in use. Where the guest may have more, no device with a VFIO driver is known to be free. The guest itself cannot be judged; other guests can.",
  },
  "destination-in-use": {
    severity: "veto",
    title: "Another guest has the destination's device",
    message: "Destination device {address} is in use by a guest there",
    remedy: "Give the guest a free device: see --choose, or --map SRC=DST.",
    about: "A host device belongs to one guest at a time; libvirt refuses to give it to another.",
  },
  "use-not-known": {
    severity: "undecided",
    title: "It is not known whether another guest has the destination's device",
    message: "It is not known whether a guest there has destination device {address}",
    remedy: "Gather the destination's facts with libvirt (capture --uri).",
    about:
      "A host device belongs to one guest at a time. The hook need not ask: libvirt itself refuses a device in use, right after the hook and before anything is sent (virHostdevPreparePCIDevices).",
  },
  "hosts-not-told-apart": {
    severity: "undecided",
    title: "It is not known whether the two hosts are one",
    message: "The libvirt UUID of {sideHost} is not known: the two hosts may be one",
    remedy: "Gather the facts with libvirt (capture --uri).",
    about:
      "Libvirt tells hosts apart by their UUID and refuses to migrate a guest to the host it runs on.",
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
    severity: "veto",
    title: "A mediated device is no PCI device, and cannot migrate",
    message: "An mdev of model {model} cannot migrate",
    remedy: "Unplug the device before the migration, and plug one in afterwards.",
    about:
      "vfio-ap and vfio-ccw devices of s390 have no migration operations, and QEMU marks both as unmigratable (vfio_ap_vmstate, vfio_ccw_vmstate).",
  },
  "device-of-command-line": {
    severity: "undecided",
    title: "A VFIO device comes from the command line",
    message: "A VFIO device is, or may be, added by <qemu:commandline>: it was not looked at",
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
  "argument-not-understood": {
    severity: "undecided",
    title: "An argument for QEMU is not understood",
    message: "{argument} may change what QEMU makes of a VFIO device: it is not understood",
    remedy:
      "Say the same in libvirt's own elements where there are any; else compare the devices by hand, and let the guest pass once (premigrate waive).",
    about:
      "Libvirt hands <qemu:commandline> and <qemu:override> to QEMU unread. Arguments that cannot change what is compared for a VFIO device, or whether it migrates, are known by name; any other may. An alias as machine type (`-machine q35`) is the newest version of each host's own QEMU.",
  },
  "element-not-understood": {
    severity: "undecided",
    title: "An element of the document is not understood",
    message: "The element or attribute {element} is not understood",
    remedy:
      "Remove it if the guest does not need it, or install a version of premigrate that knows it.",
    about:
      "The elements of a host device and of <domain> are known by name. Any other may change the device that QEMU makes, or whether the guest migrates, as an iommufd or <launchSecurity> does.",
  },
  "property-not-understood": {
    severity: "undecided",
    title: "A QEMU property of the device is not understood",
    message: "QEMU's property {property} of the device is not understood",
    remedy:
      "Remove it if the guest does not need it, or install a version of premigrate that knows it.",
    about:
      "A property of vfio-pci may come by <qemu:override>, `-set` or `-global`. Those that change what is compared are modelled, harmless ones are known by name; any other may change either.",
  },
  "machine-of-argument": {
    severity: "info",
    title: "An argument names the machine type",
    message: "QEMU's machine type is {machine}: an argument overrides <os>",
    remedy: "Name it in the <type> of <os>, and nowhere else.",
    about:
      "Libvirt writes its own -machine first and the arguments of <qemu:commandline> after it; QEMU takes the last.",
  },
  "failover-without-partner": {
    severity: "veto",
    title: "Nobody unplugs the device, and it would arrive without its state",
    message:
      "The device is the transient half of a failover pair, and the guest has no network device {partner} as the other half",
    remedy:
      "Take the <teaming> (or failover_pair_id) away, or give the guest the persistent half: an <interface> of model virtio with <teaming type='persistent'/> and this alias.",
    about:
      "QEMU migrates nothing of a device with failover_pair_id and compares nothing of it: the virtio network device of that id, with failover=on, unplugs it first (vfio_realize in hw/vfio/pci.c, virtio_net_handle_migration_primary in hw/net/virtio-net.c). Without it the device stays, the migration completes, and the guest continues with another device that has none of its state. Libvirt does not look for the partner.",
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
    severity: "undecided",
    title: "A network may hand out host devices",
    message: "It is not known whether network {network} on {sideHost} is a pool of host devices",
    remedy:
      "Run `premigrate cache` on the destination, or the agent, which does it at each round; for facts files capture the host again.",
    about:
      "Only the live XML shows that an interface of a libvirt network has become a host device. In any other XML it looks like an interface of a NAT network. So premigrate keeps a list of the host's networks (virsh net-dumpxml: <forward mode='hostdev'> is a pool). It does not know a network that was started or changed since.",
  },
  "device-may-be-of-pool": {
    severity: "undecided",
    title: "A network may have handed out the device",
    message: "It is not known whether the device comes from a pool of {sourceHost}'s networks",
    remedy: "Capture the source again, where libvirt answers.",
    about:
      "In the live XML a device that a network handed out looks like any other <interface type='hostdev'>. On the destination libvirt then takes any device of that network's pool, not the one of the same address.",
  },
  "network-kinds-differ": {
    severity: "veto",
    title: "A network hands out host devices on one host only",
    message: "Network {network} is a pool of host devices on {pool}, and none on {plain}",
    remedy:
      "Define the network alike on both hosts, or migrate with an XML that names another network.",
    about:
      "Libvirt gives the guest what the destination's network of that name provides. QEMU cannot restore a virtio NIC to a VFIO device, nor the reverse: it fails after all memory has been sent.",
  },
  "pool-was-judged": {
    severity: "info",
    title: "Libvirt will choose the device from a pool",
    message:
      "Libvirt will give the guest one of {count} devices of network {network}: each was judged",
    remedy: "Nothing to do.",
    about:
      "A network chooses the device from its pool when the guest arrives. All of them get the same decision; the findings show one.",
  },
  "pool-devices-differ": {
    severity: "undecided",
    title: "The guest may get a good or a bad device",
    message:
      "Libvirt will give the guest one of {count} devices of network {network}; not allowed: {refused}",
    remedy:
      "Take these devices out of the network's pool, or migrate with an XML that names a device (<interface type='hostdev'>).",
    about:
      "A network chooses the device from its pool when the guest arrives. The other findings are about a device that is better than the worst.",
  },
  "policy-failed": {
    severity: "undecided",
    trouble: "policy",
    title: "A policy failed",
    message: "Policy {id} failed: {problem}",
    remedy: "Report it to the policy's author; the other policies' findings stand.",
    about:
      "A policy threw an error, or gave a finding that it does not declare. What it would have found is not known.",
  },
  "attribute-not-read": {
    severity: "undecided",
    title: "An attribute that a policy needs was not read",
    message:
      "Policy {id} was not applied: attribute {attribute} of {sideHost}'s device is not known",
    remedy:
      "Gather the facts again with the same policies, or by hand with `premigrate capture --attribute`; the facts' `missing` tells why one cannot be read.",
    about:
      "A policy may declare sysfs attributes for the probe to read. The policy judges an attribute that does not exist. One that was not looked for, or cannot be read, may have any value.",
  },
} as const satisfies Readonly<Record<string, OwnCodePage>>;

/** A finding of the engine's own. */
export const engineFinding: OwnFinding<keyof typeof ENGINE_CODES> = findingsOf(ENGINE_CODES);
