/**
 * A migration as it is recorded: what `premigrate predict` reads, and what QEMU did.
 *
 * @module
 */
import {
  type BadConfig,
  type BusKind,
  machineSkipsVscCheck,
  parseMachine,
  parseQemuVersion,
  parseVfioPciProperties,
  realize,
  type RealizedDevice,
  type RealizeFailure,
  splitProperties,
} from "premigrate/policy";
import { predictLine } from "../../lib/cli/commands/predict.ts";
import type { Outcome } from "./migrate.ts";
import type { RandomPair } from "./pairs.ts";

/** One migration. */
export interface RecordedMigration {
  readonly machine: string;
  readonly qemu: string;
  readonly bus: BusKind;
  readonly properties: string;
  readonly bars: Readonly<Record<string, number>>;
  readonly destinationBars: Readonly<Record<string, number>>;
  readonly rom: number;
  readonly writes: RandomPair["writes"];
  readonly mutations: readonly string[];
  readonly capabilities: RandomPair["capabilities"];
  readonly extended: RandomPair["extended"];
  /** What the VFIO config regions returned, in hexadecimal. */
  readonly source: string;
  readonly destination: string;
  /** The first 256 bytes that a guest read of each; absent where QEMU did not open the device. */
  readonly guestSource?: string;
  readonly guestDestination?: string;
  readonly result: Outcome["result"];
  readonly bad?: BadConfig;
  /** Which QEMU refused to open its device, and why. */
  readonly side?: "source" | "destination";
  readonly said?: string;
}

/** As it is recorded. */
export function recordMigration(
  pair: RandomPair,
  outcome: Outcome,
  qemu: string,
): RecordedMigration {
  const { machine, bus, properties, source, destination, writes } = pair;
  const { guestSource, guestDestination, result, bad, side } = outcome;
  return {
    machine,
    qemu,
    bus,
    properties,
    bars: sizes(source),
    destinationBars: sizes(destination),
    rom: source.romSize ?? 0,
    writes,
    mutations: pair.mutations,
    capabilities: pair.capabilities,
    extended: pair.extended,
    source: source.config.toHex(),
    destination: destination.config.toHex(),
    ...guestSource === undefined ? {} : { guestSource: guestSource.toHex() },
    ...guestDestination === undefined ? {} : { guestDestination: guestDestination.toHex() },
    result,
    ...bad === undefined ? {} : { bad },
    ...side === undefined ? {} : { side },
    ...outcome.said === undefined ? {} : { said: withoutNames(outcome.said) },
  };
}

/**
 * Whether premigrate foretells it: the result, offset and all masks; of a device that QEMU does not
 * open the side, and QEMU's words.
 */
export function isForetold(migration: RecordedMigration): boolean {
  const { result, bad, side, said = "" } = migration;
  const predicted = predictLine(JSON.stringify(migration));
  if (predicted.result !== result) return false;
  if (result !== "realize-failed" || !("reason" in predicted)) {
    return JSON.stringify("bad" in predicted ? predicted.bad : undefined) === JSON.stringify(bad);
  }
  const [, where, reason = ""] = /^(\w+): (.*)$/.exec(predicted.reason) ?? [];
  const why = reason.startsWith("QEMU aborts") ? "SIGABRT" : reason;
  return where === side && said.includes(why);
}

/** What the model makes of one side's device. */
export function realizeSide(
  migration: RecordedMigration,
  side: "source" | "destination",
): RealizedDevice | RealizeFailure {
  const { machine, bus, rom, bars, destinationBars } = migration;
  const qemu = parseQemuVersion(migration.qemu);
  const properties = parseVfioPciProperties(splitProperties(migration.properties), qemu);
  const skipVscCheck = properties.skipVscCheck ?? machineSkipsVscCheck(parseMachine(machine), qemu);
  if (skipVscCheck === undefined) throw new Error(`${machine} does not tell skip-vsc-check`);
  const sizes = side === "source" ? bars : destinationBars;
  return realize({ kind: "realize", bytes: Uint8Array.fromHex(migration[side]) }, {
    qemu,
    skipVscCheck,
    bus,
    bars: [0, 1, 2, 3, 4, 5].map((bar) => sizes[bar] ?? 0),
    romSize: rom,
    properties,
  });
}

function sizes({ bars = [] }: RandomPair["source"]): Record<string, number> {
  return Object.fromEntries(bars.flatMap((size, bar) => size === 0 ? [] : [[bar, size]]));
}

/** QEMU's last lines, without the names of this run's devices and QEMU's warnings. */
function withoutNames(said: string): string {
  return said.split("\n").filter((line) => line !== "" && !line.includes(": warning: "))
    .map((line) => line.replace(/^.*: vfio [0-9a-f-]{36}: /, "")).join("\n");
}
