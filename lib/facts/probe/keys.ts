/** Of what a key of the probe's report is told. */
export type ProbedThing =
  | "host"
  | "device"
  | "function"
  | "mdev"
  | "parent"
  | "file"
  | "emulator"
  | "premigrate";

/**
 * What it means that the probe has no value of a key:
 *
 * - `told`: a verdict may depend on it, so that the probe says it of every such thing. A report without
 *   it is no whole one;
 * - `none`: likewise, and that it is not there is a value: there can be none of it, or the kernel does
 *   not tell;
 * - `fact`: the fact is not known, and what depends on it is undecided;
 * - `no-part`: no verdict depends on it.
 */
export type ProbeAbsence = "told" | "none" | "fact" | "no-part";

type Rows = Readonly<Record<string, ProbeAbsence>>;

/** Every key that `probe.sh` may print, without `parent/` and the names in it that vary. */
export const PROBE_KEYS: Readonly<Record<ProbedThing, Rows>> = {
  host: {
    time: "no-part",
    uid: "no-part",
    "sys/kernel/hostname": "fact",
    "sys/kernel/osrelease": "fact",
    "sys/kernel/random/boot_id": "fact",
    "driver/nvidia/version": "fact",
    "machine-id": "no-part",
    "bus/pci": "no-part",
    vfio_aliases: "fact",
    "module/*/version": "no-part",
  },
  device: {
    driver: "told",
    "driver/module/version": "fact",
    iommu_group: "fact",
    migration: "none",
    "migration/features": "fact",
    parent: "none",
    "nvidia/current_vgpu_type": "none",
    "attributes/*": "fact",
  },
  function: {
    vendor: "told",
    device: "told",
    class: "told",
    modalias: "fact",
    resource: "told",
    numa_node: "no-part",
    power_state: "none",
    reset_method: "no-part",
    devlink: "none",
    config: "told",
    vf_index: "no-part",
  },
  mdev: {
    mdev_type: "told",
    "mdev_type/name": "told",
    "mdev_type/description": "no-part",
    "mdev_type/available_instances": "no-part",
  },
  parent: {
    vendor: "told",
    numa_node: "no-part",
    devlink: "none",
  },
  file: {
    size: "fact",
    modified: "fact",
    changed: "fact",
  },
  emulator: {
    identity: "fact",
    exe: "fact",
    daemons: "fact",
    qmp: "fact",
  },
  premigrate: {
    "applied.conf": "none",
    realize: "none",
    "realize/*": "no-part",
    waivers: "none",
    "waivers/*": "no-part",
  },
};

function toldOf(...things: readonly ProbedThing[]): string[] {
  return things.flatMap((thing) =>
    Object.entries(PROBE_KEYS[thing])
      .filter(([, absence]) => absence === "told" || absence === "none")
      .map(([key]) => thing === "parent" ? `parent/${key}` : key)
  );
}

const TOLD = {
  function: toldOf("device", "function"),
  mdev: toldOf("device", "mdev"),
  parent: toldOf("parent"),
};

/**
 * The keys that the probe has to tell of a device.
 *
 * @param hasParent It is a VF or an mdev, whose parent was read.
 */
export function toldKeys(address: string, hasParent: boolean): readonly string[] {
  const own = address.includes("-") ? TOLD.mdev : TOLD.function;
  return hasParent ? [...own, ...TOLD.parent] : own;
}

const NONE = new Set(
  (["device", "function", "parent", "premigrate"] as const).flatMap((thing) =>
    Object.entries(PROBE_KEYS[thing])
      .filter(([, absence]) => absence === "none")
      .map(([key]) => thing === "parent" ? `parent/${key}` : key)
  ),
);

/** Whether it is a value that there is none of it. */
export function mayBeNone(key: string): boolean {
  return NONE.has(key);
}
