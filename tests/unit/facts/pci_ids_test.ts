/** Names of devices from the host's pci.ids. */
import { assertEquals } from "@std/assert";
import { deviceNames, nameIn } from "../../../lib/facts/pci_ids.ts";

const TEXT = `
# a comment
1000  Broadcom / LSI
\t0001  53c810
10de  NVIDIA Corporation
\t0008  NV1
\t1eb8  TU104GL [Tesla T4]
\t\t10de 12a2  T4
# in between
\t25b6  GA107GL
10df  Emulex Corporation
\t2236  Another
C 00  Unclassified device
\t00  Non-VGA unclassified device
`;

const NAMES: readonly (readonly [vendor: number, device: number, name: string | undefined])[] = [
  [0x10de, 0x1eb8, "NVIDIA Corporation TU104GL [Tesla T4]"],
  [0x10de, 0x25b6, "NVIDIA Corporation GA107GL"],
  [0x10de, 0x2236, "NVIDIA Corporation"],
  [0x10df, 0x1eb8, "Emulex Corporation"],
  [0x1000, 0x0001, "Broadcom / LSI 53c810"],
  [0x0000, 0x0000, undefined],
];

for (const [vendor, device, name] of NAMES) {
  Deno.test(`pci.ids: ${vendor.toString(16)}:${device.toString(16)}`, () => {
    assertEquals(nameIn(TEXT, vendor, device), name);
  });
}

Deno.test("pci.ids: the first file that is there; without one nothing has a name", () => {
  const folder = Deno.makeTempDirSync();
  try {
    const file = `${folder}/pci.ids`;
    assertEquals(deviceNames([`${folder}/none`, folder])(0x10de, 0x1eb8), undefined);
    Deno.writeTextFileSync(file, TEXT);
    assertEquals(deviceNames([`${folder}/none`, file])(0x10de, 0x0008), "NVIDIA Corporation NV1");
    Deno.truncateSync(file, 9 * 1024 * 1024);
    assertEquals(deviceNames([file])(0x10de, 0x0008), undefined);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
