import { findingsOf, type OwnCodePage, type OwnFinding } from "./own_codes.ts";

/** The codes of the engine's own findings: what kept a policy from being applied. */
export const ENGINE_CODES = {
  "address-not-yet-known": {
    severity: "undecided",
    title: "Libvirt has yet to choose the device",
    message: "The domain XML does not say which host device this is",
    remedy:
      "Ask again with the live XML of the running guest (virsh dumpxml without --inactive). Where it arrives: let the agent stamp the guest on its source host, or run `premigrate stamp` there.",
    about:
      "A network pool hands out a host device when the guest starts. Until then nobody can say which one the guest will hold, so nothing can be compared. The XML that arrives does not say either which one it holds; a stamp does.",
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
  "guest-not-read": {
    severity: "undecided",
    title: "A running guest cannot be read",
    message: "Not all is known of {problem}",
    remedy:
      "See what `virsh dumpxml` of that guest prints, and whether it has VFIO devices by <qemu:commandline>.",
    about:
      "A guest's document may be more than any guest needs, or leave open which devices it has. What it names counts as in use, and where it may have others, every device that a VFIO driver has and no other guest names is not known to be free. Of the guest itself nothing can be said; other guests' migrations are judged as ever.",
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
    title: "Whether another guest has the destination's device is not known",
    message: "Whether a guest there has destination device {address} is not known",
    remedy: "Gather the destination's facts with libvirt (capture --uri).",
    about:
      "A host device belongs to one guest at a time. To the hook it is no question: libvirt refuses a device in use itself, right after the hook and before anything is sent (virHostdevPreparePCIDevices).",
  },
  "hosts-not-told-apart": {
    severity: "undecided",
    title: "Whether the two hosts are one is not known",
    message: "The libvirt UUID of the {side} is not known: the two hosts may be one",
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
      "Libvirt hands <qemu:commandline> and <qemu:override> to QEMU unread. Arguments that cannot change what is compared for a VFIO device, or whether it migrates, are known by name; any other may. Of an alias as machine type (`-machine q35`) each host's QEMU makes its own newest.",
  },
  "element-not-understood": {
    severity: "undecided",
    title: "An element of the document is not understood",
    message: "The element or attribute {element} is not understood",
    remedy: "Take it out if it is of no use, or install a premigrate that knows it.",
    about:
      "What may stand below a host device and below <domain> is known by name. What is not may change the device that QEMU makes of it, or whether the guest migrates: an iommufd, or <launchSecurity>.",
  },
  "property-not-understood": {
    severity: "undecided",
    title: "A QEMU property of the device is not understood",
    message: "QEMU's property {property} of the device is not understood",
    remedy: "Take it out if it is of no use, or install a premigrate that knows it.",
    about:
      "A property of vfio-pci may come by <qemu:override>, `-set` or `-global`. Those that change what is compared are modelled, harmless ones are known by name; any other may change either.",
  },
  "machine-of-argument": {
    severity: "info",
    title: "An argument names the machine type",
    message: "QEMU's machine type is {machine}, whatever <os> says",
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
      "QEMU migrates nothing of a device with failover_pair_id and compares nothing of it: the virtio network device of that id, with failover=on, is to unplug it before (vfio_realize in hw/vfio/pci.c, virtio_net_handle_migration_primary in hw/net/virtio-net.c). Where there is none it stays, the migration completes, and the guest goes on with another device that knows nothing of it. Libvirt does not look for the partner.",
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
    message: "It is not known whether network {network} of {side} is a pool of host devices",
    remedy:
      "Run `premigrate cache` on the destination, or the agent, which does it at each round; for facts files capture the host again.",
    about:
      "Only the live XML shows that an interface of a libvirt network has become a host device; in any other an ordinary NAT network looks the same. So a list is kept of what the host's networks are (virsh net-dumpxml: <forward mode='hostdev'> is a pool); one that was started or changed since is not known.",
  },
  "device-may-be-of-pool": {
    severity: "undecided",
    title: "A network may have handed out the device",
    message: "It is not known whether the device is of a pool of one of the source's networks",
    remedy: "Capture the source again, where libvirt answers.",
    about:
      "The live XML shows a device that a network handed out as any other <interface type='hostdev'>. Libvirt takes another of the destination's pool for it then, whatever address the source's has.",
  },
  "network-kinds-differ": {
    severity: "veto",
    title: "A network hands out host devices on one host only",
    message: "Network {network} is a pool of host devices on {pool}, and none on {plain}",
    remedy:
      "Define the network alike on both hosts, or migrate with an XML that names another network.",
    about:
      "Libvirt gives the guest what the destination's network of that name has to give. QEMU cannot restore a virtio NIC to a VFIO device, nor the other way round: it fails after all memory was sent.",
  },
  "pool-was-judged": {
    severity: "info",
    title: "Libvirt will choose the device from a pool",
    message:
      "Libvirt will give the guest one of {count} devices of network {network}: each was judged",
    remedy: "Nothing to do.",
    about:
      "Which device of its pool a network hands out is known only when it does. They were all found alike; the device that is named stands for them.",
  },
  "pool-devices-differ": {
    severity: "undecided",
    title: "The guest may get a good or a bad device",
    message:
      "Libvirt will give the guest one of {count} devices of network {network}; not allowed: {refused}",
    remedy:
      "Take these devices out of the network's pool, or migrate with an XML that names a device (<interface type='hostdev'>).",
    about:
      "Which device of its pool a network hands out is known only when it does. What the other findings say is of one that is better than the worst.",
  },
  "policy-failed": {
    severity: "undecided",
    trouble: "policy",
    title: "A policy failed",
    message: "Policy {id} failed: {problem}",
    remedy: "Report it to the policy's author; the other policies' findings stand.",
    about:
      "A policy threw an error, or gave a finding that it does not declare. What it would have said is not known.",
  },
  "attribute-not-read": {
    severity: "undecided",
    title: "An attribute that a policy needs was not read",
    message:
      "Policy {id} was not applied: attribute {attribute} of the {side}'s device is not known",
    remedy:
      "Gather the facts again with the same policies, or by hand with `premigrate capture --attribute`; the facts' `missing` tells why one cannot be read.",
    about:
      "A policy may declare sysfs attributes that the probe is to bring. One that is not there is known to be absent, and the policy judges that; one that nobody looked for, or that cannot be read, might be anything.",
  },
} as const satisfies Readonly<Record<string, OwnCodePage>>;

/** A finding of the engine's own. */
export const engineFinding: OwnFinding<keyof typeof ENGINE_CODES> = findingsOf(ENGINE_CODES);
