import {
  decodeConfigSpace,
  definePolicy,
  type DeviceFacts,
  type DevicePair,
  get16,
  identify,
  isAtLeast,
  kernelHas,
  type Migration,
  parseQemuVersion,
  type PolicyFinding,
  type QemuVersion,
  resolveAlias,
  v,
} from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

type Finding = PolicyFinding<keyof typeof CODES>;
const SIDES = ["source", "destination"] as const;

const Floor = v.pipe(v.string(), v.regex(/^\d{1,3}\.\d{1,3}$/));
const OPTIONS = v.strictObject({
  qemu: v.pipe(
    v.optional(Floor, "8.1"),
    v.description("The oldest QEMU that migrates VFIO devices without being told to"),
  ),
  libvirt: v.pipe(
    v.optional(Floor, "8.6"),
    v.description("The oldest libvirt that lets a guest with a VFIO device go"),
  ),
  kernel: v.pipe(
    v.optional(Floor, "5.18"),
    v.description("The oldest kernel that can migrate VFIO devices"),
  ),
  drivers: v.pipe(
    v.optional(v.array(v.string()), []),
    v.description("Further VFIO drivers that the site knows to migrate their devices"),
  ),
});
type Options = v.InferOutput<typeof OPTIONS>;

/** What every VFIO device needs to migrate at all, and to arrive as the same device. */
export const genericVfio = definePolicy({
  id: "generic/vfio",
  title: "What every VFIO device needs to migrate",
  documentation,
  match: {},
  needs: ["bars", "config", "driver", "kernel", "qemu"],
  options: OPTIONS,
  codes: CODES,
  *evaluate(pair, migration, options): Generator<Finding> {
    for (const side of SIDES) {
      yield* checkDriver(side, pair[side], options);
      yield* checkKernel(side, pair[side], migration[side].kernel, options.kernel);
      const qemu = qemuOf(migration, side, options);
      if (qemu === undefined) {
        yield { code: "fact-unknown", data: { side, fact: "QEMU version" } };
      } else {
        yield* checkQemu(side, qemu, pair, migration, options);
      }
    }
    yield* checkLibvirt(migration, options.libvirt);
    yield* checkGuest(pair, migration);
    yield* checkIdentity(pair);
    yield* checkMsix(pair);
    yield* checkBars(pair);
  },
});

type Side = typeof SIDES[number];

// Linux drivers/vfio/pci, and for mdevs those of NVIDIA and of the kernel's samples. `vfio_mdev` is
// what any mdev is bound to before Linux 5.16.
const MIGRATING = new Set([
  "hisi_acc_vfio_pci",
  "mlx5_vfio_pci",
  "mtty",
  "nvidia",
  "nvidia_vgpu_vfio",
  "pds_vfio_pci",
  "qat_vfio_pci",
  "vfio_mdev",
  "virtio_vfio_pci",
  "xe_vfio_pci",
]);
const NOT_MIGRATING = new Set(["nvgrace_gpu_vfio_pci", "vfio_pci"]);

function* checkDriver(
  side: Side,
  { driver, migration }: DeviceFacts,
  { drivers }: Options,
): Generator<Finding> {
  if (migration !== undefined) {
    if (!migration.offered) {
      yield { code: "no-migration", data: { side, driver: driver?.name ?? "its driver" } };
    }
    return;
  }
  if (driver === undefined) {
    yield { code: "fact-unknown", data: { side, fact: "driver" } };
    return;
  }
  const { name } = driver;
  const module = name.replaceAll("-", "_");
  if (NOT_MIGRATING.has(module)) {
    yield { code: "no-migration", data: { side, driver: name } };
  } else if (!MIGRATING.has(module) && !drivers.includes(name)) {
    yield { code: "driver-unknown", data: { side, driver: name } };
  }
}

function* checkKernel(
  side: Side,
  { migration }: DeviceFacts,
  kernel: string | undefined,
  floor: string,
): Generator<Finding> {
  // A kernel that offers it has it.
  if (migration?.offered) return;
  if (kernel === undefined) {
    yield { code: "fact-unknown", data: { side, fact: "kernel" } };
    return;
  }
  const has = kernelHas(kernel, floor);
  if (has) return;
  yield {
    code: "kernel-too-old",
    ...has === undefined ? { severity: "warn" as const } : {},
    data: { side, kernel, floor },
  };
}

/** The side's version, or the oldest one that has the guest's machine type, if that is enough. */
function qemuOf(
  { machine, ...hosts }: Migration,
  side: Side,
  { qemu: floor }: Options,
): QemuVersion | undefined {
  const { qemu } = hosts[side];
  if (qemu !== undefined || machine === undefined) return qemu;
  const { version } = resolveAlias(machine, hosts.source.qemu);
  if (typeof version !== "object") return undefined;
  const oldest = `${version.major}.${version.minor}`;
  return isAtLeast(oldest, floor) ? parseQemuVersion(oldest) : undefined;
}

function* checkQemu(
  side: Side,
  qemu: QemuVersion,
  { guest: { properties }, ...pair }: DevicePair,
  { vfioDevices = 1, viommu }: Migration,
  { qemu: floor }: Options,
): Generator<Finding> {
  const data = { side, qemu: `${qemu}` };
  const isTold = isOn(properties["x-enable-migration"]) && qemu.atLeast(8, 0);
  if (!isAtLeast(`${qemu}`, floor) && !isTold) {
    yield { code: "qemu-too-old", data: { ...data, floor } };
    return;
  }
  const { migration } = pair[side];
  const features = migration?.features;
  if (vfioDevices > 1) {
    if (!qemu.atLeast(8, 2)) {
      yield { code: "several-devices", data: { ...data, count: vfioDevices } };
    } else if (features === undefined) {
      yield { code: "p2p-unknown", data: { side, count: vfioDevices } };
    } else if (!features.includes("p2p")) {
      yield { code: "p2p-missing", data: { side, count: vfioDevices } };
    }
  }
  if (features?.includes("dirty-tracking") === false && !isOn(properties["enable-migration"])) {
    // Since 9.1 the IOMMU's own tracking is as good (f48b472450).
    const severity = qemu.atLeast(9, 1) ? "warn" : "veto";
    yield { code: "no-dirty-tracking", severity, data };
  }
  if (viommu) {
    // 0e3c1e2b2b
    const severity = qemu.atLeast(11, 0) ? "warn" : "veto";
    yield { code: "viommu", severity, data };
  }
}

// qapi_bool_parse
function isOn(value: string | undefined): boolean {
  return value !== undefined && ["on", "yes", "true", "y"].includes(value);
}

function* checkLibvirt({ source: { libvirt } }: Migration, floor: string): Generator<Finding> {
  const has = libvirt === undefined ? undefined : isAtLeast(libvirt, floor);
  if (libvirt === undefined || has === undefined) {
    yield { code: "fact-unknown", data: { side: "source", fact: "libvirt version" } };
  } else if (!has) {
    yield { code: "libvirt-too-old", data: { libvirt, floor } };
  }
}

function* checkGuest({ guest }: DevicePair, migration: Migration): Generator<Finding> {
  const value = guest.properties["enable-migration"];
  if (value !== undefined && ["off", "no", "false", "n"].includes(value)) {
    yield { code: "migration-disabled" };
  }
  if (migration.viommu === undefined) yield { code: "viommu-unknown" };
  if (migration.postCopy) yield { code: "post-copy" };
}

function* checkIdentity({ source, destination }: DevicePair): Generator<Finding> {
  const [from, to] = [identify(source), identify(destination)];
  const [old, own] = [bytesOf(source), bytesOf(destination)];
  const fields = [
    ["vendor id", from.vendor, to.vendor],
    ["device id", from.device, to.device],
    ["class", from.class, to.class],
    ["revision", old?.[0x08], own?.[0x08]],
  ] as const;
  for (const [field, source, destination] of fields) {
    if (source === undefined || destination === undefined || source === destination) continue;
    yield { code: "identity-differs", data: { field, source, destination } };
  }
  if (old === undefined || own === undefined) return;
  for (const [field, offset] of [["subsystem vendor id", 0x2c], ["subsystem id", 0x2e]] as const) {
    const [source, destination] = [get16(old, offset), get16(own, offset)];
    if (source === destination) continue;
    yield { code: "subsystem-differs", offset, data: { field, source, destination } };
  }
}

function* checkMsix(pair: DevicePair): Generator<Finding> {
  const [from, to] = [pair.source, pair.destination].map(msixOf);
  if (from === undefined || to === undefined || from.count === to.count) return;
  const data = { source: from.count, destination: to.count };
  yield { code: "msix-count-differs", offset: to.offset + 2, data };
}

// PCI 3.0, 6.8.2.3: Message Control holds the table's size less one.
function msixOf(facts: DeviceFacts): { offset: number; count: number } | undefined {
  const bytes = bytesOf(facts);
  if (bytes === undefined || bytes.length < 256) return undefined;
  const offset = decodeConfigSpace(bytes).capabilities.find(({ id }) => id === 0x11)?.offset;
  if (offset === undefined || offset + 4 > 256) return undefined;
  return { offset, count: (get16(bytes, offset + 2) & 0x7ff) + 1 };
}

/** Bytes of a device that answers; a VF has no ids of its own in them, but all else. */
function bytesOf({ config, vendor }: DeviceFacts): Uint8Array | undefined {
  if (config === undefined || config.bytes.length < 64) return undefined;
  return vendor === undefined && get16(config.bytes, 0) === 0xffff ? undefined : config.bytes;
}

function* checkBars({ source, destination }: DevicePair): Generator<Finding> {
  // A VF's BARs in sysfs are not those of the vGPU in it: sizes of two kinds say nothing.
  if (source.config?.kind !== destination.config?.kind) return;
  for (const [bar, size] of (source.bars ?? []).entries()) {
    const other = destination.bars?.[bar];
    if (other === undefined || other >= size) continue;
    yield { code: "bar-shrinks", data: { bar, source: size, destination: other } };
  }
}
