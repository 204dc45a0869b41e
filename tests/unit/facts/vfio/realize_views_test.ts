import { assertEquals } from "@std/assert";
import {
  addRealizeViews,
  type RealizeOptions,
  type RealizeReaders,
} from "../../../../lib/facts/vfio/realize_views.ts";
import type { CapturedDevice, Facts } from "../../../../lib/facts/mod.ts";

const MDEV = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";
const READ = new Uint8Array(256).fill(1);
const KEPT = new Uint8Array(256).fill(2);
const NOW = new Uint8Array(256).fill(3);
const SIZES = { bars: [16, 0, 0, 0, 0, 0], romSize: 0 };

const RUNNING = { result: "read", config: { kind: "running", bytes: NOW }, ...SIZES } as const;

const idle: CapturedDevice = {
  address: MDEV,
  mdevType: { id: "mtty-1", name: "Single port serial" },
  driver: { name: "vfio_mdev", version: "0.1" },
  iommuGroup: "7",
  inUse: false,
};

/** Readers that note what they are asked. */
function readers(
  { busy = false, kept = false }: { busy?: boolean; kept?: boolean },
): RealizeReaders & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    read({ address, allowReset }): ReturnType<RealizeReaders["read"]> {
      asked.push(`read ${address} ${allowReset}`);
      return Promise.resolve(
        busy ? { result: "busy", reason: "busy" } : {
          result: "read",
          config: { kind: "realize", bytes: READ },
          ...SIZES,
        },
      );
    },
    find(_dir, { type, driver, version }): ReturnType<RealizeReaders["find"]> {
      asked.push(`find ${type}, ${driver}, ${version}`);
      return Promise.resolve(
        kept
          ? {
            derived: true,
            address: "another",
            time: "2026-11-20T09:00:00Z",
            config: { kind: "realize", bytes: KEPT },
            ...SIZES,
          }
          : { missing: "none was ever read" },
      );
    },
    record(_dir, { type }): ReturnType<RealizeReaders["record"]> {
      asked.push(`record ${type}`);
      return Promise.resolve(undefined);
    },
  };
}

const CASES: readonly {
  readonly name: string;
  readonly device: CapturedDevice;
  readonly host?: { busy?: boolean; kept?: boolean };
  readonly allowReset?: boolean;
  readonly options?: Partial<RealizeOptions>;
  readonly asked: readonly string[];
  readonly bytes: Uint8Array | undefined;
  readonly derived?: boolean;
  readonly missing?: string;
}[] = [
  {
    name: "an idle mdev is read and kept",
    device: idle,
    asked: [`read ${MDEV} false`, "record Single port serial"],
    bytes: READ,
  },
  {
    name: "a guest's device is left alone, one of its type stands in",
    device: { ...idle, inUse: true },
    host: { kept: true },
    asked: ["find Single port serial, vfio_mdev, 0.1"],
    bytes: KEPT,
    derived: true,
    missing: "a guest has it; one of its type stands in",
  },
  {
    name: "whether a guest has it is left to the kernel where libvirt does not tell",
    device: { ...idle, inUse: undefined },
    asked: [`read ${MDEV} false`, "record Single port serial"],
    bytes: READ,
  },
  {
    name: "nothing stands in where nothing was kept",
    device: { ...idle, inUse: true },
    asked: ["find Single port serial, vfio_mdev, 0.1"],
    bytes: undefined,
    missing: "a guest has it; none was ever read",
  },
  {
    name: "busy is an answer",
    device: idle,
    host: { busy: true, kept: true },
    asked: [`read ${MDEV} false`, "find Single port serial, vfio_mdev, 0.1"],
    bytes: KEPT,
    derived: true,
    missing: "busy; one of its type stands in",
  },
  {
    name: "an NVIDIA vGPU is not opened unless that is allowed",
    device: { ...idle, mdevType: { id: "nvidia-558" } },
    asked: ["find nvidia-558, vfio_mdev, 0.1"],
    bytes: undefined,
    missing: "opening it starts and ends the vGPU; none was ever read",
  },
  {
    name: "an NVIDIA vGPU is opened where it is allowed",
    device: { ...idle, mdevType: { id: "nvidia-558" } },
    allowReset: true,
    asked: [`read ${MDEV} true`, "record nvidia-558"],
    bytes: READ,
  },
  {
    name: "a PCI function is read, and nothing is kept: all have bytes of their own",
    device: {
      address: "0000:3b:00.4",
      vendor: 0x15b3,
      device: 0x101e,
      config: { kind: "sysfs", bytes: new Uint8Array(64).fill(0x11), source: "sysfs" },
      firmware: { version: "28.39.1002", psid: "MT_0000000359" },
      driver: { name: "mlx5_vfio_pci" },
      iommuGroup: "9",
      inUse: false,
    },
    asked: ["read 0000:3b:00.4 false"],
    bytes: READ,
  },
  {
    name: "what a running guest holds is read through it, and kept",
    device: { ...idle, inUse: true },
    options: { closed: true, running: new Map([[MDEV, RUNNING]]) },
    asked: ["record Single port serial"],
    bytes: NOW,
  },
  {
    name: "what cannot be read through it is not opened",
    device: { ...idle, inUse: true },
    options: {
      running: new Map([[MDEV, { result: "no-access", reason: "ptrace_scope is 3" }]]),
    },
    host: { kept: true },
    asked: ["find Single port serial, vfio_mdev, 0.1"],
    bytes: KEPT,
    derived: true,
    missing: "ptrace_scope is 3; one of its type stands in",
  },
  {
    name: "an idle one is not opened where none is to be",
    device: idle,
    options: { closed: true, running: new Map() },
    asked: ["find Single port serial, vfio_mdev, 0.1"],
    bytes: undefined,
    missing: "it is not opened unless that is asked for; none was ever read",
  },
  {
    name: "a device of a host driver is none of VFIO's",
    device: { address: "0000:3b:00.0", driver: { name: "nvidia" }, inUse: false },
    asked: [],
    bytes: undefined,
    missing: "it is not bound to a VFIO driver",
  },
];

for (
  const { name, device, host = {}, allowReset = false, asked, bytes, derived, missing, ...rest }
    of CASES
) {
  Deno.test(`addRealizeViews: ${name}`, async () => {
    const facts: Facts = {
      premigrate: "facts/1",
      host: { name: "hosta", kernel: "6.12" },
      devices: [device],
    };
    const fakes = readers(host);
    const options = { allowReset, records: "/nowhere", ...rest.options };
    const signal = AbortSignal.timeout(60_000);
    const { devices: [found] } = await addRealizeViews(facts, options, signal, fakes);
    assertEquals(fakes.asked, [...asked]);
    assertEquals([found?.config?.bytes, found?.config?.derived], [bytes, derived]);
    assertEquals(found?.missing?.["realizeView"], missing);
  });
}
