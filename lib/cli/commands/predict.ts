import { decodeHex } from "@std/encoding/hex";
import { Command } from "@cliffy/command";
import * as v from "valibot";
import {
  BUS_KINDS,
  type BusKind,
  type CodePage,
  type DevicePair,
  evaluate,
  fillMessage,
  formatRealizeFailure,
  hasExpressRoot,
  type Machine,
  machineSkipsVscCheck,
  type Migration,
  parseMachine,
  parseQapiBool,
  parseQemuVersion,
  parseVfioPciProperties,
  type Prediction,
  predictRestore,
  QemuPropertyError,
  type QemuVersion,
  QemuVersionError,
  Registry,
  type RestoreSide,
  splitProperties,
} from "../../policy/mod.ts";
import { ENGINE_CODES } from "../../policy/engine_codes.ts";
import restoreCheck from "../../../plugins/qemu/restore-check/policy.ts";
import { hostNames } from "../../report/host_names.ts";
import { readChunks, readLines } from "../../facts/files.ts";
import { print } from "../output.ts";

// Two config spaces of 4096 bytes are 16 KiB of hexadecimal; recorded lines also hold guest views.
const LONGEST_LINE = 1024 * 1024;

const Hex = v.pipe(
  v.string(),
  v.regex(/^(([0-9a-f]{2}){256}|([0-9a-f]{2}){4096})$/i, "wanted 256 or 4096 bytes in hexadecimal"),
);

const Size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const BarSizes = v.record(v.pipe(v.string(), v.regex(/^[0-5]$/)), Size);

const Write = v.tuple([
  v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(252)),
  v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(0xffffffff)),
]);

/**
 * What a line tells and two dumps alone do not: the whole region that QEMU reads, and where the guest
 * has put its BARs; and what the prediction itself says.
 */
const KNOWN = ["bar-may-fail", "extended-unknown", "may-fail", "source-impossible"];

const RULES = Registry.from([restoreCheck]);

const LineSchema = v.object({
  machine: v.string(),
  properties: v.optional(v.string(), ""),
  qemu: v.optional(v.string(), "11.1.3"),
  bus: v.optional(v.picklist(BUS_KINDS)),
  bars: v.optional(BarSizes, { "0": 8, "1": 8 }),
  destinationBars: v.optional(BarSizes),
  rom: v.optional(Size),
  writes: v.optional(v.pipe(v.array(Write), v.maxLength(64))),
  source: Hex,
  destination: Hex,
});

/** `predict`: QEMU's restore check for many pairs. */
export const predict = new Command<{ json?: true }>()
  .description(
    "Predict QEMU's restore check for pairs of config spaces: one JSON object per line on standard input.\n" +
      "Keys: machine, source, destination (hex), properties, qemu, bus, bars, destinationBars, rom, writes.",
  )
  .example("Recorded pairs", "premigrate predict < examples/pairs.jsonl")
  .action(async () => {
    for await (const line of readLines(readChunks("-"), LONGEST_LINE)) {
      print(JSON.stringify(predictLine(line)) + "\n");
    }
  });

/** What `predict` answers. */
export type PredictedLine =
  | { readonly result: "completed" }
  | { readonly result: "bad-config"; readonly bad: Extract<Prediction, { bad: unknown }>["bad"] }
  | {
    readonly result: "bad-config" | "realize-failed" | "undecided" | "invalid";
    readonly reason: string;
  };

/** Answers one line; `undefined` is a line that was too long or no text. */
export function predictLine(line: string | undefined): PredictedLine {
  if (line === undefined) return invalid(`the line is no UTF-8, or over ${LONGEST_LINE} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return invalid("the line is no JSON");
  }
  const parsed = v.safeParse(LineSchema, json, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return invalid(`${v.getDotPath(issue) ?? "line"}: ${issue.message.slice(0, 200)}`);
  }
  try {
    return predictPair(parsed.output);
  } catch (error) {
    if (error instanceof QemuVersionError) return invalid(error.message);
    // QEMU ends before it opens a device whose properties it does not take.
    if (error instanceof QemuPropertyError) {
      return { result: "realize-failed", reason: error.message };
    }
    throw error;
  }
}

function predictPair(line: v.InferOutput<typeof LineSchema>): PredictedLine {
  const qemu = parseQemuVersion(line.qemu);
  const machine = parseMachine(line.machine);
  const properties = parseVfioPciProperties(splitProperties(line.properties), qemu);
  const skipVscCheck = properties.skipVscCheck ?? machineSkipsVscCheck(machine, qemu);
  const bus = line.bus ?? defaultBus(machine);
  if (!qemu.modelled) return invalid(`qemu: the rules of ${qemu} are not known`);
  if (skipVscCheck === undefined) {
    return invalid("machine: its name does not tell skip-vsc-check; give it in properties");
  }
  if (machine.family === "other" && machine.version === "newest") {
    return invalid(`machine: ${machine.name} has no bus that is known`);
  }
  if (bus === undefined) return invalid("machine: its name does not tell the bus; give it in bus");
  const side = (hex: string, bars: v.InferOutput<typeof BarSizes>): RestoreSide => ({
    view: { kind: "realize", bytes: decodeHex(hex) },
    facts: {
      qemu,
      skipVscCheck,
      bus,
      bars: sizesOf(bars),
      romSize: line.rom,
      properties,
    },
  });
  const answered = answer(predictRestore(
    { ...side(line.source, line.bars), writes: line.writes },
    side(line.destination, line.destinationBars ?? line.bars),
  ));
  if (answered.result !== "completed" && properties.unmodelled === undefined) return answered;
  const doubt = findDoubt(line, { qemu, machine, bus });
  return doubt === undefined ? answered : { result: "undecided", reason: doubt };
}

/** Why the policy that applies the model to two dumps, as `compare` does, would not decide by it. */
function findDoubt(
  { properties: text, source, destination, ...line }: v.InferOutput<typeof LineSchema>,
  { qemu, machine, bus }: {
    readonly qemu: QemuVersion;
    readonly machine: Machine;
    readonly bus: BusKind;
  },
): string | undefined {
  const properties = splitProperties(text);
  const migrates = properties["enable-migration"];
  if (migrates !== undefined && migrates !== "auto" && parseQapiBool(migrates) !== true) {
    return `QEMU migrates no device with enable-migration=${migrates.slice(0, 80)}`;
  }
  const pair: DevicePair = {
    name: "device",
    guest: { bus, properties },
    source: {
      address: "source",
      config: { kind: "realize", bytes: decodeHex(source) },
      bars: sizesOf(line.bars),
    },
    destination: {
      address: "destination",
      config: { kind: "realize", bytes: decodeHex(destination) },
      bars: sizesOf(line.destinationBars ?? line.bars),
    },
  };
  const migration: Migration = {
    machine,
    source: { name: "source", qemu },
    destination: { name: "destination", qemu },
    bytesOnly: true,
  };
  const { findings } = evaluate([pair], migration, RULES);
  const doubt = findings.find(({ code, severity }) =>
    code === "machine-too-new" || (severity === "undecided" && !KNOWN.includes(code))
  );
  if (doubt === undefined) return undefined;
  const pages: readonly [string, CodePage][] = [
    ...Object.entries(ENGINE_CODES),
    ...Object.entries(restoreCheck.codes),
  ];
  const page = pages.find(([code]) => code === doubt.code)?.[1];
  const values = { ...hostNames(undefined, doubt.data["side"]), ...doubt.data };
  return fillMessage(page?.message ?? doubt.code, values);
}

function sizesOf(bars: v.InferOutput<typeof BarSizes>): number[] {
  return Array.from({ length: 6 }, (_, bar) => bars[bar] ?? 0);
}

function defaultBus(machine: Machine): BusKind | undefined {
  if (machine.family === "other") return undefined;
  return hasExpressRoot(machine) ? "root" : "pci";
}

function answer(prediction: Prediction): PredictedLine {
  switch (prediction.result) {
    case "completed":
    case "bad-config":
      return prediction;
    case "out-of-step":
      return {
        result: "bad-config",
        reason:
          `stream out of step: the source sends ${prediction.source} bytes of config space, the destination expects ${prediction.destination}`,
      };
    case "realize-failed":
      return {
        result: "realize-failed",
        reason: `${prediction.side}: ${formatRealizeFailure(prediction.reason)}`,
      };
  }
}

function invalid(reason: string): PredictedLine {
  return { result: "invalid", reason };
}
