import type { VfioAnswer } from "./answer.ts";
import { answerOf, check, closeLater, ioctl, libc, open, Refused } from "./libc.ts";
import { readDevice, unsupported } from "./read_device.ts";
import {
  cString,
  decodeGroupStatus,
  descriptorArgument,
  groupStatusArgument,
  IOMMU_TYPES,
  VFIO_API_VERSION,
  VFIO_REQUEST,
} from "./structs.ts";

/**
 * Reads the config region of a device that nobody has: the bytes QEMU copies when it opens the same
 * device (`vfio_pci_config_setup`), and so the realize view.
 *
 * What opening does, and closing a few milliseconds later:
 *
 * - a device in use is not touched: the kernel lets one process at a time have a group or a device;
 * - while it is open here nobody else can open it: a guest that starts in that moment fails;
 * - a PCI function is reset when it is opened and again when it is closed, by vfio-pci and all its
 *   variants (`vfio_pci_core_enable`, `vfio_pci_core_disable`), so that needs `allowReset`;
 * - an mdev is its driver's affair, the kernel resets none. NVIDIA's driver starts the vGPU,
 *   waits for that, and ends it when it is closed, where it resets the VF below. Intel's GVT-g
 *   refuses, since it wants a KVM guest.
 */
export function readIdleDevice(address: string, group: string, allowReset: boolean): VfioAnswer {
  if (!allowReset && address.includes(".")) {
    return {
      result: "would-reset",
      reason: `Opening ${address} would reset it; allow that, or rely on what was recorded`,
    };
  }
  using opened = new DisposableStack();
  return answerOf(() => readDevice(openByGroup(opened, address, group)));
}

/** As QEMU without iommufd (`vfio_container_connect`, `vfio_device_get`). */
function openByGroup(opened: DisposableStack, address: string, number: string): number {
  const container = open(opened, "open-container", "/dev/vfio/vfio");
  if (libc.ioctlNumber(container, VFIO_REQUEST.GET_API_VERSION, 0n) !== VFIO_API_VERSION) {
    throw unsupported("the kernel's VFIO speaks another version of its interface");
  }
  const group = open(opened, "open-group", `/dev/vfio/${number}`);
  const status = groupStatusArgument();
  const attach = `attach IOMMU group ${number}`;
  ioctl("attach-group", attach, group, "GROUP_GET_STATUS", status);
  if (!decodeGroupStatus(status).viable) {
    throw new Refused({
      result: "not-viable",
      reason: `Another device of IOMMU group ${number} is bound to a driver of the host; unbind it`,
    });
  }
  ioctl("attach-group", attach, group, "GROUP_SET_CONTAINER", descriptorArgument(container));
  const type = Object.values(IOMMU_TYPES).find((type) =>
    libc.ioctlNumber(container, VFIO_REQUEST.CHECK_EXTENSION, type) > 0
  );
  if (type === undefined) throw unsupported("the kernel has no VFIO driver for its IOMMU");
  check("attach-group", attach, libc.ioctlNumber(container, VFIO_REQUEST.SET_IOMMU, type));
  const device = `open ${address} in IOMMU group ${number}`;
  return closeLater(
    opened,
    ioctl("open-device", device, group, "GROUP_GET_DEVICE_FD", cString(address)),
  );
}
