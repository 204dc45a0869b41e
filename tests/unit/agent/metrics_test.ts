/** What Prometheus gets to know of a host, and the alerts of examples/alerts.yaml. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parse } from "@std/yaml/parse";
import * as v from "valibot";
import { exposition } from "../../../lib/agent/exposition.ts";
import { writeMetrics } from "../../../lib/agent/metrics.ts";
import type { RoundReport } from "../../../lib/agent/round_steps.ts";
import { pathsBelow } from "../../../lib/config/paths.ts";
import { version } from "../../../lib/config/version.ts";
import { parseQemuVersion } from "../../../lib/qemu/mod.ts";
import { type ParsedMetric, parseExposition } from "../../helpers/exposition.ts";

const FOLDER = "/collector";
const FILE = `${FOLDER}/premigrate.prom`;
const NOW = 1_800_000_000_000;
const TIME = "2026-11-29T12:00:00.500Z";
const SECONDS = Date.parse(TIME) / 1000;
const [FIRST, SECOND] = [
  { uuid: "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2a01", name: 'a"b\\c' },
  { uuid: "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2a02", name: "db {1},x" },
];
const HOST = {
  name: "hosta",
  time: TIME,
  qemu: parseQemuVersion("9.0.2"),
  libvirt: "10.0.0",
  kernel: "6.1.0-18-amd64",
};

/** A host, rounds of its agent, and the file that they leave. */
class Host {
  readonly root = Deno.makeTempDirSync();
  readonly #paths = pathsBelow(this.root);

  constructor() {
    for (const folder of [FOLDER, "/other", "/var/log/premigrate"]) {
      Deno.mkdirSync(this.root + folder, { recursive: true });
    }
  }

  audit(verdict: string, mode: string, effect: string): void {
    const line = JSON.stringify({ verdict, mode, effect, ms: 250 });
    Deno.writeTextFileSync(this.#paths.audit, `${line}\n`, { append: true });
  }

  round(report: Partial<RoundReport> = {}, now = NOW, folder?: string): Promise<void> {
    const whole = { problems: [], stamped: [], changes: [], isUnfinished: false, ...report };
    return writeMetrics(this.#paths, folder ?? FOLDER, whole, now);
  }

  /** As where the configuration names no folder any more. */
  off(): Promise<void> {
    const report = { problems: [], stamped: [], changes: [], isUnfinished: false };
    return writeMetrics(this.#paths, undefined, report, NOW);
  }

  metrics(file = FILE): Map<string, ParsedMetric> {
    return parseExposition(Deno.readTextFileSync(this.root + file));
  }

  /** The values of a metric by what its labels have, without those that are 0. */
  values(metric: string): Record<string, number> {
    const samples = this.metrics().get(`premigrate_${metric}`)?.samples ?? [];
    return Object.fromEntries(
      samples.flatMap(({ name, labels, value }) =>
        value === 0 ? [] : [[
          name.slice(`premigrate_${metric}`.length) + Object.values(labels).join(" "),
          value,
        ]]
      ),
    );
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.root, { recursive: true });
  }
}

Deno.test("metrics: all of a host's, in the format of node_exporter's textfile collector", async () => {
  using host = new Host();
  host.audit("veto", "enforce", "refused");
  host.audit("veto", "enforce", "refused");
  host.audit("undecided", "observe", "allowed");
  host.audit("undecided", "enforce", "unjudged");
  await host.round({ host: HOST, guests: [{ ...FIRST, time: TIME }, SECOND] });
  assertEquals(host.values("build_info"), { [version]: 1 });
  assertEquals(host.values("host_info"), { "hosta 9.0.2 10.0.0 6.1.0-18-amd64 ": 1 });
  assertEquals(host.values("facts_timestamp_seconds"), { hosta: SECONDS });
  assertEquals(host.values("agent_last_success_timestamp_seconds"), { "": NOW / 1000 });
  assertEquals(host.values("stamp_timestamp_seconds"), {
    [`${FIRST.uuid} ${FIRST.name}`]: SECONDS,
  });
  assertEquals(host.values("decisions_total"), {
    "veto enforce refused": 2,
    "undecided observe allowed": 1,
    "undecided enforce unjudged": 1,
  });
  assertEquals(host.values("decision_duration_seconds"), { _sum: 1, _count: 4 });
  assertEquals(host.metrics().size, 7);
  assertEquals((Deno.statSync(host.root + FILE).mode ?? 0) & 0o777, 0o644);
  // A file that is not whole has another ending, of which node_exporter reads none.
  assertEquals(Array.from(Deno.readDirSync(host.root + FOLDER), ({ name }) => name), [
    "premigrate.prom",
  ]);
});

Deno.test("metrics: a counter is there before it counts, so that its first step is seen", async () => {
  using host = new Host();
  await host.round();
  const { samples = [] } = host.metrics().get("premigrate_decisions_total") ?? {};
  assertEquals(samples.length, 12);
  assert(samples.every(({ value }) => value === 0));
});

Deno.test("metrics: what a round did not find out is as it was", async () => {
  using host = new Host();
  await host.round({ host: HOST, guests: [{ ...FIRST, time: TIME }] });
  host.audit("allow", "enforce", "allowed");
  await host.round({ problems: ["Stamping guests: no answer"] }, NOW + 60_000);
  assertEquals(host.values("agent_last_success_timestamp_seconds"), { "": NOW / 1000 });
  assertEquals(host.values("facts_timestamp_seconds"), { hosta: SECONDS });
  assertEquals(host.values("stamp_timestamp_seconds"), {
    [`${FIRST.uuid} ${FIRST.name}`]: SECONDS,
  });
  assertEquals(host.values("decisions_total"), { "allow enforce allowed": 1 });
});

const KNOWN = `${FIRST.uuid} ${FIRST.name}`;
const STAMPS: Record<string, [guests: RoundReport["guests"], Record<string, number>]> = {
  "it was stamped anew": [[{ ...FIRST, time: "2026-11-29T12:05:00Z" }], {
    [KNOWN]: Date.parse("2026-11-29T12:05:00Z") / 1000,
  }],
  "it could not be stamped": [[FIRST], { [KNOWN]: SECONDS }],
  "it is on its way": [[{ ...FIRST, isBusy: true }], { [KNOWN]: SECONDS }],
  "it is gone": [[], {}],
  "another one could not be stamped": [[SECOND], { [`${SECOND.uuid} ${SECOND.name}`]: 0 }],
  "another one is on its way, and may need none": [[{ ...SECOND, isBusy: true }], {}],
};

for (const [name, [guests, stamps]] of Object.entries(STAMPS)) {
  Deno.test(`metrics of a guest with a stamp: ${name}`, async () => {
    using host = new Host();
    await host.round({ guests: [{ ...FIRST, time: TIME }] });
    await host.round({ guests });
    const { samples = [] } = host.metrics().get("premigrate_stamp_timestamp_seconds") ?? {};
    assertEquals(
      Object.fromEntries(
        samples.map(({ labels, value }) => [`${labels["uuid"]} ${labels["guest"]}`, value]),
      ),
      stamps,
    );
  });
}

Deno.test("metrics: where another folder is wanted, or none, the old file goes", async () => {
  using host = new Host();
  await host.round();
  host.audit("veto", "enforce", "refused");
  await host.round({}, NOW, "/other");
  assertThrows(() => host.metrics(), Deno.errors.NotFound);
  const { samples = [] } = host.metrics("/other/premigrate.prom")
    .get("premigrate_decisions_total") ?? {};
  assertEquals(samples.reduce((sum, { value }) => sum + value, 0), 1);
  await host.off();
  assertThrows(() => host.metrics("/other/premigrate.prom"), Deno.errors.NotFound);
  await host.off();
});

Deno.test("metrics: a folder that is not there is an error, and nothing is made", async () => {
  using host = new Host();
  const error = await host.round({}, NOW, "/nowhere").catch((error: unknown) => error);
  assert(error instanceof Deno.errors.NotFound);
  assertThrows(() => Deno.statSync(`${host.root}/nowhere`), Deno.errors.NotFound);
});

const HOSTILE = ["", "\n", "\\n", '"', "\\", '\\"}', 'a\nb{c="d"} 1', "\u{1f600}", "\r", "{},="];

Deno.test("metrics: a label is read as it was written, whatever is in it", () => {
  for (const text of HOSTILE) {
    const samples = [{ labels: { a: text, b: text }, value: 1 }];
    const written = exposition([{ name: "x", type: "gauge", help: "x", samples }]);
    assertEquals(parseExposition(written).get("x")?.samples[0]?.labels, { a: text, b: text });
  }
});

const AlertsForm = v.strictObject({
  groups: v.array(v.strictObject({
    name: v.string(),
    rules: v.array(v.strictObject({
      alert: v.pipe(v.string(), v.regex(/^Premigrate[A-Z]\w+$/)),
      expr: v.string(),
      for: v.optional(v.pipe(v.string(), v.regex(/^\d+[smhd]$/))),
      labels: v.strictObject({ severity: v.picklist(["critical", "warning", "info"]) }),
      annotations: v.strictObject({ summary: v.string(), description: v.string() }),
    })),
  })),
});
const ALERTS = Deno.readTextFileSync("examples/alerts.yaml");

Deno.test("alerts: each asks for metrics and labels that there are", async () => {
  using host = new Host();
  for (const effect of ["allowed", "refused", "unjudged"]) host.audit("veto", "enforce", effect);
  await host.round({ host: HOST, guests: [{ ...FIRST, time: TIME }] });
  const samples = [...host.metrics().values()].flatMap(({ samples }) => samples);
  const rules = v.parse(AlertsForm, parse(ALERTS)).groups.flatMap(({ rules }) => rules);
  assert(rules.length >= 4);
  for (const { alert, expr, annotations } of rules) {
    const asked = [...expr.matchAll(/\b(premigrate_\w+)(?:\{([^}]*)\})?/g)];
    assert(asked.length > 0, alert);
    for (const [, name = "", matchers = ""] of asked) {
      const found = samples.filter((sample) => sample.name === name);
      assert(found.length > 0, `${alert}: there is no ${name}`);
      for (const [, label = "", value] of matchers.matchAll(/(\w+)="([^"]*)"/g)) {
        assert(found.some(({ labels }) => labels[label] === value), `${alert}: ${matchers}`);
      }
    }
    const labels = new Set(samples.flatMap(({ labels }) => Object.keys(labels)));
    const told = Object.values(annotations).join(" ").matchAll(/\$labels\.(\w+)/g);
    for (const [, label = ""] of told) assert(label === "instance" || labels.has(label), alert);
  }
});

Deno.test("alerts: each metric of the host's has a line in the reference", async () => {
  using host = new Host();
  await host.round({ host: HOST, guests: [{ ...FIRST, time: TIME }] });
  const page = Deno.readTextFileSync("docs/metrics.md");
  for (const name of host.metrics().keys()) assertStringIncludes(page, `\`${name}\``);
});
