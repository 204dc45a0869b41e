import {
  byStandIn,
  definePolicy,
  type DeviceFacts,
  type DevicePair,
  get16,
  identify,
  isAtLeast,
  kernelHas,
  type Migration,
  neverMigrates,
  ownFacts,
  parseQapiBool,
  type PolicyFinding,
  type QemuVersion,
  redHatRelease,
  type Side,
  SIDES,
  spaceOf,
  v,
} from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

type Finding = PolicyFinding<typeof CODES>;

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
    v.description("VFIO drivers that the site knows to migrate their devices"),
  ),
});
type Options = v.InferOutput<typeof OPTIONS>;

/** What every VFIO device needs to migrate at all, and to arrive as the same device. */
export default definePolicy({
  id: "generic/vfio",
  title: "What every VFIO device needs to migrate",
  documentation,
  match: {},
  options: OPTIONS,
  codes: CODES,
  *evaluate(pair, migration, options): Generator<Finding> {
    for (const side of SIDES) {
      yield* checkDriver(side, pair[side], options);
      yield* checkKernel(side, pair[side], migration[side].kernel, options);
      const { qemu } = migration[side];
      if (qemu === undefined) {
        yield { code: "fact-unknown", data: { side, fact: "QEMU version" } };
      } else {
        yield* checkQemu(side, qemu, pair, migration, options);
      }
    }
    yield* checkLibvirt(migration, options.libvirt);
    yield* checkGuest(pair, migration);
    const own = {
      ...pair,
      source: ownFacts(pair.source),
      destination: ownFacts(pair.destination),
    };
    for (const check of [checkIdentity, checkMsix, checkBars]) {
      yield* byStandIn(own, CODES, check(own));
    }
  },
});

// Linux drivers/vfio/pci, mtty of its samples, and what binds NVIDIA's vGPUs (`vfio_mdev` binds any
// mdev before Linux 5.16). Proof is the binding of a driver that gives each device that it binds
// its migration operations (`qat_vf_pci_init_dev`, `pds_vfio_init_device`, `mtty_init_dev`). The
// others bind devices without, too: where the physical function
// does not allow it (`mlx5vf_cmd_set_migratable`, `hisi_acc_vfio_pci_probe`,
// `virtiovf_pci_init_device`, `xe_vfio_pci_migration_init`), or the module was built for a kernel that has another protocol (the
// log of NVIDIA's then says "vGPU migration disabled").
const DRIVERS: ReadonlyMap<string, "some" | "proof"> = new Map([
  ["hisi_acc_vfio_pci", "some"],
  ["mlx5_vfio_pci", "some"],
  ["mtty", "proof"],
  ["nvidia", "some"],
  ["nvidia_vgpu_vfio", "some"],
  ["pds_vfio_pci", "proof"],
  ["qat_vfio_pci", "proof"],
  ["vfio_mdev", "some"],
  ["virtio_vfio_pci", "some"],
  ["xe_vfio_pci", "some"],
]);

function abilityOf(name: string): "never" | "some" | "proof" | undefined {
  return neverMigrates(name) ? "never" : DRIVERS.get(name.replaceAll("-", "_"));
}

function* checkDriver(side: Side, facts: DeviceFacts, { drivers }: Options): Generator<Finding> {
  const { driver, migration, vgpuType = 0 } = facts;
  const name = driver?.name;
  const ability = name === undefined ? undefined : abilityOf(name);
  // What the vendors' policies say depends on it, whatever it offers.
  if (name === undefined) yield { code: "fact-unknown", data: { side, fact: "driver" } };
  if (migration !== undefined) {
    if (!migration.offered) {
      yield { code: "no-migration", data: { side, driver: name ?? "its driver" } };
    }
  } else if (name === undefined) {
    return;
  } else if (ability === "never") {
    // Only NVIDIA's driver makes a vGPU of a VF, so another one takes the VF away from it.
    const code = vgpuType > 0 ? "managed-takes-vgpu" : "no-migration";
    yield { code, data: { side, driver: name } };
  } else if (ability !== "proof" && !drivers.includes(name)) {
    const code = ability === undefined ? "driver-unknown" : "driver-tells-not";
    yield { code, data: { side, driver: name } };
  }
}

function* checkKernel(
  side: Side,
  { migration, driver }: DeviceFacts,
  kernel: string | undefined,
  { kernel: floor, drivers }: Options,
): Generator<Finding> {
  if (kernel === undefined) {
    yield { code: "fact-unknown", data: { side, fact: "kernel" } };
    return;
  }
  // A kernel that offers it has it.
  if (migration?.offered) return;
  const has = kernelHas(kernel, floor);
  if (has || (has === undefined && isRedHatWithMigration(kernel))) return;
  const name = driver?.name ?? "";
  // A variant driver is VFIO migration itself: with it the distribution has brought both.
  const isBroughtBack = drivers.includes(name) ||
    (name.replaceAll("-", "_").endsWith("_vfio_pci") && abilityOf(name) !== "never");
  yield {
    code: "kernel-too-old",
    severity: has === undefined || isBroughtBack ? "warn" : undefined,
    data: { side, kernel, floor },
  };
}

// NVIDIA lists RHEL 9.4 and later for the live migration of vGPUs.
function isRedHatWithMigration(kernel: string): boolean {
  const { major = 0, minor = 0 } = redHatRelease(kernel) ?? {};
  return major > 9 || (major === 9 && minor >= 4);
}

function* checkQemu(
  side: Side,
  qemu: QemuVersion,
  { guest: { properties }, ...pair }: DevicePair,
  { vfioDevices = 1, viommu }: Migration,
  { qemu: floor }: Options,
): Generator<Finding> {
  const data = { side, qemu: `${qemu}` };
  const isTold = parseQapiBool(properties["x-enable-migration"] ?? "") === true &&
    qemu.atLeast(8, 0);
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
  if (parseQapiBool(properties["enable-migration"] ?? "") !== true) {
    // Since 9.1 the IOMMU's own tracking is as good (f48b472450).
    const isNeeded = !qemu.atLeast(9, 1);
    if (features?.includes("dirty-tracking") === false) {
      yield { code: "no-dirty-tracking", severity: isNeeded ? "veto" : "warn", data };
    } else if (features === undefined && isNeeded) {
      yield { code: "dirty-tracking-unknown", data };
    }
  }
  if (viommu) {
    // 0e3c1e2b2b
    const severity = qemu.atLeast(11, 0) ? "warn" : "veto";
    yield { code: "viommu", severity, data };
  }
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

function* checkIdentity(pair: DevicePair): Generator<Finding> {
  const [from, to] = [identify(pair.source), identify(pair.destination)];
  const [old, own] = [bytesOf(pair.source), bytesOf(pair.destination)];
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
  for (
    const [side, other, ids] of [
      ["source", "destination", from],
      ["destination", "source", to],
    ] as const
  ) {
    // Without any bytes qemu/restore-check cannot decide.
    if (pair[side].config === undefined) continue;
    const { address, config } = pair[other];
    const shown = identify({ address, config });
    for (const [key, fact] of IDS) {
      const isOfOther = isOfBytesAlone(pair[side], key, pair[other][key], shown[key]);
      const isKnown = ids[key] !== undefined && !isOfOther;
      if (!isKnown) yield { code: "fact-unknown", data: { side, fact } };
    }
  }
  if (old === undefined || own === undefined) return;
  for (const [field, offset] of [["subsystem vendor id", 0x2c], ["subsystem id", 0x2e]] as const) {
    const [source, destination] = [get16(old, offset), get16(own, offset)];
    if (source === destination) continue;
    yield { code: "subsystem-differs", offset, data: { field, source, destination } };
  }
}

const IDS = [["vendor", "vendor id"], ["device", "device id"], ["class", "class"]] as const;

/** A vGPU's bytes may have other ids than the function that it is on: one does not tell the other. */
function isOfBytesAlone(
  { vgpuType = 0, ...facts }: DeviceFacts,
  key: typeof IDS[number][0],
  known: number | undefined,
  shown: number | undefined,
): boolean {
  if (facts[key] !== undefined) return false;
  return vgpuType > 0 || (known !== undefined && shown !== undefined && shown !== known);
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
  const offset = spaceOf(bytes).capabilities.find(({ id }) => id === 0x11)?.offset;
  if (offset === undefined || offset + 4 > 256) return undefined;
  return { offset, count: (get16(bytes, offset + 2) & 0x7ff) + 1 };
}

/** Bytes of a device that answers; a VF has no ids of its own in them, but all else. */
function bytesOf({ config, vendor }: DeviceFacts): Uint8Array | undefined {
  if (config === undefined || config.bytes.length < 64) return undefined;
  return vendor === undefined && get16(config.bytes, 0) === 0xffff ? undefined : config.bytes;
}

function* checkBars({ source, destination }: DevicePair): Generator<Finding> {
  for (const [bar, size] of (source.bars ?? []).entries()) {
    const other = destination.bars?.[bar];
    if (other === undefined || other >= size) continue;
    yield { code: "bar-shrinks", data: { bar, source: size, destination: other } };
  }
}
