/** A metric, as Prometheus knows it. */
export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "summary";
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** One of its values. */
export interface Sample {
  /** Of a summary's own samples. */
  readonly suffix?: "_count" | "_sum";
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Metrics in Prometheus' text format 0.0.4, without times of their own: node_exporter's textfile
 * collector takes no file that has any.
 *
 * @example
 * ```ts
 * import { exposition } from "./exposition.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const samples = [{ labels: { host: 'a"b' }, value: 1 }];
 * assertEquals(
 *   exposition([{ name: "up", type: "gauge", help: "It runs.", samples }]),
 *   '# HELP up It runs.\n# TYPE up gauge\nup{host="a\\"b"} 1\n',
 * );
 * ```
 */
export function exposition(metrics: readonly Metric[]): string {
  return metrics.filter(({ samples }) => samples.length > 0).map(metricLines).join("");
}

function metricLines({ name, type, help, samples }: Metric): string {
  const lines = samples.map(({ suffix = "", labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`);
    return `${name}${suffix}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
