/**
 * Config bytes as a read of the VFIO config region returns them before the guest has run: what QEMU
 * copies when it opens the device (`vfio_pci_config_setup`), and so what ends in the stream.
 * Offset 0 is the vendor id; 64, 256 or 4096 bytes, little-endian registers.
 */
export interface RealizeView {
  /** Which view it is. */
  readonly kind: "realize";
  /** 64, 256 or 4096 bytes from offset 0. */
  readonly bytes: Uint8Array;
}

/**
 * Config bytes as a read of the VFIO config region returns them now, of a device that a running QEMU
 * holds. Ids, the heads of capabilities and what is fixed in them are what QEMU read when it opened the
 * device; registers that change at run time need not be, and BARs hold the guest's addresses.
 */
export interface RunningView {
  /** Which view it is. */
  readonly kind: "running";
  /** 64, 256 or 4096 bytes from offset 0. */
  readonly bytes: Uint8Array;
}

/** Config bytes as the host's kernel shows them in sysfs (`config`), or `lspci` on the host. */
export interface SysfsView {
  /** Which view it is. */
  readonly kind: "sysfs";
  /** 64, 256 or 4096 bytes from offset 0. */
  readonly bytes: Uint8Array;
}

/** Config bytes as the guest sees them: `lspci` in the guest, or the machine's ECAM window. */
export interface GuestView {
  /** Which view it is. */
  readonly kind: "guest";
  /** 64, 256 or 4096 bytes from offset 0. */
  readonly bytes: Uint8Array;
}

/**
 * Config bytes together with whose they are: only the realize view is exactly what QEMU compares, and
 * only where it is the device's own.
 */
export type ConfigView = (RealizeView | RunningView | SysfsView | GuestView) & {
  /** They were read of another device of the same kind: what to expect, and no evidence. */
  readonly derived?: boolean | undefined;
  /**
   * Of a running view: QEMU was started for a guest that arrived, and what was not compared then, the
   * bodies of Vendor Specific Capabilities, may still be another host's in its copy.
   */
  readonly arrived?: boolean | undefined;
};
