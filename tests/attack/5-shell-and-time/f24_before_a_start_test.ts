/** F24: before a start nothing is opened, and so reset, that cannot migrate, or may take too long. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { addRealizeViews, type RealizeReaders } from "../../../lib/facts/vfio/realize_views.ts";
import type { CapturedDevice } from "../../../lib/facts/mod.ts";

const FUNCTION: CapturedDevice = {
  address: "0000:3b:00.4",
  driver: { name: "mlx5_vfio_pci" },
  iommuGroup: "7",
  inUse: false,
  resetMethods: ["flr", "bus"],
};
const MDEV: CapturedDevice = {
  address: "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01",
  mdevType: { id: "mtty-1" },
  driver: { name: "vfio_mdev" },
  iommuGroup: "8",
  inUse: false,
};
const bound = (name: string): CapturedDevice => ({ ...FUNCTION, driver: { name } });

const CASES: readonly (readonly [name: string, device: CapturedDevice, why: string])[] = [
  ["vfio-pci", bound("vfio-pci"), "it cannot be migrated"],
  ["vfio_pci, as a module", bound("vfio_pci"), "it cannot be migrated"],
  ["NVIDIA's for coherent memory", bound("nvgrace-gpu-vfio-pci"), "it cannot be migrated"],
  [
    "a variant driver that offers nothing for this device",
    { ...FUNCTION, migration: { offered: false } },
    "it cannot be migrated",
  ],
  [
    "a kernel that does not tell of resets",
    { ...FUNCTION, resetMethods: undefined },
    "resetting it may take too long",
  ],
  ["a reset by the bus", { ...FUNCTION, resetMethods: ["bus"] }, "resetting it may take too long"],
  [
    "a reset by CXL's bus",
    { ...FUNCTION, resetMethods: ["cxl_bus", "bus"] },
    "resetting it may take too long",
  ],
  ["a variant driver", FUNCTION, ""],
  [
    "a variant driver that offers it",
    { ...FUNCTION, migration: { offered: true, features: ["stop-copy"] } },
    "",
  ],
  ["a device that nothing resets", { ...FUNCTION, resetMethods: [] }, ""],
  ["a mediated device", MDEV, ""],
];

for (const [name, device, why] of CASES) {
  Deno.test(`before a start, ${name}: ${why === "" ? "opened" : "not opened"}`, async () => {
    const opened: string[] = [];
    const readers: RealizeReaders = {
      read({ address }): ReturnType<RealizeReaders["read"]> {
        opened.push(address);
        return Promise.resolve({ result: "busy", reason: "busy" });
      },
      find: () => Promise.resolve({ missing: "" }),
      record: () => Promise.resolve(undefined),
    };
    const facts = { premigrate: "facts/1", host: { name: "hosta" }, devices: [device] } as const;
    const options = { allowReset: true, beforeStart: true, records: "/none" };
    const signal = AbortSignal.timeout(30_000);
    const { devices } = await addRealizeViews(facts, options, signal, readers);
    assertEquals(opened, why === "" ? [device.address] : []);
    assertStringIncludes(`${devices[0]?.missing?.["realizeView"]}`, why);
  });
}
