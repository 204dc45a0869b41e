/** Advice fits what made the difference: no driver makes a card's own bytes equal. */
import { assert, assertEquals } from "@std/assert";
import nvidiaVsc from "../../../plugins/nvidia/vsc/policy.ts";
import type { CaseSide } from "premigrate/policy";
import { judge } from "./judged.ts";

const HEADER = {
  0x00: "de 10 86 27 00 00 10 00 a1 00 00 03",
  0x2c: "de 10 00 18",
  0x34: "b4",
};
const VF = { 0x34: "d0" };

function side(vsc: string, more: CaseSide["config"] = {}): CaseSide {
  return { qemu: "9.2", config: { ...HEADER, 0xb4: vsc, ...more } };
}

function vgpu(record: string, extra = "05 04 01 00"): CaseSide {
  return side("", { ...VF, 0xd0: `09 00 1f 56 46 ${record} ${extra}` });
}

function driver(version: string): string {
  const text = version.padEnd(10, "\0") + "r550_00".padEnd(10, "\0");
  return `00 16 ${
    Array.from(text, (char) => char.charCodeAt(0).toString(16).padStart(2, "0")).join(" ")
  }`;
}

const CARD = "09 00 14 01 01 00 13 0b 80 00 00 00";
const PAIRS: readonly (readonly [
  name: string,
  source: CaseSide,
  destination: CaseSide,
  code: string,
  advisesDriver: boolean,
])[] = [
  [
    "two cards of one host",
    side(`${CARD} b0 41 65 f4`),
    side(`${CARD} f0 45 59 07`),
    "per-card-bytes-compared",
    false,
  ],
  [
    "two cards of two kinds",
    side(`${CARD} b0 41 65 f4`),
    side("09 00 14 01 02 00 13 0b 80 00 00 00 f0 45 59 07"),
    "other-bytes-compared",
    false,
  ],
  [
    "a body that nobody knows",
    side("09 00 08 07 07 07 07 07"),
    side("09 00 08 07 07 07 07 08"),
    "other-bytes-compared",
    false,
  ],
  [
    "two vGPUs of one driver that differ in another record",
    vgpu(driver("550.54.16")),
    vgpu(driver("550.54.16"), "05 04 02 00"),
    "other-bytes-compared",
    false,
  ],
  [
    "two vGPUs of two drivers",
    vgpu(driver("550.54.16")),
    vgpu(driver("550.90.07")),
    "body-compared",
    true,
  ],
];
for (const [name, source, destination, code, advisesDriver] of PAIRS) {
  Deno.test(`${name}, on a machine type that compares them: ${code}`, () => {
    const { decision, findings } = judge(source, destination, {
      machine: "pc-q35-9.0",
      bytesOnly: true,
    });
    assertEquals(decision, "veto");
    const own = findings.filter(({ policy, severity }) =>
      policy === "nvidia/vsc" && severity === "veto"
    );
    assertEquals(own.map(({ code }) => code), [code]);
    const remedy = nvidiaVsc.codes[code]?.remedy ?? "";
    assertEquals(remedy.includes("install one NVIDIA driver"), advisesDriver);
    assert(remedy.includes("machine type of version 9.1"));
  });
}
