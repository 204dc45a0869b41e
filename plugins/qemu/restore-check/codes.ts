import type { Codes } from "premigrate/policy";

const CONFIG_CHECK =
  "QEMU's destination compares the device's config space with the source's after all memory has been sent (get_pci_config_device in hw/pci/pci.c), under the masks cmask & ~wmask & ~w1cmask of its own device.";

/** Every finding of `qemu/restore-check`. */
export const CODES = {
  "will-pass": {
    severity: "info",
    title: "QEMU will accept the config space",
    message: "QEMU will accept the config space: {compared} bytes are compared, {exempt} exempt",
    remedy: "Nothing to do.",
    about: `${CONFIG_CHECK} No compared bit differs.`,
  },
  "will-fail": {
    severity: "veto",
    title: "QEMU will refuse the config space",
    message:
      "QEMU will fail at offset {offset:hex} ({field}), the first of {failing} bytes that differ: {line}",
    remedy:
      "Give the guest a device on {destinationHost} whose config space is equal there: the same model and firmware, and, where the host's driver makes up the device (a vGPU), the same driver.",
    remedies: {
      "a VSC":
        "Give the guest a device on {destinationHost} with the same bytes there (of a vGPU: the same host driver). A machine type of version 9.1 or later, or skip-vsc-check=on on {destinationHost}, leaves the body of this Vendor Specific capability (VSC) uncompared.",
    },
    about:
      `${CONFIG_CHECK} A compared bit differs, so the destination ends with "Bad config data", and the migration is lost after the memory was copied.`,
  },
  "as-expected": {
    severity: "info",
    title: "A device of the same kind would be accepted",
    message:
      "The bytes of a device of the same kind would be accepted: {compared} bytes are compared, {exempt} exempt",
    remedy: "To be sure, read the device itself: see --vfio-region.",
    about:
      "The device itself could not be read, and bytes that another one of the same kind and driver showed stand in for it. They say what to expect; QEMU compares the device's own.",
  },
  "expected-to-fail": {
    severity: "undecided",
    title: "A device of the same kind would be refused",
    message:
      "With the bytes of a device of the same kind QEMU would fail at offset {offset:hex} ({field}): {line}",
    remedy: "Read the device itself (--vfio-region, while it is idle), or choose another.",
    about:
      "The device itself could not be read, and bytes that another one of the same kind and driver showed stand in for it. A difference may be of the single card, so nothing is decided by it.",
  },
  "may-fail": {
    severity: "undecided",
    title: "QEMU may refuse the config space",
    message:
      "{count} bytes that change at run time differ, first at {offset:hex} ({field}); QEMU compares what it read when it opened the device",
    remedy:
      "Compare the bytes that QEMU itself read: the VFIO config region of the idle device on both hosts (--view region).",
    about:
      "Link status, device status, AER status, power state and VPD registers change while a device runs. QEMU compares the values of the moment when each side opened its device, so a difference between two dumps of other moments proves nothing.",
  },
  "bar-will-fail": {
    severity: "veto",
    title: "The guest's BAR address will be refused",
    message:
      "BAR {bar} has {source} bytes on {sourceHost} and {destination} on {destinationHost}, and the guest's address has a bit set in between: QEMU will fail",
    remedy: "Use a device with the same BAR sizes (same vGPU type, same resizable BAR setting).",
    about:
      "pci_register_bar makes the address bits from the BAR's size upwards writable and so uncompared. With a bigger BAR on the destination more low bits are compared with 0, and the guest's view shows that its address has one of them set.",
  },
  "bar-may-fail": {
    severity: "undecided",
    title: "A BAR is bigger on the destination",
    message:
      "BAR {bar} has {source} bytes on {sourceHost} and {destination} on {destinationHost}: QEMU fails if the guest's address has a bit set in between",
    remedy: "Use a device with the same BAR sizes (same vGPU type, same resizable BAR setting).",
    about:
      "pci_register_bar makes the address bits from the BAR's size upwards writable and so uncompared. With a bigger BAR on the destination more low bits are compared, and the guest's address, aligned to the smaller size, may have one of them set.",
  },
  "bar-differs": {
    severity: "warn",
    title: "A BAR differs and nothing will stop it",
    message:
      "BAR {bar} has {source} bytes on {sourceHost} and {destination} on {destinationHost}: QEMU accepts that, the guest keeps the old size",
    remedy: "Use a device with the same BAR sizes (same vGPU type, same resizable BAR setting).",
    about:
      "The restore compares only the bits below a BAR's size. A smaller or missing BAR on the destination passes, and the guest continues with a window that is not there.",
  },
  "bars-unknown": {
    severity: "undecided",
    title: "BAR sizes are not known",
    message: "The BAR sizes on {sideHost} are not known: only the types of BARs were compared",
    remedy: "Gather the sizes (sysfs resource), or give them with --bar N=SIZE.",
    about:
      "A BAR that is bigger on the destination can make the restore fail, and MSI-X must fit into its BARs. Bytes alone do not tell sizes.",
  },
  "rom-size-unknown": {
    severity: "undecided",
    title: "The ROM's size is not known",
    message: "The size of {sideHost}'s expansion ROM is not known",
    remedy:
      "Gather the facts again (sysfs resource has the size), with romSize 0 for a device without one.",
    about:
      "The ROM has a base address register as a BAR has: a ROM that is bigger on the destination can make the restore fail.",
  },
  "equal-for-now": {
    severity: "info",
    title: "Compared bytes that change at run time are equal in these dumps",
    message:
      "{count} compared bytes change at run time, the first at {offset:hex}: they are equal here, but QEMU compares what it read when it opened the device",
    remedy:
      "To be sure, compare the bytes that QEMU itself read: the VFIO config region of the idle device on both hosts (--view region).",
    about:
      "Link status, device status, AER status, power state and VPD registers change while a device runs. Of a device that is in use, they do not tell what QEMU has in its copy. Where the VFIO config region of a running guest's device was read (view running), this is undecided: the guest may have set them to what they are.",
  },
  "extended-unknown": {
    severity: "undecided",
    title: "Extended config space is not known",
    message:
      "Of the device on {sideHost} 256 bytes are known: if it has extended capabilities, QEMU compares them too",
    remedy: "Read all 4096 bytes (lspci -xxxx as root, or the VFIO config region).",
    about:
      "A PCI Express device has 4096 bytes of config space, and on an express bus QEMU compares every extended capability but ARI and SR-IOV. lspci -xxx shows the first 256 bytes only. A device whose VFIO config region ends there has no others. Where two dumps of 256 bytes are all that was asked about it is a warning: the answer is on those bytes.",
  },
  "rom-file-differs": {
    severity: "veto",
    title: "The ROM files differ in size",
    message:
      'The ROM file {file} makes a ROM of {source:hex} bytes on {sourceHost} and {destination:hex} on {destinationHost}: QEMU will fail with "Size mismatch: .../{block}: {source:hex} != {destination:hex}"',
    remedy:
      "Have the same ROM file on both hosts, or set romsize to a power of two that both files fit in (qemu:override) when the guest is next started.",
    about:
      "QEMU copies a romfile into a RAM block, its size rounded up to a power of two (pci_add_option_rom), and sends the blocks' sizes first of all. One that has another size on the destination ends the migration (qemu_ram_resize).",
  },
  "rom-file-missing": {
    severity: "veto",
    title: "The destination has no such ROM file",
    message: "There is no ROM file {file} on {destinationHost}: its QEMU cannot open the device",
    remedy: "Copy the ROM file to the same path on the destination.",
    about:
      'QEMU takes the size of its ROM from the file also where a migration is to arrive, and ends with "failed to find romfile" (pci_add_option_rom). With romsize set, QEMU 8.1 and later does not look for it.',
  },
  "rom-file-refused": {
    severity: "veto",
    title: "The destination's QEMU does not take the ROM file",
    message: "The ROM file {file} of {size} bytes on {destinationHost} {problem}: QEMU refuses it",
    remedy: "Have the same ROM file on both hosts.",
    about:
      "QEMU refuses a romfile that is empty, larger than 2 GiB or larger than romsize (pci_add_option_rom), and the incoming guest does not start.",
  },
  "rom-block-unknown": {
    severity: "veto",
    title: "The two QEMUs have different names for the ROM of a ROM file",
    message:
      "{sourceHost}'s QEMU calls the ROM of {file} {source}, {destinationHost}'s {destination}: QEMU will fail with \"Unknown ramblock .../{source}, cannot accept migration\"",
    remedy:
      "Migrate to a QEMU on the same side of 10.1, or restart the guest without the ROM file (rom enabled='no', or rom bar='off').",
    about:
      "pci_add_option_rom names the RAM block of a romfile by the device's vmstate, or without one by its type. vfio-pci has had a vmstate, vfio-cpr-pci, since QEMU 10.1. A block of a name that the destination does not have ends the migration (parse_ramblocks).",
  },
  "rom-file-unknown": {
    severity: "undecided",
    title: "It is not known whether the ROM files agree",
    message: "The device has the ROM file {file}, and this is not known: {missing}",
    remedy:
      "Gather the facts of both hosts for this guest (check --from --to, or a new stamp): they tell the sizes of files with an absolute path of A-Z a-z 0-9 . _ / + @ : , = - that did not change since the guest was started. Without a ROM file (rom enabled='no') nothing has to be known.",
    about:
      "The ROM that QEMU makes of a romfile must have the same name and size on both sides (pci_add_option_rom, qemu_ram_resize). Its size is that of the file as the source's QEMU found it when the guest was started.",
  },
  "out-of-step": {
    severity: "veto",
    title: "The two sides have config spaces of different size",
    message:
      "{sourceHost} sends {source} bytes of config space and {destinationHost} expects {destination}: all that follows is misread",
    remedy: "Use a device whose VFIO config region has the same size on both hosts.",
    about:
      "vfio_pci_populate_device takes the size of the config region (256 or 4096 bytes) from the host. Each side uses its own, and the stream does not carry the size.",
  },
  "destination-refuses": {
    severity: "veto",
    title: "The destination cannot open the device",
    message: "{destinationHost}'s QEMU cannot open the device: {reason}",
    remedy: "Use another device on the destination, or repair the config space of this one.",
    about: "vfio-pci checks a device when it is opened; the incoming guest would not even start.",
  },
  "destination-may-refuse": {
    severity: "undecided",
    title: "The destination may be unable to open the device",
    message: "By these bytes {destinationHost}'s QEMU cannot open the device: {reason}",
    remedy: "Read the device's VFIO config region on the destination and ask again.",
    about:
      "These are not the bytes that QEMU reads when it opens the device, and they may differ from those in this very place.",
  },
  "source-impossible": {
    severity: "undecided",
    title: "The facts of the source cannot be right",
    message: "By these facts {sourceHost}'s QEMU could not have opened the device: {reason}",
    remedy: "Gather the facts of the source again.",
    about:
      "The guest runs there with this device, yet the bytes, sizes and properties given describe a device that QEMU refuses.",
  },
  "capability-only-at-source": {
    severity: "warn",
    title: "A capability is missing on the destination",
    message:
      "Capability {name} at {offset:hex} exists on {sourceHost} only; QEMU accepts that, and the guest keeps seeing it",
    remedy: "Use a device with the same capabilities.",
    about:
      "Only bytes that the destination has a capability for are compared. After the restore the guest sees the source's bytes with nothing behind them.",
  },
  "exempt-differs": {
    severity: "warn",
    title: "Exempt bytes differ",
    message:
      "{count} bytes of a Vendor Specific capability (VSC) differ, first at {offset:hex}, and QEMU does not compare them",
    remedy:
      "See what the vendor's policy says of them; without one, ask the vendor whether the two devices agree.",
    about:
      "With skip-vsc-check (QEMU 9.1, machine types 9.1 and later) the body of a Vendor Specific Capability is not compared: its meaning is left to the vendor's driver.",
  },
  "unchecked-differs": {
    severity: "info",
    title: "Header fields that QEMU never compares differ",
    message: "Different, and not compared by QEMU: {fields}",
    remedy: "Make sure that the guest's driver works with that.",
    about:
      "Subsystem ids and the interrupt pin are in no mask of pci_init_cmask. The guest sees the destination's own after the restore.",
  },
  "cannot-tell": {
    severity: "undecided",
    title: "A missing fact decides",
    message: "It depends on {missing}: one value passes, another fails ({failure})",
    remedy:
      "Let premigrate read what it depends on: on the hosts themselves, as root and with libvirt (`premigrate capture --uri`).",
    about:
      "premigrate tried every value that the missing facts can have, and the restore does not come out the same for all of them.",
  },
  "no-config": {
    severity: "undecided",
    title: "Config space is not known",
    message: "The config space of the device on {sideHost} is not known",
    remedy: "Gather the facts again, as root.",
    remedies: {
      "a mediated device on the source":
        "Run the agent on {sourceHost}, or `premigrate stamp` there as root before the migration: they read what the guest's QEMU holds. Sysfs has no bytes of a mediated device.",
      "a mediated device on the destination":
        "Check on {destinationHost} itself as root, with --vfio-region while the device is idle. Sysfs has no bytes of a mediated device.",
    },
    about:
      "Without the device's bytes nothing can be said about the restore. What sysfs shows of an SR-IOV virtual function with an NVIDIA vGPU in it are not the vGPU's.",
  },
  "short-config": {
    severity: "undecided",
    title: "Config space is cut short",
    message:
      "Only {length} bytes of config space are known of the device on {sideHost}: needs root",
    remedy: "Read the config space as root.",
    about:
      "The kernel shows 64 bytes of config space to users without CAP_SYS_ADMIN, lspci -x shows no more: no capability is in them.",
  },
  "not-answering": {
    severity: "undecided",
    title: "The device's ids are not known",
    message: "The vendor id of the device on {sideHost} reads ffff",
    remedy:
      "For an SR-IOV VF, take the ids from sysfs (vendor, device) or read its VFIO config region; else wake the device from D3.",
    about:
      "A virtual function's own id registers read as ffff, and so does every byte of a device that is powered down or gone.",
  },
  "machine-not-known": {
    severity: "undecided",
    title: "The guest's machine type is not known",
    message: "The guest's machine type is not known",
    remedy: "Give the guest's domain XML (--domain), or its machine type (--machine).",
    about:
      "The machine type decides what QEMU compares, and whether the destination's QEMU can run the guest at all.",
  },
  "machine-types-not-known": {
    severity: "undecided",
    title: "It is not known whether the destination's QEMU has the machine type",
    message: "It is not known whether {destinationHost}'s QEMU has machine type {machine}",
    remedy: "Gather the destination's facts with libvirt (capture --uri).",
    about:
      "A distribution's QEMU may lack upstream's machine types, and each release drops the oldest. Libvirt's capabilities list those that it has.",
  },
  "machine-too-new": {
    severity: "veto",
    title: "The destination's QEMU has no such machine type",
    message: "Machine type {machine} is newer than {destinationHost}'s QEMU {qemu}",
    remedy: "Migrate to a host with a newer QEMU.",
    about: "A QEMU release has the machine types up to its own version.",
  },
  "machine-missing": {
    severity: "veto",
    title: "The destination's QEMU has no such machine type",
    message: "Machine type {machine} is not among those of {destinationHost}'s QEMU",
    remedy: "Migrate to a host whose QEMU has it.",
    about:
      "A distribution's own machine types are in its own QEMU only, and each release drops the oldest. Libvirt's capabilities list them all.",
  },
  "property-refused": {
    severity: "veto",
    title: "The destination's QEMU refuses a property",
    message: "{destinationHost}'s QEMU refuses a property: {problem}",
    remedy: "Take the property out of the guest's definition, or migrate to a newer QEMU.",
    about:
      "A device property that the QEMU binary does not know, or a value it does not take, ends QEMU before the migration starts.",
  },
  "property-may-be-refused": {
    severity: "undecided",
    title: "The destination's QEMU may refuse a property",
    message:
      "Not every QEMU knows the property {property}, and {destinationHost}'s version is not known",
    remedy: "Give the destination's QEMU version.",
    about:
      "A device property that the QEMU binary does not know ends QEMU before the migration starts.",
  },
  "property-unmodelled": {
    severity: "undecided",
    title: "A property is not modelled",
    message: "Property {property} changes compared bytes in a way that is not modelled",
    remedy: "Take the property out of the guest's definition, or test this migration first.",
    about: "MSI-X relocation, vPASID and IGD properties move bytes that QEMU compares.",
  },
  "qemu-not-known": {
    severity: "undecided",
    title: "The QEMU version is not known",
    message: "The QEMU version on {sideHost} is not known",
    remedy:
      "Gather the facts again (capture --uri; on the destination `premigrate cache`), or give --qemu.",
    about:
      "The rules of QEMU 5.2 to 11.1 are known, and a version that nobody has read may be another one. What was found holds if it is one of these.",
  },
  "qemu-not-modelled": {
    severity: "undecided",
    title: "This QEMU version is not modelled",
    message: "QEMU {qemu} on {sideHost} is outside the versions 5.2 to 11.1 whose rules are known",
    remedy: "Use a version of premigrate that knows it, or test this migration first.",
    about:
      "Before 5.2 vfio-pci could not migrate; after 11.1 the rules may have changed. What was found holds if they have not.",
  },
} as const satisfies Codes;
