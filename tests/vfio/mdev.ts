/**
 * Mediated devices of `config_mdev.c`: whatever config space, BARs, ROM and MSI-X a test gives them.
 *
 * @module
 */

/** What a device is made of. */
export interface DeviceTemplate {
  /** What its VFIO config region returns: 256 or 4096 bytes. */
  readonly config: Uint8Array;
  /** Per bit, what of it keeps what QEMU writes; nothing unless given, but the ROM's BAR. */
  readonly writable?: Uint8Array;
  /** Sizes in bytes of BAR 0 to 5, powers of two, 0 for none. Their types are in `config`. */
  readonly bars?: readonly number[];
  /** Size in bytes of the expansion ROM, 0 for none. */
  readonly romSize?: number;
  /** How many MSI-X vectors it has, as its MSI-X capability should say; 0 for none. */
  readonly msixVectors?: number;
}

const TEMPLATE_BYTES = 8256;
const [CONFIG, WRITABLE] = [64, 64 + 4096];
const CREATE = "/sys/class/mdev_bus/config_mdev/mdev_supported_types/config_mdev-1/create";

/** A device, which is there until it is disposed of. */
export class Mdev implements Disposable {
  /** Its UUID. */
  readonly uuid: string;

  /** Makes a device. */
  constructor(template: DeviceTemplate, uuid: string = crypto.randomUUID()) {
    this.uuid = uuid;
    // One write is one template, and no other test runs between these two lines.
    Deno.writeFileSync("/dev/config_mdev", encodeTemplate(template), { create: false });
    Deno.writeTextFileSync(CREATE, uuid, { create: false });
  }

  /** Its folder in sysfs. */
  get sysfs(): string {
    return `/sys/bus/mdev/devices/${this.uuid}`;
  }

  /** The number of its IOMMU group. */
  get group(): number {
    return Number(Deno.readLinkSync(`${this.sysfs}/iommu_group`).split("/").at(-1));
  }

  /** Removes it; nobody may have it open. */
  [Symbol.dispose](): void {
    Deno.writeTextFileSync(`${this.sysfs}/remove`, "1", { create: false });
  }
}

// struct template of config_mdev.c
function encodeTemplate(
  { config, writable = new Uint8Array(), bars = [], romSize = 0, msixVectors = 0 }: DeviceTemplate,
): Uint8Array {
  const template = new DataView(new ArrayBuffer(TEMPLATE_BYTES));
  for (let bar = 0; bar < 6; bar++) {
    template.setBigUint64(8 * bar, BigInt(bars[bar] ?? 0), true);
  }
  template.setBigUint64(48, BigInt(romSize), true);
  template.setUint32(56, config.length, true);
  template.setUint32(60, msixVectors, true);
  const bytes = new Uint8Array(template.buffer);
  bytes.set(config, CONFIG);
  bytes.set(writable, WRITABLE);
  return bytes;
}
