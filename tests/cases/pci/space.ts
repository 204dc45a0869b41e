import { decodeHex } from "@std/encoding/hex";

/** Config space that is zero but for `bytes`: hexadecimal, by offset. */
export function spaceOf(
  bytes: Readonly<Record<number, string>>,
  size = 256,
): Uint8Array<ArrayBuffer> {
  const space = new Uint8Array(size);
  for (const [offset, hex] of Object.entries(bytes)) {
    space.set(decodeHex(hex.replaceAll(" ", "")), Number(offset));
  }
  return space;
}

/**
 * A vGPU as a guest sees it, made up after the real ones: MSI, and a VSC with the host driver's
 * version.
 */
export const VGPU = spaceOf({
  0x00: "de 10 b8 1e 02 05 10 00 a1 00 00 03 00 00 00 00",
  0x10: "00 00 00 fc 0c 00 00 d0 00 00 00 00 04 00 00 fa",
  0x2c: "de 10 0f 13",
  0x34: "d0",
  0x3c: "0a 01",
  0x68: "05 00 81 00 00 00 e0 fe 00 00 00 00 4e 40",
  0xd0: "09 68 1b 56 46 00 35 35 30 2e 35 34 00",
});

/** A PCI Express endpoint with an SR-IOV capability and others, made up after real ones. */
export const ENDPOINT = spaceOf({
  0x00: "b3 15 19 10 06 04 10 00 00 00 00 02 10 00 80 00",
  0x10: "0c 00 00 e0 80 00 00 00",
  0x2c: "b3 15 08 00",
  0x30: "01 00 f0 fb",
  0x34: "60",
  0x3c: "0b 01 00 00",
  0x40: "01 00 c3 c9 08 20 00 00",
  0x48: "03 9c fc 7f 82 0d 00 00",
  0x60: "10 48 02 00 e2 8f e8 17 5e 29 1f 00 04 41 0e 00 40 01 04 11",
  0x84: "1f 00 01 00 09 04 00 00 1e 00 80 01 04 00 1e 01",
  0x9c: "11 c0 3f 80 00 20 00 00 00 30 00 00",
  0xc0: "09 40 18 0a 02 00 00 00",
  0x100: "01 00 02 15 00 00 10 00 00 00 18 00 30 20 06 00 00 20 00 00 00 20 00 00 ff 0a 00 00",
  0x11c: "01 00 00 04 0f 12 00 00 00 00 09 7f 00 00 00 00",
  0x150: "0e 00 01 16 03 01 21 00",
  0x160: "10 00 01 1c 02 00 e0 00 1b 00 01 00 08 00 10 00 02 00 03 00 04 00 01 00 00 00 1a 10",
  0x17c: "53 05 00 00 01 00 00 00 0c 00 00 f0 00 00 00 00",
  0x1c0: "03 00 01 1d 4c cb 12 00 03 a0 ce b8",
  0x1d0: "0f 00 01 20 60 00 00 80",
  0x200: "15 00 01 23 00 f4 3f 00 41 0c 00 00 f0 00 00 00 02 08 01 00",
  0x230: "0b 00 01 24 34 12 01 01 ca fe",
  0x240: "23 00 01 00 98 1e c1 03 08 00 01 02",
}, 4096);

/** An empty root port with a slot, made up after QEMU's. */
export const ROOT_PORT = spaceOf({
  0x00: "36 1b 0c 00 07 04 10 00 00 00 04 06 00 00 01 00",
  0x10: "00 00 c0 fe",
  0x18: "00 01 02 00 11 21 00 00 00 fe 10 fe 01 f0 f1 f0",
  0x28: "01 00 00 00 01 00 00 00 00 00 00 00",
  0x34: "54",
  0x38: "01 08 00 f0 0b 01 02 00",
  0x40: "0d 00 00 00 36 1b 01 00",
  0x48: "11 40 00 00 00 00 00 00 00 08 00 00",
  0x54: "10 48 42 01 00 80 00 00 00 00 00 00 03 f1 13 00 08 00 21 30",
  0x68: "7b 00 0a 00 e0 07 40 01 08 00 01 00 10 01 03 00",
  0x80: "1f 40 21 00 00 00 00 00 0e 00 80 81 04 00 01 00",
  0x100: "01 00 02 00",
  0x12c: "07 00 00 00 45 00 00 08 08 01 10 02",
}, 4096);
