/** The extended capability list, as vfio_add_ext_cap makes it. */
import { assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { type Changes, describeMask, opened } from "../../cases/qemu/realized.ts";
import { spaceOf } from "../../cases/pci/space.ts";

type Bytes = Readonly<Record<number, string>>;

// vfio-pci looks at extended capabilities only where there is a standard list. MSI is a short one.
const STANDARD: Bytes = { 0x06: "10", 0x34: "40", 0x40: "05 00" };
const STANDARD_MASK = "40-41 42:8e 43 44:03";

/** The header of an extended capability: id, version, next. */
function header(id: number, next: number, version = 1): string {
  const dword = new Uint8Array(4);
  new DataView(dword.buffer).setUint32(0, (id | version << 16 | next << 20) >>> 0, true);
  return encodeHex(dword);
}

const AER = 0x01;
const DSN = 0x03;
const VSEC = 0x0b;
const ARI = 0x0e;
const ATS = 0x0f;
const SRIOV = 0x10;
const REBAR = 0x15;
const PASID = 0x1b;
const DVSEC = 0x23;

interface Case {
  readonly name: string;
  readonly bytes: Bytes;
  readonly size?: number;
  readonly changes?: Changes;
  /** What is compared from byte 100 up. */
  readonly checked: string;
  readonly shadow?: Bytes;
}

function test(subject: string, cases: readonly Case[]): void {
  for (const { name, bytes, size = 4096, changes, checked, shadow = {} } of cases) {
    Deno.test(`realize, ${subject}: ${name}`, () => {
      const device = opened(spaceOf({ ...STANDARD, ...bytes }, size), changes);
      assertEquals(describeMask(device, 0x100), checked);
      for (const [offset, hex] of Object.entries(shadow)) {
        const wanted = hex.replaceAll(" ", "");
        const at = Number(offset);
        assertEquals(
          encodeHex(device.shadow.slice(at, at + wanted.length / 2)),
          wanted,
          `at ${at}`,
        );
      }
    });
  }
}

const TWO: Bytes = { 0x100: header(AER, 0x148, 2), 0x148: header(DSN, 0) };
test("extended list", [
  {
    name: "a capability is compared up to the next one, the last up to the end",
    bytes: TWO,
    checked: "100-fff",
    shadow: { 0x100: header(AER, 0x148, 2), 0x148: header(DSN, 0) },
  },
  { name: "also directly on pcie.0", bytes: TWO, changes: { bus: "root" }, checked: "100-fff" },
  {
    name: "on a conventional bus it is not looked at",
    bytes: TWO,
    changes: { bus: "pci" },
    checked: "",
  },
  {
    name: "nor behind a conventional bridge",
    bytes: TWO,
    changes: { bus: "pci-under-pcie" },
    checked: "",
  },
  { name: "nor without a standard list", bytes: { ...TWO, 0x06: "00" }, checked: "" },
  { name: "nor with an empty standard list", bytes: { ...TWO, 0x34: "00" }, checked: "" },
  { name: "a first dword of 0 is none", bytes: { 0x148: header(DSN, 0) }, checked: "" },
  {
    name: "of every kind all is compared: status registers, VSEC, DVSEC, PASID",
    bytes: {
      0x100: header(VSEC, 0x200),
      0x200: header(DVSEC, 0x300),
      0x300: header(PASID, 0x400),
      0x400: header(ATS, 0),
    },
    changes: { qemu: "11.1" },
    checked: "100-fff",
  },
  {
    name: "the next one is the next by offset, not by order",
    bytes: {
      0x100: header(AER, 0x300),
      0x300: header(SRIOV, 0x200),
      0x200: header(DSN, 0x280),
      0x280: header(ARI, 0),
    },
    // What belongs to the dropped ones at 280 and 300 is nobody's.
    checked: "100-27f",
    shadow: { 0x100: header(AER, 0x200), 0x200: header(DSN, 0) },
  },
  {
    name: "an id that QEMU seeds its list with itself comes out as 0",
    bytes: { 0x100: header(0xffff, 0x200, 2), 0x200: header(DSN, 0) },
    checked: "100-fff",
    shadow: { 0x100: header(0, 0x200, 2) },
  },
  {
    name: "the low two bits of a pointer are ignored",
    bytes: { 0x100: header(AER, 0x203), 0x200: header(DSN, 0) },
    checked: "100-fff",
    shadow: { 0x100: header(AER, 0x200) },
  },
]);

test("dropped extended capability", [
  {
    name: "SR-IOV in the middle is skipped and not compared",
    bytes: { 0x100: header(AER, 0x148), 0x148: header(SRIOV, 0x200), 0x200: header(DSN, 0) },
    checked: "100-147 200-fff",
    shadow: { 0x100: header(AER, 0x200) },
  },
  {
    name: "ARI at the end is cut off",
    bytes: { 0x100: header(AER, 0x148), 0x148: header(ARI, 0) },
    checked: "100-147",
    shadow: { 0x100: header(AER, 0) },
  },
  {
    name: "id 0, as the kernel hides one",
    bytes: { 0x100: header(AER, 0x148), 0x148: header(0, 0x200), 0x200: header(DSN, 0) },
    checked: "100-147 200-fff",
    shadow: { 0x100: header(AER, 0x200) },
  },
  {
    name: "a head stays as an anchor without id and version, not compared",
    bytes: { 0x100: header(SRIOV, 0x148), 0x148: header(DSN, 0) },
    checked: "148-fff",
    shadow: { 0x100: header(0, 0x148, 0) },
  },
  {
    name: "of a list of dropped ones nothing is left",
    bytes: { 0x100: header(ARI, 0x148), 0x148: header(SRIOV, 0) },
    checked: "",
    shadow: { 0x100: "00 00 00 00" },
  },
  {
    name: "one below 100 does no harm",
    bytes: { 0x100: header(AER, 0x80), 0x80: header(SRIOV, 0) },
    checked: "100-fff",
    shadow: { 0x100: header(AER, 0) },
  },
  {
    name: "one of 4 bytes does no harm",
    bytes: { 0x100: header(ARI, 0x104), 0x104: header(DSN, 0) },
    checked: "104-fff",
    shadow: { 0x100: header(0, 0x104, 0) },
  },
]);

Deno.test("realize, dropped extended capability: the head's anchor is QEMU's, not the guest's", () => {
  const bytes = spaceOf({ ...STANDARD, 0x100: header(SRIOV, 0x148), 0x148: header(DSN, 0) }, 4096);
  const { cmask, wmask } = opened(bytes);
  assertEquals([...wmask.subarray(0x100, 0x105)], [0, 0, 0, 0, 0xff]);
  assertEquals([...cmask.subarray(0x100, 0x105)], [0, 0, 0, 0, 0]);
});

const WITH_ATS: Bytes = { 0x100: header(AER, 0x148), 0x148: header(ATS, 0) };
test("ATS", [
  { name: "it is shown", bytes: WITH_ATS, checked: "100-fff" },
  {
    name: "ats=off hides it",
    bytes: WITH_ATS,
    changes: { qemu: "11.1", properties: { ats: "off" } },
    checked: "100-147",
  },
  {
    name: "ats=on shows it",
    bytes: WITH_ATS,
    changes: { qemu: "11.1", properties: { ats: "on" } },
    checked: "100-fff",
  },
  {
    name: "ats=auto shows it",
    bytes: WITH_ATS,
    changes: { qemu: "11.1", properties: { ats: "auto" } },
    checked: "100-fff",
  },
]);

/** A resizable BAR capability at 200: sizes and control of each BAR. */
function resizable(...registers: readonly string[]): Bytes {
  return { 0x100: header(AER, 0x200), 0x200: header(REBAR, 0) + registers.join("") };
}
const HIDDEN = { checked: "100-1ff", shadow: { 0x100: header(AER, 0) } };
test("resizable BAR", [
  {
    name: "before 8.1 it is dropped",
    bytes: resizable("f0ff0f00", "210c0000"),
    changes: { qemu: "8.0" },
    ...HIDDEN,
  },
  {
    name: "from 8.1 on only the current size is offered, and control bits beside it are 0",
    bytes: resizable("f0ff0f00", "3a8c0080"),
    changes: { qemu: "8.1" },
    checked: "100-fff",
    // 4 GiB is size 0c: bit 16.
    shadow: { 0x100: header(AER, 0x200), 0x204: "00 00 01 00 22 0c 00 00 00 00 00 00" },
  },
  {
    name: "every BAR has its own size",
    bytes: resizable("f0ffff00", "40000000", "f0ffff00", "42130000"),
    checked: "100-fff",
    shadow: { 0x204: "10 00 00 00 40 00 00 00 00 00 80 00 42 13 00 00" },
  },
  {
    name: "a count of 0 leaves its registers alone",
    bytes: resizable("f0ff0f00", "010c0000"),
    checked: "100-fff",
    shadow: { 0x204: "f0 ff 0f 00 01 0c 00 00" },
  },
  {
    name: "up to 10.0 there are 20 sizes",
    bytes: resizable("f0ffffff", "20140000"),
    changes: { qemu: "10.0" },
    ...HIDDEN,
  },
  {
    name: "from 10.1 on 28",
    bytes: resizable("f0ffffff", "20140000"),
    changes: { qemu: "10.1" },
    checked: "100-fff",
    shadow: { 0x204: "00 00 00 01 20 14 00 00" },
  },
  {
    name: "the greatest of them",
    bytes: resizable("f0ffffff", "201b0000"),
    changes: { qemu: "10.1" },
    checked: "100-fff",
    shadow: { 0x204: "00 00 00 80 20 1b 00 00" },
  },
  {
    name: "a size beyond them drops it",
    bytes: resizable("f0ffffff", "201c0000"),
    changes: { qemu: "11.1" },
    ...HIDDEN,
  },
  {
    name: "also if only one BAR has it",
    bytes: resizable("f0ff0f00", "400c0000", "f0ff0f00", "411f0000"),
    ...HIDDEN,
  },
]);

Deno.test("realize: 256 bytes have no extended capabilities", () => {
  const device = opened(spaceOf(STANDARD));
  assertEquals(describeMask(device, 0x40), STANDARD_MASK);
  assertEquals(device.shadow.length, 256);
});

Deno.test("realize: the standard list of 4096 bytes is that of 256", () => {
  const device = opened(spaceOf(STANDARD, 4096));
  assertEquals(describeMask(device, 0x40), STANDARD_MASK);
});
