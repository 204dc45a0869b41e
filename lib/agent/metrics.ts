import * as v from "valibot";
import { MODES } from "../config/config.ts";
import { metricsFile, type Paths } from "../config/paths.ts";
import { version } from "../config/version.ts";
import type { CapturedHost } from "../facts/mod.ts";
import { replaceFile, Store, unlessGone } from "../facts/store.ts";
import {
  countDecisions,
  type DecisionCounts,
  DecisionCountsForm,
  NO_DECISIONS,
  VERDICTS,
} from "./count_decisions.ts";
import { exposition, type Metric } from "./exposition.ts";
import type { RoundReport } from "./round_steps.ts";

const Text = v.optional(v.string(), "");
const Seconds = v.number();

const StateForm = v.strictObject({
  premigrate: v.literal("metrics/1"),
  /** What was written last. */
  file: v.string(),
  counts: DecisionCountsForm,
  /** When a round last ended without a problem. */
  succeeded: v.optional(Seconds),
  host: v.optional(v.strictObject({
    time: Seconds,
    labels: v.strictObject({
      host: v.string(),
      qemu: Text,
      libvirt: Text,
      kernel: Text,
      nvidia: Text,
    }),
  })),
  /** Guests with devices, and when the facts in their stamps were read; 0: they have none. */
  stamps: v.array(v.strictObject({ uuid: v.string(), guest: v.string(), time: Seconds })),
});

/** What the metrics are made of: what this round did not find out is as it was. */
type MetricsState = v.InferOutput<typeof StateForm>;

const STORE = new Store(StateForm, { largest: 4 * 1024 * 1024 });
const NAME = "metrics";

/**
 * Writes what a round found out to the folder of node_exporter's textfile collector. Where that is no
 * longer wanted, it removes what it wrote.
 *
 * @param folder Below the root; absent: nowhere.
 * @param now Milliseconds since 1970.
 *
 * @throws {Error} Deno's own, when it cannot be written.
 */
export async function writeMetrics(
  paths: Pick<Paths, "root" | "state" | "audit">,
  folder: string | undefined,
  report: RoundReport,
  now: number,
): Promise<void> {
  const before = STORE.find(paths.state, NAME);
  const file = folder === undefined ? undefined : metricsFile(paths, folder);
  if (before !== undefined && before.file !== file) unlessGone(() => Deno.removeSync(before.file));
  if (file === undefined) {
    unlessGone(() => Deno.removeSync(`${paths.state}/${NAME}.json`));
    return;
  }
  const state: MetricsState = {
    premigrate: "metrics/1",
    file,
    counts: await countDecisions(paths.audit, before?.counts ?? NO_DECISIONS),
    succeeded: report.problems.length === 0 ? now / 1000 : before?.succeeded,
    host: report.host === undefined ? before?.host : hostOf(report.host, now),
    stamps: stampsOf(report, before?.stamps ?? []),
  };
  STORE.keep(paths.state, NAME, state);
  replaceFile(file, (unfinished) => {
    Deno.writeTextFileSync(unfinished, exposition(metricsOf(state)), { createNew: true });
    // node_exporter is not root.
    Deno.chmodSync(unfinished, 0o644);
  });
}

function hostOf(
  { name, time, qemu, libvirt, kernel, nvidiaDriver }: CapturedHost,
  now: number,
): MetricsState["host"] {
  return {
    time: time === undefined ? now / 1000 : Date.parse(time) / 1000,
    labels: {
      host: name,
      qemu: qemu?.toString() ?? "",
      libvirt: libvirt ?? "",
      kernel: kernel ?? "",
      nvidia: nvidiaDriver ?? "",
    },
  };
}

function stampsOf(
  { guests }: RoundReport,
  before: MetricsState["stamps"],
): MetricsState["stamps"] {
  return guests?.flatMap(({ uuid, name: guest, time, isBusy }) => {
    const known = time === undefined
      ? before.find((stamp) => stamp.uuid === uuid)?.time
      : Date.parse(time) / 1000;
    return known === undefined && isBusy ? [] : [{ uuid, guest, time: known ?? 0 }];
  }) ?? before;
}

/** All metrics; none has a label of which there is a value for each pair of guests or hosts. */
function metricsOf({ counts, succeeded, host, stamps }: MetricsState): Metric[] {
  const one = (value: number | undefined): Metric["samples"] =>
    value === undefined ? [] : [{ value }];
  return [
    {
      name: "premigrate_build_info",
      type: "gauge",
      help: "The installed premigrate.",
      samples: [{ labels: { version }, value: 1 }],
    },
    {
      name: "premigrate_host_info",
      type: "gauge",
      help: "Versions of what decides about migrations; empty where one is not known.",
      samples: host === undefined ? [] : [{ labels: host.labels, value: 1 }],
    },
    {
      name: "premigrate_facts_timestamp_seconds",
      type: "gauge",
      help: "When these versions were read.",
      samples: host === undefined ? [] : [{ labels: { host: host.labels.host }, value: host.time }],
    },
    {
      name: "premigrate_agent_last_success_timestamp_seconds",
      type: "gauge",
      help: "When the agent last did all that it does without a problem.",
      samples: one(succeeded),
    },
    {
      name: "premigrate_stamp_timestamp_seconds",
      type: "gauge",
      help:
        "When the facts in a guest's stamp were read; 0 where it should have a stamp, and has none.",
      samples: stamps.map(({ uuid, guest, time }) => ({ labels: { uuid, guest }, value: time })),
    },
    {
      name: "premigrate_decisions_total",
      type: "counter",
      help: "Migrations to this host that the hook decided.",
      samples: decisionSamples(counts),
    },
    {
      name: "premigrate_decision_duration_seconds",
      type: "summary",
      help: "How long the hook took for them.",
      samples: [
        { suffix: "_sum", value: counts.milliseconds / 1000 },
        {
          suffix: "_count",
          value: Object.values(counts.decisions).reduce((sum, count) => sum + count, 0),
        },
      ],
    },
  ];
}

/** What has not happened yet is 0: `increase` does not see a counter's first value. */
function decisionSamples({ decisions }: DecisionCounts): Metric["samples"] {
  const expected = VERDICTS.flatMap((verdict) =>
    MODES.flatMap((mode) =>
      (["allowed", "refused"] as const).map((effect) => `${verdict} ${mode} ${effect}`)
    )
  );
  return [...new Set([...expected, ...Object.keys(decisions)])].map((key) => {
    const [verdict = "", mode = "", effect = ""] = key.split(" ");
    return { labels: { verdict, mode, effect }, value: decisions[key] ?? 0 };
  });
}
