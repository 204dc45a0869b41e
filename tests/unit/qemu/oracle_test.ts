/**
 * The model against recorded migrations of a real VFIO device on QEMU 11.1.3, and against vectors
 * that were derived by hand for what those do not reach.
 */
import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { decodeHex } from "@std/encoding/hex";
import {
  type BusKind,
  checkRestore,
  formatBadConfig,
  parseQemuVersion,
  type Prediction,
  realize,
  type RealizedDevice,
  type RealizeFacts,
} from "premigrate/policy";
import { predictLine } from "../../../lib/cli/commands/predict.ts";

const RECORDED = new URL("../../cases/qemu/recorded/", import.meta.url);

function testRecord(name: string, subject: string, check: (text: string) => void): void {
  Deno.test(subject, () => check(Deno.readTextFileSync(new URL(name, RECORDED))));
}

for (const [name, count] of [["oracle-vfio.jsonl", 200], ["oracle-vfio-4k.jsonl", 100]] as const) {
  testRecord(name, `predictLine: every migration of ${name} comes out as recorded`, (text) => {
    const lines = text.trim().split("\n");
    assertGreaterOrEqual(lines.length, count);
    for (const [index, line] of lines.entries()) {
      const { result, bad } = JSON.parse(line);
      const recorded = bad === undefined ? { result } : { result, bad };
      assertEquals(predictLine(line), recorded, `line ${index + 1}`);
    }
  });
}

interface GoldenFacts {
  readonly qemu: readonly [major: number, minor: number];
  readonly skip_vsc?: boolean;
  readonly bars?: Readonly<Record<string, number>>;
  readonly rom?: number;
  readonly clique?: number;
  readonly multifunction?: boolean;
  readonly bus?: "pcie-root" | "pci-under-pci" | "pci-under-pcie";
  readonly class_code?: number;
  readonly ats?: "on" | "off" | "auto";
}

type Patches = Readonly<Record<string, string>>;

interface Golden {
  readonly bases: Readonly<Record<string, string>>;
  readonly bars: Readonly<Record<string, number>>;
  readonly rows: readonly {
    readonly name: string;
    readonly base: string;
    readonly srcPhys: Patches;
    readonly dstPhys: Patches;
    readonly srcShadowWrites: Patches;
    readonly srcFacts: GoldenFacts;
    readonly dstFacts: GoldenFacts;
    readonly verdict: string;
  }[];
  readonly realized: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const BUSES: Readonly<Record<NonNullable<GoldenFacts["bus"]>, BusKind>> = {
  "pcie-root": "root",
  "pci-under-pci": "pci",
  "pci-under-pcie": "pci-under-pcie",
};

function patch(bytes: Uint8Array, patches: Patches): Uint8Array {
  for (const [offset, hex] of Object.entries(patches)) {
    bytes.set(decodeHex(hex.replaceAll(" ", "")), Number(offset));
  }
  return bytes;
}

function factsOf(golden: Golden, facts: GoldenFacts): RealizeFacts {
  const { bars = golden.bars, clique, multifunction, class_code: classCode, ats } = facts;
  return {
    qemu: parseQemuVersion(facts.qemu.join(".")),
    skipVscCheck: facts.skip_vsc ?? false,
    bus: facts.bus === undefined ? "port" : BUSES[facts.bus],
    bars: Array.from({ length: 6 }, (_, bar) => bars[bar] ?? 0),
    romSize: facts.rom,
    properties: {
      ...clique === undefined ? {} : { gpudirectClique: clique },
      ...multifunction === undefined ? {} : { multifunction },
      ...classCode === undefined ? {} : { classCode },
      ...ats === undefined ? {} : { ats },
    },
  };
}

function open(
  golden: Golden,
  base: string,
  patches: Patches,
  facts: GoldenFacts,
): RealizedDevice {
  const bytes = patch(decodeHex(golden.bases[base] ?? ""), patches);
  const device = realize({ kind: "realize", bytes }, factsOf(golden, facts));
  if (!device.ok) throw new Error(`QEMU cannot open base ${base}: ${device.reason.code}`);
  return device;
}

function describe(prediction: Prediction): string {
  if (prediction.result !== "bad-config") return prediction.result;
  return formatBadConfig(prediction.bad).replace("get_pci_config_device: Bad config data: ", "");
}

testRecord("vfio-golden.json", "checkRestore: every vector of vfio-golden.json", (text) => {
  const golden: Golden = JSON.parse(text);
  assertGreaterOrEqual(golden.rows.length, 73);
  for (const row of golden.rows) {
    const source = open(golden, row.base, row.srcPhys, row.srcFacts);
    const destination = open(golden, row.base, row.dstPhys, row.dstFacts);
    const stream = patch(source.shadow, row.srcShadowWrites);
    const verdict = row.verdict === "ok" ? "completed" : row.verdict;
    assertEquals(describe(checkRestore(stream, destination)), verdict, row.name);
  }
});

testRecord("vfio-golden.json", "realize: every mask of vfio-golden.json", (text) => {
  const golden: Golden = JSON.parse(text);
  const configurations: Readonly<Record<string, GoldenFacts>> = {
    "B qemu8.2": { qemu: [8, 2] },
    "B qemu9.1 skip=on": { qemu: [9, 1], skip_vsc: true },
    "B qemu9.1 skip=off": { qemu: [9, 1], skip_vsc: false },
    "B qemu10.0 skip=on": { qemu: [10, 0], skip_vsc: true },
  };
  assertEquals(Object.keys(golden.realized), Object.keys(configurations));
  for (const [name, facts] of Object.entries(configurations)) {
    const device = open(golden, "B", {}, facts);
    const { shadow, cmask, wmask, w1cmask } = device;
    for (const [part, bytes] of Object.entries({ config: shadow, cmask, wmask, w1cmask })) {
      // The vectors have the command register as it is before the machine's reset clears it.
      const reset = part === "config" ? { "0x04": "0000" } : {};
      const derived = patch(decodeHex(golden.realized[name]?.[part] ?? ""), reset);
      assertEquals(bytes, derived, `${part} of ${name}`);
    }
  }
});
