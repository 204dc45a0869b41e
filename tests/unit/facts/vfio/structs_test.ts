import { assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding/hex";
import {
  cString,
  decodeDeviceInfo,
  decodeGroupStatus,
  decodeRegionInfo,
  descriptorArgument,
  deviceInfoArgument,
  groupStatusArgument,
  PCI_REGION,
  regionInfoArgument,
  VFIO_REQUEST,
} from "../../../../lib/facts/vfio/structs.ts";

Deno.test("VFIO_REQUEST is _IO(';', 100 + n) of <linux/vfio.h>", () => {
  const numbers = {
    GET_API_VERSION: 0,
    CHECK_EXTENSION: 1,
    SET_IOMMU: 2,
    GROUP_GET_STATUS: 3,
    GROUP_SET_CONTAINER: 4,
    GROUP_GET_DEVICE_FD: 6,
    DEVICE_GET_INFO: 7,
    DEVICE_GET_REGION_INFO: 8,
  };
  const requests = Object.entries(numbers).map(([name, n]) => [
    name,
    BigInt(";".charCodeAt(0) << 8 | (100 + n)),
  ]);
  assertEquals(Object.entries(VFIO_REQUEST), requests);
});

Deno.test("arguments are laid out as <linux/vfio.h> has them", () => {
  const cases: [string, Uint8Array, string][] = [
    ["an mdev's name", cString("c3a1-f"), "633361312d6600"],
    ["a descriptor", descriptorArgument(258), "02010000"],
    ["group status: argsz, flags", groupStatusArgument(), "08000000" + "00000000"],
    [
      "device info: argsz, flags, num_regions, num_irqs",
      deviceInfoArgument(),
      "10000000" + "00000000".repeat(3),
    ],
    [
      "region info: argsz, flags, index, cap_offset, size, offset",
      regionInfoArgument(PCI_REGION.CONFIG),
      "20000000" + "00000000" + "07000000" + "00000000" + "00".repeat(16),
    ],
  ];
  for (const [name, bytes, hex] of cases) assertEquals(encodeHex(bytes), hex, name);
});

Deno.test("answers are read as <linux/vfio.h> has them", () => {
  const cases: [string, unknown, unknown][] = [
    ["viable", decodeGroupStatus(decodeHex("0800000001000000")), { viable: true }],
    ["not viable", decodeGroupStatus(decodeHex("0800000000000000")), { viable: false }],
    ["viable, in a container", decodeGroupStatus(decodeHex("0800000003000000")), { viable: true }],
    [
      "a PCI device that can be reset",
      decodeDeviceInfo(decodeHex("10000000030000000900000005000000")),
      { pci: true, regions: 9 },
    ],
    [
      "a PCI device that cannot",
      decodeDeviceInfo(decodeHex("10000000020000000900000005000000")),
      { pci: true, regions: 9 },
    ],
    [
      "an AP device",
      decodeDeviceInfo(decodeHex("10000000210000000000000000000000")),
      { pci: false, regions: 0 },
    ],
    [
      "vfio-pci's config region",
      decodeRegionInfo(
        decodeHex(
          "20000000" + "03000000" + "07000000" + "00000000" + "0010000000000000" +
            "0000000000070000",
        ),
      ),
      { readable: true, size: 4096n, offset: 0x7_0000_000_000n },
    ],
    [
      "a BAR of 64 GiB",
      decodeRegionInfo(
        decodeHex(
          "20000000" + "07000000" + "01000000" + "00000000" + "0000000010000000" +
            "0000000000010000",
        ),
      ),
      { readable: true, size: 64n << 30n, offset: 1n << 40n },
    ],
    [
      "a BAR that is not there",
      decodeRegionInfo(
        decodeHex("20000000" + "00000000" + "05000000" + "00000000" + "00".repeat(16)),
      ),
      { readable: false, size: 0n, offset: 0n },
    ],
    [
      "bytes in the middle of a buffer",
      decodeDeviceInfo(decodeHex("ffff" + "10000000020000000900000005000000").subarray(2)),
      { pci: true, regions: 9 },
    ],
  ];
  for (const [name, found, wanted] of cases) assertEquals(found, wanted, name);
});
