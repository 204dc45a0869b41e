import type { VfioRead } from "./answer.ts";
import { check, ioctl, libc, Refused } from "./libc.ts";
import {
  decodeDeviceInfo,
  decodeRegionInfo,
  deviceInfoArgument,
  PCI_REGION,
  regionInfoArgument,
} from "./structs.ts";

/** As QEMU (`vfio_device_prepare`, `vfio_pci_populate_device`, `vfio_pci_config_setup`). */
export function readDevice(device: number): VfioRead {
  const info = deviceInfoArgument();
  ioctl("read-device", "ask what the device is", device, "DEVICE_GET_INFO", info);
  const { pci, regions } = decodeDeviceInfo(info);
  if (!pci || regions <= PCI_REGION.CONFIG) throw unsupported("the device is no PCI device");
  const { readable, size, offset } = regionInfo(device, PCI_REGION.CONFIG);
  if (!readable || (size !== 256n && size !== 4096n)) {
    throw unsupported(`its config region has ${size} bytes, not 256 or 4096`);
  }
  const bytes = new Uint8Array(Number(size));
  const count = Number(libc.pread(device, bytes, size, offset));
  check("read-device", "read the config region", count);
  if (count !== bytes.length) {
    throw new Refused({
      result: "failed",
      reason: `Failed to read the config region: ${count} bytes came of ${size}`,
    });
  }
  return {
    result: "read",
    config: bytes.toHex(),
    bars: [0, 1, 2, 3, 4, 5].map((bar) => Number(regionInfo(device, bar).size)),
    romSize: Number(regionInfo(device, PCI_REGION.ROM).size),
  };
}

function regionInfo(device: number, index: number): ReturnType<typeof decodeRegionInfo> {
  const info = regionInfoArgument(index);
  ioctl("read-device", `ask for region ${index}`, device, "DEVICE_GET_REGION_INFO", info);
  return decodeRegionInfo(info);
}

/** What this device or kernel is not made for. */
export function unsupported(reason: string): Refused {
  return new Refused({ result: "unsupported", reason: `Cannot read the device: ${reason}` });
}
