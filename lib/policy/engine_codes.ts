import type { CodePage, Finding } from "./finding.ts";

/** The id under which the engine's own findings stand. */
export const ENGINE_ID = "premigrate";

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
  "plugin-threw": {
    severity: "undecided",
    title: "A code plugin threw an error",
    message: "Plugin {id} threw: {problem}",
    remedy: "Report it to the plugin's author; the other policies' findings stand.",
    about: "A plugin that fails is believed in nothing: what it would have said is not known.",
  },
  "plugin-reached-out": {
    severity: "undecided",
    title: "A code plugin tried to reach outside",
    message: "Plugin {id} tried to use what it has no permission for: {permission}",
    remedy: "Find out what the plugin is for before you list it again.",
    about:
      "A plugin is a pure function of the facts. It has no permission to files, network, environment, programs or libraries; Deno refuses every try, and notes it.",
  },
  "plugin-timed-out": {
    severity: "undecided",
    title: "A code plugin did not answer in time",
    message: "Plugin {id} had not answered after {seconds} seconds",
    remedy: "Report it to the plugin's author; the other policies' findings stand.",
    about: "A plugin is ended when its time is up, so that it delays no verdict.",
  },
  "plugin-out-of-memory": {
    severity: "undecided",
    title: "A code plugin ran out of memory",
    message: "Plugin {id} wanted more memory than a plugin may have",
    remedy: "Report it to the plugin's author; the other policies' findings stand.",
    about: "A plugin has a limited heap, and V8 ends it when that is full.",
  },
  "plugin-flooded": {
    severity: "undecided",
    title: "A code plugin printed too much",
    message: "Plugin {id} printed more than {bytes} bytes",
    remedy: "Report it to the plugin's author; the other policies' findings stand.",
    about: "A plugin is ended when its answer is larger than an answer may be.",
  },
  "plugin-nonsense": {
    severity: "undecided",
    title: "A code plugin's answer cannot be read",
    message: "Plugin {id} gave no answer that can be read: {problem}",
    remedy:
      "Build the plugin anew with this version of premigrate; a plugin prints nothing itself.",
    about: "A plugin's findings have codes that it declares, and texts and numbers within bounds.",
  },
  "plugin-claims-id": {
    severity: "undecided",
    title: "A code plugin has another policy's id",
    message: "Plugin {id} says that it is {claimed}, which is another policy's id",
    remedy: "Take one of the two out, or give the plugin an id of its own.",
    about: "Findings stand under their policy's id: nobody speaks in another's name.",
  },
  "plugin-ended": {
    severity: "undecided",
    title: "A code plugin ended without an answer",
    message: "Plugin {id} ended with status {status} before it answered",
    remedy: "Report it to the plugin's author; the other policies' findings stand.",
    about: "A plugin returns its findings; it does not exit.",
  },
  "plugin-not-started": {
    severity: "undecided",
    title: "A code plugin could not be started",
    message: "Plugin {id} could not be started: {problem}",
    remedy: "See that premigrate may run Deno and /bin/sh.",
    about: "Each plugin runs in a Deno of its own.",
  },
  "no-stamp": {
    severity: "undecided",
    title: "The guest carries no stamp",
    message:
      "The guest's metadata tells nothing of its source host, and no host is configured to be asked",
    remedy:
      "Run the agent on the source host, or `premigrate stamp` there before migrating; or name the hosts in config.yaml. For a guest that is shut off: `premigrate stamp --offline`.",
    about:
      "Libvirt tells the destination nothing of the source host. Its facts come in the domain's metadata (the stamp), or from the configured hosts, which are asked for the guest's UUID.",
  },
  "stamp-unusable": {
    severity: "undecided",
    title: "The guest's stamp cannot be used",
    message: "The stamp cannot be read: {reason}",
    remedy: "Stamp the guest again on its host, with the same version of premigrate.",
    about: "A stamp is believed as a whole or not at all; its digest shows any damage.",
  },
  "stamp-too-old": {
    severity: "undecided",
    title: "The guest's stamp is too old",
    message: "The stamp is {age} seconds old, believed are {most}",
    remedy: "See whether the agent runs on the source host, or run `premigrate stamp` there.",
    about:
      "A host's driver may change under a running guest, so its facts are believed for a time only (maxAge in config.yaml).",
  },
  "stamp-from-future": {
    severity: "undecided",
    title: "The guest's stamp is from the future",
    message: "The stamp's time is {seconds} seconds ahead of this host's clock",
    remedy: "Set both hosts' clocks.",
    about: "The age of a stamp means nothing where the two hosts' clocks disagree.",
  },
  "stamp-of-destination": {
    severity: "undecided",
    title: "The guest's stamp was made on this host",
    message: "The stamp names {host}, which is the destination itself",
    remedy: "See whether the agent runs on the source host, or run `premigrate stamp` there.",
    about:
      "A guest that comes back from a host where nobody renewed its stamp still has the one from before. What it says of the source host is of this host.",
  },
  "stamp-of-other-guest": {
    severity: "undecided",
    title: "The stamp is another guest's",
    message: "The stamp was made for the guest {guest}",
    remedy: "Stamp the guest itself; a clone must not keep the original's metadata.",
    about: "A stamp tells of one guest's devices.",
  },
  "stamp-of-other-devices": {
    severity: "undecided",
    title: "The stamp tells of other devices",
    message: "The guest has devices at {wanted}, its stamp was made with devices at {stamped}",
    remedy: "Stamp the guest again: devices were plugged or unplugged since.",
    about:
      "Devices are told by their PCI addresses in the guest, which a migration keeps. An interface on a libvirt network may be a device in the stamp, and is none in the XML that libvirt sends: that is no contradiction.",
  },
  "offline-migration": {
    severity: "info",
    title: "The guest is migrated while it is shut off",
    message: "The guest was marked as shut off {age} seconds ago: no device was compared",
    remedy: "Nothing to do.",
    about:
      "No device state is sent when a guest is migrated while it is shut off; it starts afresh on the destination. Libvirt does not tell the hook which migration it is, so the operator does.",
  },
  "offline-mark-too-old": {
    severity: "undecided",
    title: "The mark of an offline migration is too old",
    message: "The guest was marked as shut off {age} seconds ago, believed are {most}",
    remedy: "Run `premigrate stamp --offline` again right before migrating.",
    about: "The guest may have been started since.",
  },
  "origin-not-known": {
    severity: "warn",
    title: "It is not known where the guest was started",
    message: "The source device's bytes are those that {host} shows now",
    remedy: "Stamp the guest, or run the agent on all hosts.",
    about:
      "QEMU carries the config space of the host where the guest was started from host to host; only a stamp tells what it was. What QEMU compares was equal on each host that the guest has been on, so only bytes that it does not compare may be others, as the body of a Vendor Specific Capability.",
  },
  "host-not-read": {
    severity: "undecided",
    title: "A configured host could not be asked",
    message: "{host} could not be asked for the guest: {problem}",
    remedy: "See that this host may log in there without a password, and that libvirt answers.",
    about:
      "Where a guest has no stamp the configured hosts are asked for its UUID. One that does not answer may be the one it runs on.",
  },
  "guest-not-found": {
    severity: "undecided",
    title: "No configured host runs the guest",
    message: "None of {hosts} configured hosts runs the guest",
    remedy: "Add the source host to `hosts` in config.yaml, or stamp the guest there.",
    about: "Where a guest has no stamp the configured hosts are asked for its UUID.",
  },
  "several-sources": {
    severity: "undecided",
    title: "More than one host may be the guest's source",
    message: "Each of {hosts} has the guest and sends or runs it",
    remedy:
      "End the guest where it is a left-over or a copy, or stamp it on the host that it comes from.",
    about:
      "Where a guest has no stamp the configured hosts are asked for its UUID. The source is the one whose libvirt is migrating the guest away under this name; where libvirt does not tell, the one that runs it. The others are waited for, up to five seconds.",
  },
  "guest-of-other-name": {
    severity: "undecided",
    title: "A configured host has the guest under another name",
    message: "{host} has a guest of this UUID with the name {name}, not {wanted}",
    remedy:
      "Stamp the guest on its host, as for `virsh migrate --dname`; give a copy its own UUID.",
    about:
      "A copy may have kept the original's UUID. Its devices tell nothing of those of the guest that arrives.",
  },
  "guest-not-leaving": {
    severity: "undecided",
    title: "A configured host has the guest, but does not send it",
    message: "{host} has the guest ({state}), and is not migrating it",
    remedy: "Add the source host to `hosts` in config.yaml, or stamp the guest there.",
    about:
      "A guest that stands still on a host, or runs there without a migration to another one, is a left-over or a copy. libvirt on the source has a job of the kind `Outgoing migration` (virsh domjobinfo) before it asks the destination anything.",
  },
  "destination-not-read": {
    severity: "undecided",
    title: "The destination's devices could not be read",
    message: "This host could not be read: {problem}",
    remedy: "Run `premigrate doctor` on this host.",
    about: "The probe did not come to its end, or what it printed cannot be understood.",
  },
  "asked-anew": {
    severity: "info",
    title: "This host's QEMU was not known yet",
    message: "This host's libvirt and QEMU, or a device, were asked a second time",
    remedy: "Run the agent, or `premigrate cache` after an upgrade: it saves the time.",
    about:
      "What libvirt and QEMU say of themselves is kept until one of their files changes; what a domain XML names in an unusual way is looked for a second time.",
  },
  "deadline-passed": {
    severity: "undecided",
    title: "The deadline passed",
    message: "There was no verdict after {seconds} seconds",
    remedy: "See what keeps the hosts busy, or allow more time (deadline in config.yaml).",
    about: "Libvirt waits for a hook for ever; premigrate does not let it.",
  },
  "config-not-read": {
    severity: "undecided",
    title: "The applied configuration cannot be read",
    message: "{problem}",
    remedy: "Run `premigrate config apply`.",
    about:
      "The hook runs by /etc/premigrate/applied.conf, which `config apply` makes of config.yaml.",
  },
  "not-a-domain": {
    severity: "undecided",
    title: "Libvirt handed over no domain XML",
    message: "{problem}",
    remedy: "See which other hook changes the XML (/etc/libvirt/hooks/qemu, qemu.d).",
    about: "An earlier hook's output is what this one gets.",
  },
  "nothing-handed-over": {
    severity: "undecided",
    title: "Nobody handed over a domain XML",
    message: "The hook was called for a migration, and nothing was handed over to it",
    remedy:
      "See which other hook calls this one (/etc/libvirt/hooks/qemu): libvirt runs all that is in qemu.d itself.",
    about:
      "Libvirt hands over the guest's XML in every call at migrate begin. A call without is another program's, as of a dispatcher that hands on what the hook before printed; it is refused, and the audit says `unjudged`: what becomes of the guest libvirt's own call decides.",
  },
  "report-not-written": {
    severity: "undecided",
    title: "The report could not be written",
    message: "The report or the audit line could not be written: {problem}",
    remedy: "See that /var/log/premigrate is there and the disk is not full.",
    about:
      "By default the decision stands; `onTrouble.report: closed` refuses what leaves no trace.",
  },
  "hook-failed": {
    severity: "undecided",
    title: "The hook failed",
    message: "The hook failed: {problem}",
    remedy: "Run `premigrate doctor`, and report it to premigrate's authors.",
    about: "An error that nobody foresaw; nothing was decided.",
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
