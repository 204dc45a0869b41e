/** A parser of Prometheus' text format 0.0.4, as strict as node_exporter's textfile collector is. */

export interface ParsedMetric {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  summary: ["_sum", "_count"],
};

/** The metrics by name; a line that is none, or in the wrong place, is an error that quotes it. */
export function parseExposition(text: string): Map<string, ParsedMetric> {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const metrics = new Map<string, ParsedMetric & { samples: ParsedMetric["samples"][number][] }>();
  const seen = new Set<string>();
  let [name, help] = ["", ""];
  for (const line of text.slice(0, -1).split("\n")) {
    const wrong = (why: string): Error => new Error(`${why}: ${line}`);
    const described = new RegExp(`^# HELP (${NAME}) (.+)$`).exec(line);
    if (described !== null) {
      [, name = "", help = ""] = described;
      if (metrics.has(name)) throw wrong("a metric is there twice");
      continue;
    }
    const typed = new RegExp(`^# TYPE (${NAME}) ([a-z]+)$`).exec(line);
    if (typed !== null) {
      const [, of = "", type = ""] = typed;
      if (of !== name || metrics.has(of) || SUFFIXES[type] === undefined) throw wrong("a type");
      if ((type === "counter") !== of.endsWith("_total")) throw wrong("a counter's name");
      metrics.set(of, { type, help, samples: [] });
      continue;
    }
    // No time may follow the value.
    const [, sample = "", braces, labels = "", value = ""] =
      new RegExp(`^(${NAME})(\\{(.*)\\})? (\\S+)$`, "s").exec(line) ?? [];
    const metric = metrics.get(name);
    const suffixes = SUFFIXES[metric?.type ?? ""] ?? [];
    if (metric === undefined || !suffixes.some((suffix) => sample === name + suffix)) {
      throw wrong("a sample of no metric");
    }
    if (!/^-?(\d+(\.\d+)?(e[+-]?\d+)?)$/.test(value)) throw wrong("no number");
    const series = sample + (braces ?? "");
    if (seen.has(series)) throw wrong("a series is there twice");
    seen.add(series);
    metric.samples.push({ name: sample, labels: parseLabels(labels, wrong), value: Number(value) });
  }
  return metrics;
}

function parseLabels(text: string, wrong: (why: string) => Error): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== "") {
    const [all = "", name = "", value = ""] =
      /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)/.exec(rest) ?? [];
    if (name === "" || Object.hasOwn(labels, name)) throw wrong("a label");
    labels[name] = value.replaceAll(/\\(.)/g, (_, letter) => letter === "n" ? "\n" : letter);
    rest = rest.slice(all.length);
  }
  return labels;
}
