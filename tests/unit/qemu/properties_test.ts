import { assertEquals, assertThrows } from "@std/assert";
import {
  parseQemuVersion,
  parseVfioPciProperties,
  QemuPropertyError,
  splitProperties,
  type VfioPciProperties,
} from "premigrate/policy";

const READ:
  readonly (readonly [properties: Readonly<Record<string, string>>, VfioPciProperties])[] = [
    [{}, {}],
    [{ "skip-vsc-check": "on" }, { skipVscCheck: true }],
    [{ "skip-vsc-check": "yes" }, { skipVscCheck: true }],
    [{ "skip-vsc-check": "true" }, { skipVscCheck: true }],
    [{ "skip-vsc-check": "y" }, { skipVscCheck: true }],
    [{ "skip-vsc-check": "off" }, { skipVscCheck: false }],
    [{ "skip-vsc-check": "no" }, { skipVscCheck: false }],
    [{ "skip-vsc-check": "false" }, { skipVscCheck: false }],
    [{ "skip-vsc-check": "n" }, { skipVscCheck: false }],
    [{ multifunction: "on" }, { multifunction: true }],
    [{ "x-pci-vendor-id": "0x10de", "x-pci-device-id": "7864" }, {
      vendorId: 0x10de,
      deviceId: 7864,
    }],
    [{ "x-pci-vendor-id": "0xfffe" }, { vendorId: 0xfffe }],
    [{ "x-pci-sub-vendor-id": "0xFFFF", "x-pci-sub-device-id": "0" }, {
      subVendorId: 0xffff,
      subDeviceId: 0,
    }],
    [{ "x-pci-class-code": "0x030200" }, { classCode: 0x030200 }],
    [{ "x-pci-device-id": "0xffffffff", "x-pci-class-code": "4294967295" }, {}],
    [{ rombar: "-1" }, {}],
    [{ "x-nv-gpudirect-clique": "010" }, { gpudirectClique: 8 }],
    [{ "x-nv-gpudirect-clique": "15" }, { gpudirectClique: 15 }],
    [{ rombar: "0" }, { romBar: false }],
    [{ rombar: "1" }, { romBar: true }],
    [{ romfile: "/a,b.rom", romsize: "65536" }, { romFile: "/a,b.rom", romSize: 65536 }],
    [{ romfile: "" }, { romFile: "" }],
    [{ romsize: "0x80000000" }, { romSize: 0x80000000 }],
    [{ romsize: "4294967295" }, {}],
    [{ ats: "auto" }, { ats: "auto" }],
    [{ ats: "on" }, { ats: "on" }],
    [{ ats: "off" }, { ats: "off" }],
    [{ "x-msix-relocation": "off" }, {}],
    [{ "x-msix-relocation": "bar2" }, { unmodelled: ["x-msix-relocation"] }],
    [
      { "x-igd-gms": "2", "x-vpasid-cap-offset": "0x800", multifunction: "on" },
      { unmodelled: ["x-igd-gms", "x-vpasid-cap-offset"], multifunction: true },
    ],
    // What changes no compared byte, or is not known at all, is passed over.
    [{ host: "3b:00.4", "enable-migration": "on", "x-no-mmap": "true", constructor: "on" }, {}],
  ];
for (const [properties, wanted] of READ) {
  Deno.test(`parseVfioPciProperties: ${JSON.stringify(properties)}`, () => {
    assertEquals(parseVfioPciProperties(properties, parseQemuVersion("11.1")), wanted);
  });
}

const VALUES: readonly (readonly [property: string, value: string, wanted: string])[] = [
  ["skip-vsc-check", "maybe", "on or off"],
  ["skip-vsc-check", "", "on or off"],
  ["multifunction", "1", "on or off"],
  ["ats", "sometimes", "on or off"],
  ["x-pci-vendor-id", "0xffff", "a number from 0 to 65534"],
  ["x-pci-device-id", "0x10000", "a number from 0 to 65535"],
  ["x-pci-sub-device-id", "-1", "a number from 0 to 65535"],
  ["x-pci-sub-vendor-id", "NaN", "a number from 0 to 65535"],
  ["x-pci-class-code", "0x1000000", "a number from 0 to 16777215"],
  ["x-nv-gpudirect-clique", "16", "a number from 0 to 15"],
  ["x-nv-gpudirect-clique", "1e0", "a number from 0 to 15"],
  ["rombar", "on", "a number from 0 to 4294967295"],
  ["romsize", "0x123456789", "a power of two up to 2147483648"],
  ["romsize", "0", "a power of two up to 2147483648"],
  ["romsize", "3000", "a power of two up to 2147483648"],
];
for (const [property, value, wanted] of VALUES) {
  Deno.test(`parseVfioPciProperties: ${property}=${value} cannot be read`, () => {
    const error = assertThrows(
      () => parseVfioPciProperties({ [property]: value }, parseQemuVersion("11.1")),
      QemuPropertyError,
    );
    assertEquals([error.property, error.value], [property, value]);
    assertEquals(
      error.message,
      `Cannot use the vfio-pci property ${property}: found ${
        JSON.stringify(value)
      }, wanted ${wanted}`,
    );
  });
}

const SINCE:
  readonly (readonly [property: string, value: string, without: string, since: string])[] = [
    ["romsize", "4096", "5.2", "6.0"],
    ["skip-vsc-check", "on", "9.0.4", "9.1"],
    ["x-pci-class-code", "0x030200", "10.0", "10.1"],
    ["x-vpasid-cap-offset", "0", "10.2", "11.0"],
    ["ats", "auto", "11.0", "11.1"],
  ];
for (const [property, value, without, since] of SINCE) {
  Deno.test(`parseVfioPciProperties: QEMU ${without} has no ${property}, ${since} has`, () => {
    const error = assertThrows(
      () => parseVfioPciProperties({ [property]: value }, parseQemuVersion(without)),
      QemuPropertyError,
      `wanted QEMU ${since} or later, not ${without}`,
    );
    assertEquals(error.property, property);
    parseVfioPciProperties({ [property]: value }, parseQemuVersion(since));
  });
}

Deno.test("QemuPropertyError: its message is short, its data whole", () => {
  const error = new QemuPropertyError("p".repeat(200), "v".repeat(200), "less");
  assertEquals(
    error.message,
    `Cannot use the vfio-pci property ${"p".repeat(80)}: found "${"v".repeat(80)}", wanted less`,
  );
  assertEquals([error.property.length, error.value.length], [200, 200]);
});

const TEXTS: readonly (readonly [text: string, Record<string, string>])[] = [
  ["", {}],
  [" ", {}],
  ["skip-vsc-check=off", { "skip-vsc-check": "off" }],
  ["skip-vsc-check=off,x-pci-device-id=0x1eb8", {
    "skip-vsc-check": "off",
    "x-pci-device-id": "0x1eb8",
  }],
  [" rombar=0 , romfile= ", { rombar: "0", romfile: "" }],
  ["multifunction", { multifunction: "on" }],
  ["romfile=a=b", { romfile: "a=b" }],
  ["romfile=a,,b.rom,rombar=1", { romfile: "a,b.rom", rombar: "1" }],
  ["rombar=0,rombar=1", { rombar: "1" }],
];
for (const [text, wanted] of TEXTS) {
  Deno.test(`splitProperties: ${JSON.stringify(text)}`, () => {
    assertEquals(splitProperties(text), wanted);
  });
}

Deno.test("splitProperties: a value without a name is refused", () => {
  const error = assertThrows(() => splitProperties("rombar=0,=1"), QemuPropertyError);
  assertEquals(error.property, "=1");
});
