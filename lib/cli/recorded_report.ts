/**
 * The reports that the hook leaves of its decisions.
 *
 * @module
 */
import * as v from "valibot";
import { PremigrateError } from "../error/mod.ts";
import { inputError, readText } from "../facts/files.ts";
import { type Facts, parseFacts } from "../facts/mod.ts";
import { OWN } from "../hook/codes.ts";
import { UNSEEN } from "../report/labels.ts";
import { BUILT_IN } from "../../plugins/mod.ts";
import {
  BUS_KINDS,
  type DetailedAnswer,
  type DevicePair,
  type NotLookedAt,
  parseMachine,
  Registry,
} from "../policy/mod.ts";

const Severity = v.picklist(["veto", "undecided", "warn", "info"]);

const RecordedSchema = v.looseObject({
  premigrate: v.literal("report/1"),
  version: v.optional(v.string()),
  id: v.string(),
  time: v.pipe(v.string(), v.isoTimestamp()),
  guest: v.looseObject({ name: v.string(), uuid: v.optional(v.string()) }),
  effect: v.picklist(["allowed", "refused"]),
  decision: v.picklist(["allow", "veto", "undecided"]),
  mode: v.string(),
  waiver: v.optional(v.looseObject({ id: v.string(), reason: v.string() })),
  leftOut: v.optional(v.string()),
  findings: v.optional(
    v.array(v.looseObject({
      policy: v.string(),
      code: v.string(),
      severity: Severity,
      loweredFrom: v.exactOptional(v.picklist(["veto", "undecided"])),
      device: v.exactOptional(v.string()),
      offset: v.exactOptional(v.number()),
      data: v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])),
      title: v.string(),
      message: v.string(),
      remedy: v.string(),
    })),
    [],
  ),
  devices: v.optional(
    v.array(v.object({ name: v.string(), source: v.string(), destination: v.string() })),
    [],
  ),
  assumptions: v.optional(v.array(v.string()), []),
  notLookedAt: v.optional(v.array(v.looseObject({
    code: v.custom<NotLookedAt["code"]>((code) =>
      typeof code === "string" && Object.hasOwn(UNSEEN, code)
    ),
    count: v.exactOptional(v.number()),
  }))),
  ran: v.optional(
    v.array(v.object({ policy: v.string(), device: v.exactOptional(v.string()) })),
    [],
  ),
  notRun: v.optional(
    v.array(v.object({
      policy: v.string(),
      device: v.string(),
      reason: v.picklist(["needs-facts", "unknown-device", "attribute-not-read"]),
    })),
    [],
  ),
  question: v.optional(v.looseObject({
    machine: v.optional(v.string()),
    devices: v.array(v.looseObject({
      name: v.string(),
      bus: v.exactOptional(v.picklist(BUS_KINDS)),
      properties: v.record(v.string(), v.string()),
    })),
  })),
  evidence: v.optional(v.looseObject({
    source: v.optional(v.unknown()),
    destination: v.optional(v.unknown()),
  })),
});

/** A report as it was read. */
export interface RecordedReport {
  /** All that is in the file. */
  readonly json: unknown;
  /** What is shown of it. */
  readonly data: v.InferOutput<typeof RecordedSchema>;
  /** What was decided, to be shown as any verdict. */
  readonly answer: DetailedAnswer;
  /** The guest, the hosts, when, and what became of it. */
  readonly title: string;
}

/**
 * Reads a report.
 *
 * @throws {PremigrateError} When the file cannot be read, is none, or is damaged.
 */
export async function readReport(path: string): Promise<RecordedReport> {
  const json = parseJson(path, await readText(path));
  const data = parseReport(path, json);
  const source = factsOf(path, data.evidence?.source);
  const destination = factsOf(path, data.evidence?.destination);
  const { id, time, guest, effect, mode, waiver, decision, question, leftOut } = data;
  const { findings, ran, notRun, devices } = data;
  const host = (facts: Facts | undefined): Facts["host"] => facts?.host ?? { name: "unknown host" };
  const pairs = (question?.devices ?? []).flatMap(({ name, bus, properties }): DevicePair[] => {
    const addresses = devices.find((device) => device.name === name);
    const from = source?.devices.find(({ address }) => address === addresses?.source);
    const to = destination?.devices.find(({ address }) => address === addresses?.destination);
    if (from === undefined || to === undefined) return [];
    return [{ name, guest: { bus, properties }, source: from, destination: to }];
  });
  const machine = question?.machine;
  const because = [
    mode === "observe" ? "mode observe" : "",
    waiver === undefined ? "" : `waiver ${waiver.id}: ${waiver.reason}`,
    leftOut === undefined ? "" : `too large, left out: ${leftOut}`,
  ].filter((text) => text !== "").join(", ");
  const answer: DetailedAnswer = {
    verdict: { decision, findings, ran, notRun },
    devices,
    assumptions: data.assumptions,
    notLookedAt: data.notLookedAt,
    policies: [OWN, ...Registry.from(BUILT_IN).policies],
    pairs,
    guest: guest.name,
    migration: {
      guest: guest.name,
      machine: machine === undefined ? undefined : parseMachine(machine),
      source: host(source),
      destination: host(destination),
      bytesOnly: false,
    },
  };
  const hosts = `${host(source).name} -> ${host(destination).name}`;
  const title = `${guest.name}: ${hosts}, ${time}: ${effect}` +
    `${because === "" ? "" : ` (${because})`}, report ${id}`;
  return { json, data, answer, title };
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw inputError(path, "it is no JSON, or damaged: wanted a report of the hook's");
  }
}

function parseReport(path: string, json: unknown): v.InferOutput<typeof RecordedSchema> {
  const parsed = v.safeParse(RecordedSchema, json, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const place = v.getDotPath(issue)?.slice(0, 200) ?? "its top";
  throw inputError(
    path,
    `it is no report of the hook's: at ${place}: ${issue.message.slice(0, 200)}`,
  );
}

function factsOf(path: string, facts: unknown): Facts | undefined {
  if (facts === undefined) return undefined;
  try {
    return parseFacts(JSON.stringify(facts));
  } catch (error) {
    if (!(error instanceof PremigrateError)) throw error;
    throw inputError(path, `its evidence is damaged: ${error.problem}`);
  }
}

/** The ids of all reports, the newest first: an id begins with the time. */
export function listReports(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name)
      .filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -".json".length))
      .sort().reverse();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw inputError(folder, error instanceof Error ? error.message : String(error));
  }
}
