/** Differences between two hosts, or in the guest, that may keep a guest from migrating. */
import fc from "fast-check";
import type { FactsFile, Guest, Json, JsonObject } from "./guests.ts";

/** A difference, and its name. */
export interface Difference {
  readonly name: string;
  readonly put: (guest: Guest) => Guest;
}

type Side = "source" | "destination";
const sides = fc.constantFrom<readonly Side[]>(
  ["destination"],
  ["destination"],
  ["source"],
  ["source", "destination"],
);
const index = fc.nat(2);

/** A guest with other facts of a side. */
export function withFacts(
  guest: Guest,
  side: Side,
  change: (facts: FactsFile) => FactsFile,
): Guest {
  return { ...guest, [side]: change(guest[side]) };
}

function onHost(key: string, value: (host: JsonObject) => Json): fc.Arbitrary<Difference> {
  return sides.map((sides) => ({
    name: `${sides.join(" and ")} host ${key}`,
    put: (guest) =>
      sides.reduce((guest, side) =>
        withFacts(guest, side, ({ host, ...facts }) => ({
          ...facts,
          host: { ...host, [key]: value(host) },
        })), guest),
  }));
}

function onDevice(
  name: string,
  change: (device: JsonObject) => JsonObject,
): fc.Arbitrary<Difference> {
  return fc.tuple(sides, index).map(([sides, at]) => ({
    name: `${sides.join(" and ")} device ${at} ${name}`,
    put: (guest) =>
      sides.reduce((guest, side) =>
        withFacts(guest, side, ({ devices, ...facts }) => ({
          ...facts,
          devices: devices.map((device, index) =>
            index === at % devices.length ? change(device) : device
          ),
        })), guest),
  }));
}

/** Another value in the place of one that is there. */
function replaced(key: string, values: readonly Json[]): fc.Arbitrary<Difference> {
  return fc.constantFrom(...values).chain((value) =>
    onDevice(
      `${key} ${JSON.stringify(value)}`,
      (device) => key in device ? { ...device, [key]: value } : device,
    )
  );
}

function within(key: string, inner: string, values: readonly Json[]): fc.Arbitrary<Difference> {
  return fc.constantFrom(...values).chain((value) =>
    onDevice(`${key}.${inner} ${JSON.stringify(value)}`, (device) => {
      const own = objectOf(device[key]);
      return own === undefined ? device : { ...device, [key]: { ...own, [inner]: value } };
    })
  );
}

/** An attribute that the device has. */
function attribute(name: string, values: readonly string[]): fc.Arbitrary<Difference> {
  return fc.constantFrom(...values).chain((value) =>
    onDevice(`${name} ${JSON.stringify(value)}`, (device) => {
      const own = objectOf(device["attributes"]);
      return own === undefined || !(name in own)
        ? device
        : { ...device, attributes: { ...own, [name]: value } };
    })
  );
}

/** What is an object and no list; `undefined` for all else. */
export function objectOf(value: Json | undefined): JsonObject | undefined {
  return typeof value === "object" && value !== null && !isList(value) ? value : undefined;
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** Config bytes, and a device's with others in their place. */
export function hexOf(device: JsonObject): string {
  const hex = objectOf(device["config"])?.["hex"];
  return typeof hex === "string" ? hex : "";
}

export function withHex(device: JsonObject, hex: string): JsonObject {
  const config = objectOf(device["config"]);
  return config === undefined ? device : { ...device, config: { ...config, hex } };
}

// What decides more often than the rest: ids, header, capabilities and the vGPU's own one.
const offset = fc.oneof(
  fc.integer({ min: 0, max: 0x3f }),
  fc.integer({ min: 0x40, max: 0xff }),
  fc.integer({ min: 0xd0, max: 0xeb }),
  fc.integer({ min: 0x60, max: 0xab }),
  fc.integer({ min: 0x100, max: 0x120 }),
  fc.nat(0xfff),
);

/** Where the ids are that the kernel tells, too; of a VF in sysfs the first two read as ffff. */
const IDS = { vendor: [0x00, 2], device: [0x02, 2], class: [0x09, 3] } as const;
type Id = keyof typeof IDS;

/** A vGPU's own ids are not those of the function that it is on. */
function isApart(device: JsonObject, key: Id): boolean {
  return key === "device" && device["vgpuType"] !== undefined;
}

function showsIds(device: JsonObject): boolean {
  return !hexOf(device).startsWith("ffff");
}

/** A device of which the kernel tells what its bytes tell. */
function withToldIds(device: JsonObject): JsonObject {
  const ids = Object.entries(IDS).flatMap(([key, [offset, length]]) => {
    const hex = hexOf(device).slice(2 * offset, 2 * (offset + length));
    const id = hex.match(/../g)?.reverse().join("") ?? "";
    const isTold = key in device && !(offset < 4 && !showsIds(device));
    return isTold && !isApart(device, key === "device" ? key : "vendor") ? [[key, `0x${id}`]] : [];
  });
  return { ...device, ...Object.fromEntries(ids) };
}

/** Another id, in the bytes as well. */
function otherId(key: Id, values: readonly string[]): fc.Arbitrary<Difference> {
  const [offset] = IDS[key];
  return fc.constantFrom(...values).chain((value) =>
    onDevice(`${key} ${value}`, (device) => {
      if (!(key in device)) return device;
      const told = { ...device, [key]: value };
      if (isApart(device, key) || (offset < 4 && !showsIds(device))) return told;
      const hex = hexOf(device);
      const own = value.slice(2).match(/../g)?.reverse().join("") ?? "";
      return withHex(told, hex.slice(0, 2 * offset) + own + hex.slice(2 * offset + own.length));
    })
  );
}

// Whatever stands there in sysfs, vfio-pci shows 0 for a virtual function (vfio_pci_nointx).
const PIN = 0x3d;

function isVirtualFunction(device: JsonObject): boolean {
  return "vfIndex" in device && !("vgpuType" in device);
}

const byte = fc.tuple(offset, fc.integer({ min: 1, max: 255 })).chain(([offset, bits]) =>
  onDevice(`byte ${offset.toString(16)} ^ ${bits.toString(16)}`, (device) => {
    const hex = hexOf(device);
    const old = hex.slice(2 * offset, 2 * offset + 2);
    if (old === "" || (offset < 4 && !showsIds(device))) return device;
    if (offset === PIN && isVirtualFunction(device)) return device;
    const own = (Number.parseInt(old, 16) ^ bits).toString(16).padStart(2, "0");
    return withToldIds(
      withHex(device, hex.slice(0, 2 * offset) + own + hex.slice(2 * offset + 2)),
    );
  })
);

/** What the vGPU's own capability says: another driver, records of another form, no records. */
const vsc = fc.constantFrom(
  "5646001635333500".padEnd(32, "0") + "7235353000",
  "564600163533352e3136312e30350000723533355f3030",
  "564600143535302e35342e31360072353530",
  "5646001635",
  "01011600",
).chain((body) =>
  onDevice(`VSC ${body}`, (device) => {
    const hex = hexOf(device);
    return hex.startsWith("09681b", 2 * 0xd0)
      ? withHex(device, hex.slice(0, 2 * 0xd3) + body.padEnd(48, "0") + hex.slice(2 * 0xd3 + 48))
      : device;
  })
);

/** What virtio_vfio_pci shows where the physical function offers legacy I/O, and sysfs does not. */
const legacy = onDevice("legacy I/O", (device) => {
  const { vendor, bars } = device;
  if (vendor !== "0x1af4" || !isList(bars)) return device;
  const own = { ...device, bars: bars.with(0, 0) };
  const hex = hexOf(device);
  return showsIds(device) ? withHex(own, `${hex.slice(0, 4)}0010${hex.slice(8)}`) : own;
});

const bar = fc.tuple(fc.nat(5), fc.constantFrom(0, 0.5, 0.25, 2, 4, -1)).chain(([bar, factor]) =>
  onDevice(`BAR ${bar} times ${factor}`, (device) => {
    const { bars } = device;
    if (!isList(bars)) return device;
    const size = Number(bars[bar]);
    return { ...device, bars: bars.with(bar, factor < 0 ? 4096 : size * factor) };
  })
);

/** MSI-X: the table's size, wherever the capability is. */
const msix = fc.integer({ min: 1, max: 0x7ff }).chain((count) =>
  onDevice(`${count} MSI-X vectors`, (device) => {
    const hex = hexOf(device);
    if (hex.slice(2 * 0x9c, 2 * 0x9c + 2) !== "11") return device;
    const low = (count & 0xff).toString(16).padStart(2, "0");
    const high = (count >> 8).toString(16).padStart(2, "0");
    return withHex(device, hex.slice(0, 2 * 0x9e) + low + high + hex.slice(2 * 0xa0));
  })
);

const properties = fc.constantFrom(
  ["x-enable-migration", "off"],
  ["enable-migration", "off"],
  ["skip-vsc-check", "off"],
  ["multifunction", "on"],
  ["x-pci-device-id", "0x1234"],
  ["x-pci-sub-device-id", "0x1234"],
  ["x-pci-class-code", "0x020000"],
  ["x-msix-relocation", "bar2"],
  ["x-nv-gpudirect-clique", "1"],
  ["x-no-such", "1"],
  ["rombar", "0"],
).map(([name = "", value = ""]): Difference => ({
  name: `property ${name}=${value}`,
  put: (guest) => withProperty(guest, name, value),
}));

function withProperty({ domain, ...guest }: Guest, name: string, value: string): Guest {
  return {
    ...guest,
    domain: {
      ...domain,
      hostDevices: domain.hostDevices.map((device) =>
        device.kind === "other"
          ? device
          : { ...device, properties: { ...device.properties, [name]: value } }
      ),
    },
  };
}

const machine = fc.constantFrom(
  "pc-q35-9.0",
  "pc-q35-9.2",
  "pc-q35-8.2",
  "pc-q35-11.1",
  "pc-q35-noble",
  "pc-q35-rhel9.6.0",
  "pc-i440fx-9.1",
  "q35",
  "pc",
  "virt-9.1",
  "microvm",
).map((machine): Difference => ({
  name: `machine ${machine}`,
  put: (guest) => ({ ...guest, domain: { ...guest.domain, machine } }),
}));

const withKernel = (side: Side, kernel: string) => (guest: Guest): Guest =>
  withFacts(guest, side, ({ host, ...facts }) => ({ ...facts, host: { ...host, kernel } }));

const ROM = "/usr/share/site/boot.rom";

const guests = fc.constantFrom<Difference>(
  {
    name: "one host",
    put: (guest) => ({
      ...guest,
      destination: { ...guest.destination, host: guest.source.host },
    }),
  },
  {
    name: "RHEL 9.4 and 10",
    put: (guest) =>
      withKernel("source", "5.14.0-427.el9_4.x86_64")(
        withKernel("destination", "6.12.0-55.el10_0.x86_64")(guest),
      ),
  },
  {
    name: "a ROM file that is larger on the destination",
    put: (guest) => {
      const sized = (side: Side, size: number) => (guest: Guest): Guest =>
        withFacts(guest, side, ({ host, ...facts }) => ({
          ...facts,
          host: { ...host, romFiles: { [ROM]: size } },
        }));
      return sized("source", 32768)(
        sized("destination", 131072)(withProperty(guest, "romfile", ROM)),
      );
    },
  },
  {
    name: "another address on the destination",
    put: (guest) =>
      withFacts(guest, "destination", ({ devices, ...facts }) => ({
        ...facts,
        devices: devices.map((device, at) =>
          at > 0 ? device : {
            ...device,
            address: `${device["address"]}`.length === 36
              ? "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2b00"
              : "0000:af:00.1",
          }
        ),
      })),
  },
  {
    name: "an IOMMU of the guest",
    put: (guest) => ({ ...guest, domain: { ...guest.domain, viommu: true } }),
  },
  {
    name: "another bus",
    put: (guest) => ({
      ...guest,
      domain: {
        ...guest.domain,
        hostDevices: guest.domain.hostDevices.map((device) =>
          device.kind === "other" ? device : { ...device, bus: "root" }
        ),
      },
    }),
  },
);

// Of these the driver's name is the proof: it gives each of its devices the operations.
const PROOF = /^(qat_vfio_pci|pds_vfio_pci|xe[-_]vfio[-_]pci|mtty)$/;

const notOffered = onDevice("no migration offered", (device) => {
  const driver = objectOf(device["driver"])?.["name"];
  return PROOF.test(`${driver}`) ? device : { ...device, migration: { offered: false } };
});

const DRIVERS = [
  "vfio-pci",
  "nvidia",
  "mlx5_vfio_pci",
  "nvgrace_gpu_vfio_pci",
  "ice_vfio_pci",
  "virtio_vfio_pci",
  "xe-vfio-pci",
  "igb",
];
/** The subsystem id in a vGPU's bytes is its type. */
function withSubsystem(device: JsonObject, type: number): JsonObject {
  const hex = hexOf(device);
  const id = (0x1300 + type & 0xff).toString(16).padStart(4, "0").replace(/(..)(..)/, "$2$1");
  return withHex(device, hex.slice(0, 2 * 0x2e) + id + hex.slice(2 * 0x30));
}

const mdevName = fc.constantFrom("GRID T4-1Q", "NVIDIA A40-8Q").chain((name) =>
  onDevice(`mdev type ${name}`, (device) => {
    const type = objectOf(device["mdevType"]);
    return type === undefined
      ? device
      : { ...withSubsystem(device, name.length), mdevType: { ...type, name } };
  })
);

const vgpuType = fc.constantFrom(0, 557, 559).chain((type) =>
  onDevice(`vGPU type ${type}`, (device) => {
    if (!("vgpuType" in device)) return device;
    const own = { ...withSubsystem(device, type), vgpuType: type };
    if (type > 0) return own;
    // Without a vGPU there is nothing to open: sysfs shows the function.
    const shown = withHex(own, `ffffffff${hexOf(own).slice(8)}`);
    return { ...shown, config: { ...objectOf(shown["config"]), view: "sysfs", source: "sysfs" } };
  })
);

/** One version of all that NVIDIA's driver is made of. */
const nvidiaDriver = fc.tuple(sides, fc.constantFrom("535.161.05", "550.90.05", "570.1")).map((
  [sides, version],
): Difference => ({
  name: `${sides.join(" and ")} NVIDIA's driver ${version}`,
  put: (guest) =>
    sides.reduce((guest, side) =>
      withFacts(guest, side, ({ host, devices, ...facts }) => ({
        ...facts,
        host: { ...host, nvidiaDriver: version },
        devices: devices.map((device) => ({
          ...device,
          driver: { ...objectOf(device["driver"]), version },
        })),
      })), guest),
}));

const QEMUS = ["5.2.0", "7.2.22", "8.0.0", "8.1.5", "8.2.0", "9.0.4", "9.1.0", "10.0.2", "11.1.3"];
const OWN_FEATURES = ["stop-copy", "p2p", "pre-copy", "dirty-tracking"];

const one: fc.Arbitrary<Difference> = fc.oneof(
  { weight: 8, arbitrary: byte },
  { weight: 3, arbitrary: bar },
  { weight: 1, arbitrary: msix },
  { weight: 1, arbitrary: legacy },
  { weight: 2, arbitrary: vsc },
  { weight: 2, arbitrary: replaced("romSize", [65536, 131072]) },
  {
    weight: 2,
    arbitrary: otherId("vendor", ["0x10de", "0x8086", "0x15b3", "0x1002", "0x1af4", "0x4348"]),
  },
  {
    weight: 2,
    arbitrary: otherId("device", ["0x1889", "0x4941", "0x4943", "0xa256", "0x1000", "0x101e"]),
  },
  { weight: 1, arbitrary: otherId("class", ["0x020000", "0x030200", "0x0b4000", "0x0b4001"]) },
  { weight: 2, arbitrary: within("driver", "name", DRIVERS) },
  { weight: 2, arbitrary: mdevName },
  { weight: 1, arbitrary: within("mdevType", "id", ["nvidia-232", "i915-GVTg_V5_4", "mtty-2"]) },
  { weight: 2, arbitrary: vgpuType },
  {
    weight: 1,
    // Under one driver a type's number has one name.
    arbitrary: attribute("nvidia/creatable_vgpu_types", ["", "557   : NVIDIA A40-6Q"]),
  },
  {
    weight: 1,
    arbitrary: attribute("nvidia/vgpu_params", ["enable_uvm=1", "enable_profiling=1"]),
  },
  {
    weight: 2,
    arbitrary: within("firmware", "version", ["28.42.1000", "28.39.1000", "26.1.1", "1.60.0"]),
  },
  { weight: 2, arbitrary: within("firmware", "psid", ["MT_0000000834"]) },
  {
    weight: 2,
    arbitrary: attribute("parent/qat/cfg_services", ["dc", "dcc", "asym;sym", "sym"]),
  },
  { weight: 2, arbitrary: notOffered },
  { weight: 1, arbitrary: replaced("inUse", [true]) },
  {
    weight: 2,
    arbitrary: fc.subarray(OWN_FEATURES).chain((own) => within("migration", "features", [own])),
  },
  { weight: 1, arbitrary: replaced("migration", [{ offered: true }]) },
  { weight: 1, arbitrary: fc.constantFrom(...QEMUS).chain((qemu) => onHost("qemu", () => qemu)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("8.0.0", "8.5.0", "7.0.0", "11.0.0")
      .chain((libvirt) => onHost("libvirt", () => libvirt)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "5.4.0",
      "5.15.0-1",
      "6.6.0",
      "5.14.0-427.el9_4.x86_64",
      "6.12.0-55.el10_0.x86_64",
      "what",
    ).chain((kernel) => onHost("kernel", () => kernel)),
  },
  { weight: 2, arbitrary: nvidiaDriver },
  { weight: 1, arbitrary: onHost("machineTypes", () => ["pc-q35-8.2"]) },
  {
    weight: 1,
    arbitrary: onHost("skipVscCheck", () => ({ "pc-q35-9.1": true, "pc-q35-noble": false })),
  },
  { weight: 3, arbitrary: properties },
  { weight: 3, arbitrary: machine },
  { weight: 2, arbitrary: guests },
);

/** One difference, sometimes two: the second shows what the first hides. */
export const difference: fc.Arbitrary<Difference> = fc.oneof(
  { weight: 3, arbitrary: one },
  {
    weight: 1,
    arbitrary: fc.tuple(one, one).map(([first, second]) => ({
      name: `${first.name}, ${second.name}`,
      put: (guest: Guest): Guest => second.put(first.put(guest)),
    })),
  },
);
