import { Command, EnumType, ValidationError } from "@cliffy/command";
import {
  BUS_KINDS,
  type BusKind,
  decodeConfigSpace,
  type DevicePair,
  hasExpressRoot,
  type Machine,
  type Migration,
  parseMachine,
  parseQemuVersion,
} from "../../policy/mod.ts";
import { policySet } from "../../config/policy_set.ts";
import { judgePairs } from "../../policy/judge.ts";
import { shadowsOf } from "../../report/config_shadows.ts";
import { drawConfigGrid } from "../../report/mod.ts";
import {
  FAIL_ON_WARN_OPTION,
  FORMAT_OPTION,
  formatType,
  outputOf,
  parseBars,
  parsePropertyOptions,
  readFunction,
} from "../options.ts";
import { answerText, showAnswers } from "../output.ts";
import { judgeBy, loadRules, PLUGIN_OPTION, POLICIES_OPTION } from "../policies.ts";

// The newest release whose rules the model knows.
const DEFAULT_QEMU = "11.1";

// In facts files the region's bytes are called after QEMU's function, vfio_realize.
const VIEWS = { region: "realize", realize: "realize", sysfs: "sysfs", guest: "guest" } as const;

/** `compare`: two dumps of config space, and nothing else. */
export const compare = new Command<{ json?: true }>()
  .description("Judge two dumps of config space: lspci -xxx(x) text, raw bytes or plain hex.")
  .type("format", formatType)
  .type("bus", new EnumType(BUS_KINDS))
  .type("view", new EnumType(["region", "realize", "sysfs", "guest"] as const))
  .arguments("<source:file> <destination:file>")
  .option("--machine <type:string>", "The guest's machine type, as in pc-q35-9.0.", {
    required: true,
  })
  .option("--qemu <version:string>", `QEMU version of both hosts (default: ${DEFAULT_QEMU}).`)
  .option("--property <property:string>", "A vfio-pci property as name=value.", {
    collect: true,
  })
  .option("--slot <address:string>", "The function to take from a dump that holds several.")
  .option("--bus <kind:bus>", "Where the guest has it (default: port for an express device).")
  .option(
    "--bar <size:string>",
    "Size of a BAR on both sides as N=SIZE; the device has no others.",
    { collect: true },
  )
  .option(...POLICIES_OPTION)
  .option(...PLUGIN_OPTION)
  .option(
    "--view <view:view>",
    "What the dumps were read from: the VFIO config region, as QEMU reads it (region, in facts files realize; the default), sysfs, or the guest.",
  )
  .option(...FORMAT_OPTION)
  .option(...FAIL_ON_WARN_OPTION)
  .example(
    "Two dumps of the same vGPU type",
    "premigrate compare source.txt destination.txt --machine pc-q35-9.0",
  )
  .example(
    "The same, on a machine type that leaves the VSC's body alone",
    "premigrate compare source.txt destination.txt --machine pc-q35-9.1",
  )
  .action(async (options, source, destination) => {
    if (source === "-" && destination === "-") {
      throw new ValidationError('Cannot read standard input ("-") twice');
    }
    const output = outputOf(options);
    const qemu = parseQemuVersion(options.qemu ?? DEFAULT_QEMU);
    const machine = parseMachine(options.machine);
    const bars = parseBars(options.bar ?? []);
    const kind = VIEWS[options.view ?? "region"];
    const from = await readFunction(source, options.slot);
    const to = await readFunction(destination, options.slot);
    const bus = options.bus ?? defaultBus(machine, [from.bytes, to.bytes]);
    const pair: DevicePair = {
      name: from.slot ?? "device",
      guest: { bus, properties: parsePropertyOptions(options.property ?? []) },
      source: { address: from.slot ?? source, config: { kind, bytes: from.bytes }, bars },
      destination: { address: to.slot ?? destination, config: { kind, bytes: to.bytes }, bars },
    };
    const migration: Migration = {
      machine,
      source: { name: "source", qemu },
      destination: { name: "destination", qemu },
      bytesOnly: true,
    };
    const assumptions = [
      ...options.qemu === undefined ? [`QEMU ${qemu} on both hosts (--qemu)`] : [],
      ...options.bus === undefined ? [`bus ${bus} (--bus)`] : [],
    ];
    const rules = await loadRules(options);
    const answer = await judgeBy(rules, (plugins) => {
      const registry = policySet(rules.config, plugins);
      return judgePairs({ pairs: [pair], migration, registry, assumptions });
    });
    showAnswers([answer], output, {
      text: (answers) => {
        const shadows = shadowsOf(pair, migration);
        const picture = shadows === undefined ? "" : `\n${drawConfigGrid(shadows)}`;
        return answers.map((answer) => answerText(answer, picture)).join("");
      },
    });
  });

function defaultBus(machine: Machine, sides: readonly Uint8Array[]): BusKind {
  if (!hasExpressRoot(machine)) return "pci";
  const isExpress = sides.some((bytes) =>
    bytes.length === 4096 || decodeConfigSpace(bytes).capabilities.some(({ id }) => id === 0x10)
  );
  return isExpress ? "port" : "root";
}
