/**
 * What premigrate writes for programs: verdicts, the hook's recorded reports and its audit lines. Later
 * versions may add members.
 *
 * @module
 */
import * as v from "valibot";
import { FactsSchema } from "../facts/mod.ts";

const Text = v.string();
const Time = v.pipe(v.string(), v.isoTimestamp());
const Version = v.optional(v.pipe(Text, v.description("The version of premigrate")));
const Decision = v.picklist(["allow", "veto", "undecided"]);
const Severity = v.picklist(["veto", "undecided", "warn", "info"]);
const Mode = v.picklist(["enforce", "observe"]);
const Effect = v.picklist(["allowed", "refused"]);
const Waiver = v.optional(v.pipe(
  v.object({ id: Text, until: v.number(), reason: Text }),
  v.description("The waiver that was used; until: seconds since 1970"),
));
const Trouble = v.pipe(
  v.picklist(["hook", "config", "input", "facts", "policy", "deadline", "report"]),
  v.description("What kept it from being decided"),
);

const Host = v.object({
  name: Text,
  uuid: v.optional(Text),
  qemu: v.optional(Text),
  libvirt: v.optional(Text),
  kernel: v.optional(Text),
  nvidiaDriver: v.optional(Text),
  time: v.optional(v.pipe(Time, v.description("When its facts were gathered"))),
});

const Finding = v.object({
  policy: v.pipe(Text, v.description("The policy's id; premigrate: its own")),
  code: v.pipe(Text, v.description("What was found: one of the policy's codes")),
  severity: Severity,
  loweredFrom: v.optional(
    v.pipe(
      v.picklist(["veto", "undecided"]),
      v.description("Before the site made a warning of it"),
    ),
  ),
  about: v.optional(v.pipe(Text, v.description("The policy that it is about"))),
  device: v.optional(v.pipe(Text, v.description("Absent: the whole migration"))),
  offset: v.optional(v.pipe(v.number(), v.integer(), v.description("Place in config space"))),
  data: v.record(Text, v.union([Text, v.number(), v.boolean()])),
  title: Text,
  message: Text,
  remedy: Text,
});

const ANSWER = {
  devices: v.pipe(
    v.array(v.object({ name: Text, source: Text, destination: Text })),
    v.description("The devices that were compared, with their addresses on both hosts"),
  ),
  assumptions: v.pipe(v.array(Text), v.description("What was taken for granted")),
  notLookedAt: v.optional(v.array(v.object({ code: Text, count: v.optional(v.number()) }))),
  findings: v.pipe(v.array(Finding), v.description("Those that decide first")),
  ran: v.array(v.object({ policy: Text, device: v.optional(Text) })),
  notRun: v.array(v.object({
    policy: Text,
    device: Text,
    reason: v.picklist(["needs-facts", "unknown-device", "attribute-not-read"]),
  })),
};

const Choice = v.object({
  device: Text,
  chosen: v.nullable(v.pipe(Text, v.description("null: none of the candidates"))),
  candidates: v.array(v.object({
    address: Text,
    decision: v.picklist(["allow", "veto", "undecided", "in use"]),
  })),
});

/** What `check --json` and `compare --json` print; of several migrations a list of it. */
export const VerdictSchema: v.GenericSchema = v.object({
  premigrate: v.literal("verdict/1"),
  version: Version,
  time: v.pipe(Time, v.description("When it was decided")),
  guest: v.optional(v.pipe(Text, v.description("Its name; absent: no guest was asked about"))),
  destination: v.pipe(Text, v.description("The destination's name")),
  hosts: v.object({ source: Host, destination: Host }),
  machine: v.optional(v.pipe(Text, v.description("The machine type"))),
  decision: Decision,
  ...ANSWER,
  hook: v.optional(v.pipe(
    v.object({ effect: Effect, mode: Mode, trouble: v.optional(Trouble), waiver: Waiver }),
    v.description("What the destination's hook would do; absent: none is known to decide"),
  )),
  choices: v.optional(v.array(Choice)),
});

/** A recorded report of the hook's (`/var/log/premigrate/reports`). */
export const ReportSchema: v.GenericSchema = v.object({
  premigrate: v.literal("report/1"),
  version: Version,
  id: Text,
  time: Time,
  guest: v.object({ name: Text, uuid: v.optional(Text) }),
  hosts: v.optional(v.object({ source: v.optional(Host), destination: v.optional(Host) })),
  effect: Effect,
  decision: Decision,
  mode: Mode,
  trouble: v.optional(Trouble),
  waiver: Waiver,
  rewritten: v.pipe(
    v.record(Text, v.object({ from: Text, to: Text })),
    v.description("The devices that the guest got instead of those in the XML, by alias"),
  ),
  ms: v.pipe(v.number(), v.description("How long it took, in milliseconds")),
  leftOut: v.optional(v.pipe(Text, v.description("What had no room"))),
  // A report that would be too large has none of these.
  ...v.partial(v.object(ANSWER)).entries,
  question: v.optional(v.pipe(
    v.object({
      machine: v.optional(Text),
      devices: v.array(v.object({
        name: Text,
        bus: v.optional(Text),
        properties: v.record(Text, Text),
      })),
    }),
    v.description(
      "What the guest is beside the evidence: its machine type, how it has its devices",
    ),
  )),
  digest: v.pipe(Text, v.description("sha256: of the evidence")),
  evidence: v.object({
    source: v.optional(FactsSchema),
    destination: v.optional(FactsSchema),
  }),
});

/** A line of the hook's `/var/log/premigrate/audit.jsonl`. */
export const AuditSchema: v.GenericSchema = v.object({
  premigrate: v.optional(v.literal("audit/1")),
  version: Version,
  time: Time,
  id: Text,
  guest: Text,
  uuid: v.nullable(Text),
  source: v.nullable(v.pipe(Text, v.description("The host's name; null: not known"))),
  destination: v.nullable(Text),
  mode: Mode,
  verdict: Decision,
  trouble: v.optional(Trouble),
  effect: v.pipe(
    v.picklist(["allowed", "refused", "unjudged"]),
    v.description("unjudged: the call was not libvirt's"),
  ),
  waiver: v.optional(v.pipe(Text, v.description("The id of the waiver that was used"))),
  rewritten: v.optional(v.literal(true)),
  codes: v.pipe(v.array(Text), v.description("What was found, as `policy code`")),
  evidence: v.optional(v.pipe(Text, v.description("The digest of the report's evidence"))),
  report: v.optional(v.pipe(Text, v.description("The report's file on this host"))),
  why: v.optional(v.pipe(Text, v.description("Where the launcher decided by itself"))),
  ms: v.number(),
});
