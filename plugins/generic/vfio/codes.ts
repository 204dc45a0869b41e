import type { Codes } from "premigrate/policy";

/** Every finding of `generic/vfio`. */
export const CODES = {
  "no-migration": {
    severity: "veto",
    title: "The device's driver cannot migrate it",
    message: "{driver} on {sideHost} offers no migration for the device",
    remedy:
      "Bind the device to its vendor's VFIO driver (virsh nodedev-detach --driver, or <driver model='...'/> for managed='yes'), and see that migration is enabled on its physical function.",
    about:
      "Plain vfio-pci and nvgrace-gpu-vfio-pci have no migration operations, and a vendor's driver offers none for a device whose firmware or physical function does not allow it; the kernel's debugfs tells (vfio_device_debugfs_init). QEMU then says that migration is not supported in the kernel. With managed='yes' the destination's driver is the one that libvirt will bind, not the one that is bound now: before libvirt 10.0 always vfio-pci, since then the best match for the device.",
  },
  "managed-takes-vgpu": {
    severity: "veto",
    title: "managed='yes' takes the virtual function from NVIDIA's driver",
    message:
      "{sideHost}'s virtual function has a vGPU, and {driver} would be bound to it in place of NVIDIA's driver: managed='yes' does that",
    remedy:
      "Set managed='no' on the <hostdev>: the function has to stay with NVIDIA's driver, which makes the vGPU.",
    about:
      "With managed='yes' libvirt binds the device to a VFIO driver of Linux when the guest starts (virHostdevPreparePCIDevices), and the vGPU that NVIDIA's driver made of the virtual function (nvidia/current_vgpu_type) is gone. The guest would get the bare function, which cannot migrate.",
  },
  "driver-tells-not": {
    severity: "undecided",
    title: "The driver's name does not tell whether the device can migrate",
    message:
      "{driver} on {sideHost} binds devices that cannot migrate, too: its name does not tell, and nothing else does",
    remedy:
      "Let the kernel tell: mount debugfs (CONFIG_VFIO_DEBUGFS) and gather the facts as root. Or, if all devices of this driver migrate here, name it in the option drivers.",
    about:
      "mlx5, hisi_acc and virtio bind virtual functions whose physical function does not allow migration (MLX5_CAP_GEN migration, devlink's migratable), without migration operations. NVIDIA's module has them only where it was built for a kernel of VFIO's second migration protocol; the log says so (vGPU migration enabled, or disabled). The kernel itself tells of each device in debugfs, and to who opens it (VFIO_DEVICE_FEATURE_MIGRATION).",
  },
  "driver-unknown": {
    severity: "undecided",
    title: "It is not known whether the device's driver can migrate it",
    message: "It is not known whether {driver} on {sideHost} can migrate the device",
    remedy:
      "Bind the device to a VFIO driver that migrates it; or, if this one does, name it in the option drivers.",
    about:
      "Drivers whose every device migrates are pds_vfio_pci and qat_vfio_pci of Linux, and mtty of its samples. Where debugfs is mounted (CONFIG_VFIO_DEBUGFS, as root) the kernel itself tells of any driver.",
  },
  "fact-unknown": {
    severity: "undecided",
    title: "A fact that decides is not known",
    message: "The {fact} on {sideHost} is not known",
    remedy: "Gather the facts again, as root and with libvirt (capture --uri).",
    about:
      "Whether a VFIO device can migrate depends on its driver and on the versions of QEMU, libvirt and the kernel.",
  },
  "kernel-too-old": {
    severity: "veto",
    title: "The kernel is older than VFIO migration",
    message: "Kernel {kernel} on {sideHost} is older than {floor}",
    remedy:
      "Use a kernel of that version or later; if a distribution's older one has it, set the option kernel.",
    about:
      "OpenStack Nova wants Linux 5.18 for vGPU live migration (virtual-gpu.rst), where version 2 of VFIO's migration protocol and its first drivers came. Distributions bring newer code to kernels of an older number: a kernel that offers migration (debugfs), and RHEL 9.4 and later, which NVIDIA lists, have it. It is a warning where the device is bound to a variant driver, which came with that protocol, and for kernels that keep their number (earlier .el9, SLES, openEuler).",
  },
  "qemu-too-old": {
    severity: "veto",
    title: "The QEMU is older than VFIO migration",
    message: "QEMU {qemu} on {sideHost} is older than {floor}",
    remedy:
      "Use that QEMU or a later one; if a distribution's older one migrates VFIO devices, set the option qemu.",
    about:
      "Before QEMU 8.0 migration was experimental, with a protocol that kernels no longer have; 8.0 migrates with x-enable-migration=on only; since 8.1 enable-migration is auto (commit 8bbcb64a71).",
  },
  "libvirt-too-old": {
    severity: "veto",
    title: "The source's libvirt refuses guests with VFIO devices",
    message: "libvirt {libvirt} on {sourceHost} is older than {floor}",
    remedy: "Upgrade libvirt on the source host.",
    about:
      "Before 8.6 libvirt refuses any guest with a host device (qemuMigrationSrcIsAllowedHostdev); since then it asks QEMU. OpenStack Nova wants 8.6.0 for vGPUs, too (MIN_MDEV_LIVEMIG_LIBVIRT_VERSION).",
  },
  "migration-disabled": {
    severity: "veto",
    title: "Migration is disabled for the device",
    message: "The device has enable-migration=off",
    remedy: "Take the property out of the guest's definition, and restart the guest.",
    about:
      'QEMU 8.1 and later then add the blocker "Migration is disabled for VFIO device" (vfio_migration_realize).',
  },
  "several-devices": {
    severity: "veto",
    title: "This QEMU migrates one VFIO device only",
    message: "The guest has {count} VFIO devices, and QEMU {qemu} on {sideHost} migrates one",
    remedy: "Use QEMU 8.2 or later on both hosts, or unplug all devices but one first.",
    about:
      'QEMU 8.0 and 8.1 block it ("Migration is currently not supported with multiple VFIO devices"); commit 5c7a4b6035 of 8.2 allows several that support P2P.',
  },
  "p2p-missing": {
    severity: "veto",
    title: "One of several VFIO devices does not support P2P",
    message:
      "The guest has {count} VFIO devices, and the driver on {sideHost} does not offer P2P for this one",
    remedy: "Unplug this device, or all others, before the migration.",
    about:
      'QEMU 8.2 and later block it: "Multiple VFIO devices migration is supported only if all of them support P2P migration".',
  },
  "p2p-unknown": {
    severity: "undecided",
    title: "It is not known whether all VFIO devices support P2P",
    message:
      "The guest has {count} VFIO devices, and whether {sideHost}'s driver offers P2P for this one is not known",
    remedy:
      "See migration/features of the device below /sys/kernel/debug/vfio; QEMU's query-migrate lists what blocks a migration (blocked-reasons).",
    about:
      "QEMU 8.2 and later migrate several VFIO devices if each supports P2P. Kernels tell it in debugfs, older ones only to who opens the device.",
  },
  "no-dirty-tracking": {
    severity: "veto",
    title: "The device does not track dirty pages",
    message: "{sideHost}'s driver does not track the device's writes, and QEMU is {qemu}",
    remedy:
      "Set enable-migration=on for the device (all memory is then sent again at the end), or use QEMU 9.1 or later with an IOMMU that tracks dirty pages.",
    about:
      "With enable-migration=auto QEMU wants the device to track what it writes. Since 9.1 the IOMMU's tracking will do, with iommufd (commit f48b472450): then it is a warning.",
  },
  "dirty-tracking-unknown": {
    severity: "undecided",
    title: "It is not known whether the device tracks dirty pages",
    message:
      "Whether {sideHost}'s driver tracks the device's writes is not known, and QEMU is {qemu}",
    remedy:
      "See migration/features of the device below /sys/kernel/debug/vfio; use QEMU 9.1 or later, or set enable-migration=on for the device (all memory is then sent again at the end).",
    about:
      "With enable-migration=auto QEMU before 9.1 migrates only devices that track what they write (vfio_migration_realize).",
  },
  "viommu": {
    severity: "veto",
    title: "The guest has an IOMMU",
    message: "The guest has an IOMMU of its own, and QEMU on {sideHost} is {qemu}",
    remedy: "Take the <iommu> out of the guest's definition, and restart the guest.",
    about:
      '"Migration is currently not supported with vIOMMU enabled" (QEMU up to 10.x). 11.0 allows it where the device\'s own dirty tracking is not used (commit 0e3c1e2b2b): then it is a warning.',
  },
  "viommu-unknown": {
    severity: "undecided",
    title: "It is not known whether the guest has an IOMMU",
    message: "Without the domain XML it is not known whether the guest has an IOMMU of its own",
    remedy: "Give the guest's domain XML (--domain).",
    about: "QEMU up to 10.x does not migrate VFIO devices of a guest with a vIOMMU.",
  },
  "post-copy": {
    severity: "veto",
    title: "VFIO devices do not migrate with post-copy",
    message: "The migration may go over to post-copy, and the guest has a VFIO device",
    remedy: "Migrate without post-copy.",
    about:
      '"VFIO migration is not supported with postcopy migration" (QEMU 8.2 and later, save_prepare). Libvirt does not tell a hook whether it was asked for, so only check --postcopy finds it.',
  },
  "identity-differs": {
    severity: "veto",
    title: "The destination's device is another one",
    message:
      "The {field} is {source:hex} on {sourceHost} and {destination:hex} on {destinationHost}",
    remedy: "Give the guest a device of the same model and revision on the destination.",
    about:
      "Vendor, device, class and revision tell the guest's driver what it drives, and QEMU compares them (pci_init_cmask).",
  },
  "subsystem-differs": {
    severity: "warn",
    title: "The subsystem ids differ",
    message:
      "The {field} is {source:hex} on {sourceHost} and {destination:hex} on {destinationHost}",
    remedy: "Find out whether the two boards or types are the same to the guest's driver.",
    about:
      "Subsystem ids tell boards of one chip apart, and types of virtual devices. QEMU never compares them.",
  },
  "msix-count-differs": {
    severity: "veto",
    title: "The devices have MSI-X tables of different sizes",
    message: "{source} MSI-X vectors on {sourceHost}, {destination} on {destinationHost}",
    remedy: "Give both the same number (sriov_vf_msix_count of a VF whose driver is unbound).",
    about:
      "QEMU compares the table's size, two bytes behind the start of the MSI-X capability, and the state of the table has as many entries as the source's.",
  },
  "bar-shrinks": {
    severity: "veto",
    title: "A BAR is smaller on the destination",
    message: "BAR {bar} has {source} bytes on {sourceHost} and {destination} on {destinationHost}",
    remedy: "Use a device with the same BAR sizes (same type, same resizable BAR setting).",
    about:
      "QEMU's comparison passes a smaller BAR, and the guest continues with a window that is partly or wholly gone. A bigger one may be refused: qemu/restore-check tells. The sizes that sysfs shows of an SR-IOV virtual function with an NVIDIA vGPU in it are not the vGPU's, and are not looked at.",
  },
} as const satisfies Codes;
