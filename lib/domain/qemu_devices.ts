/** QEMU's device models by name: what one on the command line does to a VFIO device beside it. */

/** An IOMMU for the guest. */
const IOMMU = models(
  "intel-iommu amd-iommu AMDVI-PCI arm-smmuv3* virtio-iommu* riscv-iommu*",
);

/** A port or a bridge. */
const PORT = models(
  "pcie-root-port ioh3420 x3130-upstream xio3130-downstream pci-bridge* pcie-pci-bridge",
  "i82801b11-bridge pxb pxb-pcie pxb-cxl cxl-rp cxl-upstream cxl-downstream",
);

/** What a port may be told that changes neither buses nor what sits on them. */
const PORT_PROPERTIES = new Set([
  "bus-reserve",
  "hotplug",
  "io-reserve",
  "mem-reserve",
  "pref32-reserve",
  "pref64-reserve",
  "speed",
  "width",
  "x-speed",
  "x-width",
]);

/**
 * What QEMU emulates, and what is neither VFIO's nor carries PCI devices; names of QEMU 2.x to 11. A
 * vhost-vdpa device is none of them: it is a host's.
 */
const EMULATED = models(
  "virtio-* virtserialport virtconsole vhost-user-* vhost-vsock-* vhost-scsi*",
  "usb-* ich9-usb-* piix3-usb-* piix4-usb-* nec-usb-xhci qemu-xhci pci-ohci",
  "ide-* scsi-* ahci ich9-ahci piix3-ide piix4-ide floppy isa-* lsi lsi53c* megasas* mptsas1068",
  "pvscsi am53c974 dc390 nvme nvme-* sd-card sdhci-pci",
  "e1000* igb i82550 i82551 i82557* i82558* i82559* i82562 i82801 ne2k_* pcnet rtl8139 tulip vmxnet3",
  "rocker VGA bochs-display cirrus-vga qxl* ramfb secondary-vga vmware-svga ati-vga sga",
  "AC97 adlib cs4231a ES1370 gus hda-* intel-hda ich9-intel-hda sb16",
  "ccid-* u2f-* pci-serial* i6300esb ib700 tpm-* pvpanic* vmcoreinfo vmgenid ivshmem* edu pc-dimm",
  "nvdimm loader guest-loader i8042 vmmouse acpi-erst ipmi-* pci-ipmi-* smbus-* mc146818rtc *-cpu",
);

/**
 * Parts of a machine that `-global` may name: none of them changes what a VFIO device is compared
 * for.
 */
const MACHINE_PARTS = models(
  "ICH9-LPC PIIX3 PIIX4_PM q35-pcihost mch i440FX i440FX-pcihost gpex-pcihost kvm-pit isa-pit",
  "kvm-apic apic kvm-ioapic ioapic kvmclock hpet cfi.pflash01 fw_cfg*",
);

/** The ids that libvirt gives what is no host device and no PCI controller (qemu_alias.c). */
const LIBVIRT_IDS = new Set(
  ("video sound net input serial parallel channel hub usb ide sata scsi virtio-disk " +
    "virtio-serial fdc balloon rng tpm shmem watchdog panic redir smartcard ccid fs vsock dimm " +
    "nvdimm virtiomem iommu").split(" "),
);

/** What a device model is to a VFIO device beside it; `undefined`: not known. */
export function kindOfModel(model: string): "iommu" | "emulated" | undefined {
  if (IOMMU.test(model)) return "iommu";
  return EMULATED.test(model) ? "emulated" : undefined;
}

/** Whether a property that `-global` sets for all devices of a model other than VFIO's is harmless. */
export function isHarmlessGlobal(model: string, property: string): boolean {
  if (PORT.test(model)) return PORT_PROPERTIES.has(property);
  return kindOfModel(model) !== undefined || MACHINE_PARTS.test(model);
}

/** What a device of the document is that is no host device. */
export type OtherKind = "port" | "other" | undefined;

/** What libvirt's own name for a device tells of it. */
export function kindOfId(id: string): OtherKind {
  if (/^pcie?\.[0-9]+$/.test(id)) return "port";
  return LIBVIRT_IDS.has(id.replace(/[0-9.-]+$/, "")) ? "other" : undefined;
}

/** Whether a property that is set for one device other than VFIO's is harmless. */
export function isHarmlessSetting(kind: OtherKind, property: string): boolean {
  if (kind === "port") return PORT_PROPERTIES.has(property);
  // Another model may be VFIO's.
  return kind === "other" && property !== "driver";
}

/** Names of device models; a star stands for anything, or nothing. */
function models(...lines: readonly string[]): RegExp {
  const names = lines.join(" ").replaceAll(".", "\\.").replaceAll("*", ".*").split(" ");
  return new RegExp(`^(${names.join("|")})$`);
}
