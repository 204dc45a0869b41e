import { assert, assertEquals } from "@std/assert";
import { getColorEnabled, setColorEnabled } from "@std/fmt/colors";
import {
  parseQemuVersion,
  realize,
  type RealizedDevice,
  type RealizeFacts,
} from "../../../lib/policy/mod.ts";
import { pictureConfig } from "../../../lib/report/config_picture.ts";
import { drawConfigGrid } from "../../../lib/report/mod.ts";
import { spaceOf } from "../../cases/pci/space.ts";

const LEGEND = `config space: the source's bytes, and below them the destination's where they differ
xx: compared  xx~ exempt  xx not compared  xx! compared and different  xx+ different, not compared
xx? not known whether it is compared  ... as above
`;

const FACTS: RealizeFacts = {
  qemu: parseQemuVersion("9.2"),
  skipVscCheck: true,
  bus: "port",
  properties: {},
};

/** A device with power management at 0x40 and a Vendor Specific Capability at 0x48. */
const DEVICE: Readonly<Record<number, string>> = {
  0x00: "de 10 b8 1e 00 00 10 00 a1 00 00 03",
  0x2c: "de 10 0f 13",
  0x34: "40",
  0x40: "01 48 03 00 08 00 00 00",
  0x48: "09 00 08 01 02 03 04 05",
};

function hold(
  bytes: Readonly<Record<number, string>>,
  facts: Partial<RealizeFacts> = {},
  size = 256,
): RealizedDevice {
  const view = { kind: "realize", bytes: spaceOf({ ...DEVICE, ...bytes }, size) } as const;
  const device = realize(view, { ...FACTS, ...facts });
  assert(device.ok);
  return device;
}

function draw(source: RealizedDevice, destination: RealizedDevice): string {
  const wasEnabled = getColorEnabled();
  setColorEnabled(false);
  try {
    return drawConfigGrid({ source: source.shadow, destination });
  } finally {
    setColorEnabled(wasEnabled);
  }
}

Deno.test("drawConfigGrid: compared, exempt and free bytes, and the capabilities", () => {
  assertEquals(
    draw(hold({}), hold({})),
    `${LEGEND}  000 de: 10: b8: 1e: 00  00  10: 00  a1: 00: 00: 03: 00  00  00: 00
  010 00  00  00  00  00  00  00  00  00  00  00  00  00  00  00  00
  020 00  00  00  00  00  00  00  00  00  00  00  00  de  10  0f  13
  030 00  00  00  00  40: 00  00  00  00  00  00  00  00  00  00  00
  040 01: 48: 03: 00: 08: 00: 00: 00: 09: 00: 08: 01~ 02~ 03~ 04~ 05~  40 PCI Power Management Interface, 48 Vendor Specific
  050 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~
  ...
`,
  );
});

Deno.test("drawConfigGrid: bytes that differ, compared and not", () => {
  const destination = hold({ 0x02: "b9 1e", 0x2e: "11 13", 0x4c: "ff 03" });
  assertEquals(
    draw(hold({}), destination),
    `${LEGEND}  000 de: 10: b8! 1e: 00  00  10: 00  a1: 00: 00: 03: 00  00  00: 00
              b9!
  010 00  00  00  00  00  00  00  00  00  00  00  00  00  00  00  00
  020 00  00  00  00  00  00  00  00  00  00  00  00  de  10  0f+ 13
                                                              11+
  030 00  00  00  00  40: 00  00  00  00  00  00  00  00  00  00  00
  040 01: 48: 03: 00: 08: 00: 00: 00: 09: 00: 08: 01~ 02+ 03~ 04~ 05~  40 PCI Power Management Interface, 48 Vendor Specific
                                                      ff+
  050 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~ 00~
  ...
`,
  );
});

Deno.test("drawConfigGrid: the body is compared where nothing exempts it", () => {
  const strict = hold({ 0x4c: "ff" }, { skipVscCheck: false });
  const drawn = draw(hold({}), strict);
  assert(drawn.includes("08: 01: 02! 03: 04: 05:  40 "), drawn);
  assert(!drawn.slice(LEGEND.length).includes("~"), drawn);
});

Deno.test("drawConfigGrid: a capability that only the source has", () => {
  const drawn = draw(hold({}), hold({ 0x41: "00" }));
  assert(
    drawn.includes("40 PCI Power Management Interface, 48 Vendor Specific (source only)\n"),
    drawn,
  );
});

Deno.test("drawConfigGrid: 256 bytes on the source, 4096 on the destination", () => {
  const destination = hold({ 0x100: "03 00 01 00 de ad be ef 00 00 00 01" }, {}, 4096);
  const drawn = draw(hold({}), destination);
  const extended = drawn.slice(drawn.indexOf("  100 "));
  assertEquals(
    extended,
    `  100 --  --  --  --  --  --  --  --  --  --  --  --  --  --  --  --   100 Device Serial Number
      03!     01!     de! ad! be! ef!             01!
  110 --  --  --  --  --  --  --  --  --  --  --  --  --  --  --  --
  ...
`,
  );
});

Deno.test("drawConfigGrid: a row that differs is never left out", () => {
  const bytes = Object.fromEntries([0x60, 0x70, 0x80].map((at) => [at, "01".repeat(16)]));
  const drawn = draw(hold({}), hold(bytes));
  assertEquals(drawn.match(/^ {6}(01\+\s+){16}/gm)?.length, 3);
});

Deno.test("pictureConfig: no row repeats one that it differs from in a mark", () => {
  const repeated = pictureConfig({ source: hold({}).shadow, destination: hold({}) })
    .map(({ repeats }) => repeats);
  assertEquals(repeated.slice(0, 7), [false, false, false, false, false, false, true]);
});

Deno.test("pictureConfig: what hangs on a fact that is not known is a state of its own", () => {
  const [source, destination] = [hold({}), hold({ 0x2e: "11 13", 0x4c: "ff 03" })];
  const strict = hold({ 0x2e: "11 13", 0x4c: "ff 03" }, { skipVscCheck: false });
  const others = [{ source: source.shadow, destination: strict }];
  const bytes = pictureConfig({ source: source.shadow, destination, others })
    .flatMap(({ bytes }) => bytes);
  const kinds = [0x00, 0x10, 0x2e, 0x4b, 0x4c].map((offset) => bytes[offset]?.kind);
  assertEquals(kinds, ["compared", "free", "differing", "unknown", "doubtful"]);
});
