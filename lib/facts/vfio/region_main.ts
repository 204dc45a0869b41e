/**
 * Reads a VFIO device's config region and prints it: the bytes QEMU copies when it opens the same
 * device (`vfio_pci_config_setup`), and so the realize view. A process of its own, since it needs
 * the C library and nothing else:
 *
 *     deno run --no-prompt --allow-ffi region_main.ts ADDRESS GROUP [--allow-reset]
 *
 * ADDRESS is `0000:3b:00.4` or an mdev's UUID. GROUP is the number of its IOMMU group
 * (`/dev/vfio/12`). The answer is one JSON object on stdout, whatever it is, and the exit code 0; 2 for
 * wrong arguments.
 *
 * What opening does, and closing a few milliseconds later:
 *
 * - a device in use is not touched: the kernel lets one process at a time have a group or a device;
 * - while it is open here nobody else can open it: a guest that starts in that moment fails;
 * - a PCI function is reset when it is opened and again when it is closed, by vfio-pci and all its
 *   variants (`vfio_pci_core_enable`, `vfio_pci_core_disable`), so that needs `--allow-reset`;
 * - an mdev is its driver's affair, the kernel resets none. NVIDIA's driver starts the vGPU,
 *   waits for that, and ends it when it is closed, where it resets the VF below. Intel's GVT-g
 *   refuses, since it wants a KVM guest.
 *
 * Proven on x86_64. `open` and `ioctl` are variadic in C and are called here as if they were not:
 * Linux passes such integers and pointers in the same registers either way, on x86_64 and on
 * aarch64, the only two that Deno runs on.
 *
 * @module
 */
import type { VfioAnswer, VfioRead } from "./answer.ts";
import { refuse, type VfioStep } from "./refusal.ts";
import {
  cString,
  decodeDeviceInfo,
  decodeGroupStatus,
  decodeRegionInfo,
  descriptorArgument,
  deviceInfoArgument,
  groupStatusArgument,
  IOMMU_TYPES,
  PCI_REGION,
  regionInfoArgument,
  VFIO_API_VERSION,
  VFIO_REQUEST,
} from "./structs.ts";

const O_RDWR_CLOEXEC = 0x80002;

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  ioctlNumber: { name: "ioctl", parameters: ["i32", "usize", "usize"], result: "i32" },
  ioctlStruct: { name: "ioctl", parameters: ["i32", "usize", "buffer"], result: "i32" },
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
  __errno_location: { parameters: [], result: "pointer" },
  strerror: { parameters: ["i32"], result: "pointer" },
});

/** An answer without bytes, on its way out. */
class Refused extends Error {
  readonly answer: VfioAnswer;

  constructor(answer: VfioAnswer) {
    super(answer.result);
    this.answer = answer;
  }
}

function read(address: string, group: string, allowReset: boolean): VfioAnswer {
  if (!allowReset && address.includes(".")) {
    return {
      result: "would-reset",
      reason: `Opening ${address} would reset it; allow that, or rely on what was recorded`,
    };
  }
  using opened = new DisposableStack();
  try {
    return readDevice(openByGroup(opened, address, group));
  } catch (error) {
    if (error instanceof Refused) return error.answer;
    throw error;
  }
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
  return close(
    opened,
    ioctl("open-device", device, group, "GROUP_GET_DEVICE_FD", cString(address)),
  );
}

/** As QEMU (`vfio_device_prepare`, `vfio_pci_populate_device`, `vfio_pci_config_setup`). */
function readDevice(device: number): VfioRead {
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

function open(opened: DisposableStack, step: VfioStep, path: string): number {
  return close(opened, check(step, `open ${path}`, libc.open(cString(path), O_RDWR_CLOEXEC)));
}

/** Closes a descriptor when `opened` is disposed of: the last one opened first. */
function close(opened: DisposableStack, descriptor: number): number {
  return opened.adopt(descriptor, libc.close);
}

function ioctl(
  step: VfioStep,
  doing: string,
  descriptor: number,
  request: keyof typeof VFIO_REQUEST,
  argument: Uint8Array<ArrayBuffer>,
): number {
  return check(step, doing, libc.ioctlStruct(descriptor, VFIO_REQUEST[request], argument));
}

/** `result`, unless it is below 0: nothing may come between that call and this one. */
function check(step: VfioStep, doing: string, result: number): number {
  if (result >= 0) return result;
  const location = libc.__errno_location();
  const errno = location === null ? 0 : new Deno.UnsafePointerView(location).getInt32();
  const error = libc.strerror(errno);
  const text = error === null ? `error ${errno}` : Deno.UnsafePointerView.getCString(error);
  throw new Refused(refuse(step, errno, doing, text));
}

function unsupported(reason: string): Refused {
  return new Refused({ result: "unsupported", reason: `Cannot read the device: ${reason}` });
}

const [address = "", group = "", option, ...rest] = Deno.args;
if (
  !/^([0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/
    .test(address) ||
  !/^[0-9]{1,9}$/.test(group) ||
  (option !== undefined && option !== "--allow-reset") || rest.length > 0
) {
  Deno.stderr.writeSync(new TextEncoder().encode("Usage: ADDRESS GROUP [--allow-reset]\n"));
  Deno.exit(2);
}
Deno.stdout.writeSync(
  new TextEncoder().encode(`${JSON.stringify(read(address, group, option !== undefined))}\n`),
);
