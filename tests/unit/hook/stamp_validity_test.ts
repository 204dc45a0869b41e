/** Which stamps are believed, and which marks of a guest that is shut off. */
import { assertEquals } from "@std/assert";
import { parseFacts } from "premigrate";
import type { Stamp } from "../../../lib/facts/mod.ts";
import { doubtStamp, readOfflineMark, type StampTerms } from "../../../lib/hook/stamp_validity.ts";

const GUEST = "4dea22b3-1d52-48f3-a516-782e98ab3fa0";
const OTHER = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";
const MADE = Date.parse("2026-03-01T12:00:00Z");

const FIRST = { guest: "0000:01:00.0", source: "0000:3b:00.4" };
const SECOND = { guest: "0000:02:00.0", source: "0000:3b:00.5" };

function stampWith(
  { host = {}, ...changes }: Partial<Stamp> & { host?: Record<string, string> } = {},
): Stamp {
  const facts = { premigrate: "facts/1", host: { name: "hosta", ...host }, devices: [] };
  return {
    guest: GUEST,
    time: new Date(MADE).toISOString(),
    devices: [FIRST],
    facts: parseFacts(JSON.stringify(facts)),
    ...changes,
  };
}

const ARRIVAL: StampTerms = {
  uuid: GUEST,
  devices: [FIRST],
  interfaces: [],
  host: { name: "hostb", uuid: OTHER, bootId: "b" },
  now: MADE,
  maxAge: 900,
};

const CASES: readonly {
  readonly name: string;
  readonly stamp?: Parameters<typeof stampWith>[0];
  readonly terms?: Partial<StampTerms>;
  readonly code?: string;
  readonly data?: Readonly<Record<string, string | number>>;
}[] = [
  { name: "made now" },
  { name: "as old as may be", terms: { now: MADE + 900_000 } },
  { name: "not yet a second older", terms: { now: MADE + 900_999 } },
  {
    name: "a second older",
    terms: { now: MADE + 901_000 },
    code: "stamp-too-old",
    data: { age: 901, most: 900 },
  },
  { name: "a minute ahead", terms: { now: MADE - 60_000 } },
  {
    name: "a millisecond more",
    terms: { now: MADE - 60_001 },
    code: "stamp-from-future",
    data: { seconds: 61 },
  },
  {
    name: "of a day that is none",
    stamp: { time: "2026-02-31T12:00:00Z" },
    terms: { now: MADE },
    code: "stamp-from-future",
  },
  {
    name: "of a time that its schema takes and no clock can be set by",
    stamp: { time: "2020-01-01T00:00:00+01" },
    code: "stamp-unusable",
    data: { reason: "its time is 2020-01-01T00:00:00+01" },
  },
  {
    name: "another guest's",
    stamp: { guest: OTHER },
    code: "stamp-of-other-guest",
    data: { guest: OTHER },
  },
  {
    name: "for a guest without a UUID",
    terms: { uuid: undefined },
    code: "stamp-of-other-guest",
  },
  {
    name: "another guest's, and made here",
    stamp: { guest: OTHER, host: { uuid: OTHER } },
    code: "stamp-of-other-guest",
  },
  {
    name: "made here, by the host's UUID",
    stamp: { host: { uuid: OTHER, bootId: "a" } },
    code: "stamp-of-destination",
    data: { host: "hosta" },
  },
  {
    name: "made here, by the boot",
    stamp: { host: { uuid: GUEST, bootId: "b" } },
    code: "stamp-of-destination",
  },
  {
    name: "made here, by the boot alone",
    stamp: { host: { bootId: "b" } },
    code: "stamp-of-destination",
  },
  {
    name: "made here, by the machine, where a UUID is not known",
    stamp: { host: { machineId: "m" } },
    terms: { host: { name: "hostb", uuid: OTHER, machineId: "m" } },
    code: "stamp-of-destination",
  },
  {
    name: "of another host with a copy of this one's machine-id",
    stamp: { host: { uuid: GUEST, machineId: "m" } },
    terms: { host: { name: "hostb", uuid: OTHER, machineId: "m" } },
  },
  {
    name: "made here, and too old",
    stamp: { host: { uuid: OTHER } },
    terms: { now: MADE + 1e9 },
  },
  { name: "of a host that tells neither", stamp: {} },
  {
    name: "where this host tells neither",
    stamp: { host: { uuid: OTHER, bootId: "b" } },
    terms: { host: { name: "hosta" } },
  },
  { name: "where neither tells", terms: { host: { name: "hosta" } } },
  {
    name: "of the devices in another order",
    stamp: { devices: [SECOND, FIRST] },
    terms: { devices: [FIRST, SECOND] },
  },
  {
    name: "of devices that are elsewhere on the source",
    stamp: { devices: [{ ...FIRST, source: "0000:af:00.1" }] },
  },
  {
    name: "of a device more",
    stamp: { devices: [FIRST, SECOND] },
    code: "stamp-of-other-devices",
    data: { wanted: "0000:01:00.0", stamped: "0000:01:00.0 0000:02:00.0" },
  },
  {
    name: "of a device less",
    terms: { devices: [SECOND, FIRST] },
    code: "stamp-of-other-devices",
    data: { wanted: "0000:01:00.0 0000:02:00.0", stamped: "0000:01:00.0" },
  },
  {
    name: "of another device",
    stamp: { devices: [SECOND] },
    code: "stamp-of-other-devices",
    data: { wanted: "0000:01:00.0", stamped: "0000:02:00.0" },
  },
  {
    name: "of no device",
    stamp: { devices: [] },
    code: "stamp-of-other-devices",
    data: { wanted: "0000:01:00.0", stamped: "none" },
  },
  {
    name: "of a device that the XML does not have",
    terms: { devices: [] },
    code: "stamp-of-other-devices",
    data: { wanted: "none", stamped: "0000:01:00.0" },
  },
  { name: "of no device, for a guest with none", stamp: { devices: [] }, terms: { devices: [] } },
];

for (const { name, stamp, terms, code, data } of CASES) {
  // What is made here is that first, however old.
  const wanted = name === "made here, and too old" ? "stamp-of-destination" : code;
  Deno.test(`a stamp ${name} is ${wanted ?? "believed"}`, () => {
    const doubt = doubtStamp(stampWith(stamp), { ...ARRIVAL, ...terms });
    assertEquals(doubt?.code, wanted);
    assertEquals(doubt?.severity, wanted === undefined ? undefined : "undecided");
    if (data !== undefined) assertEquals(doubt?.data, data);
  });
}

const MARKS: readonly (readonly [name: string, seconds: number, code: string, severity: string])[] =
  [
    ["now", 0, "offline-migration", "info"],
    ["ten minutes ago", 600, "offline-migration", "info"],
    ["a second earlier", 601, "offline-mark-too-old", "undecided"],
    ["a minute ahead", -60, "offline-migration", "info"],
    ["a second more ahead", -61, "stamp-from-future", "undecided"],
  ];

for (const [name, seconds, code, severity] of MARKS) {
  Deno.test(`a guest that was marked as shut off ${name}: ${code}`, () => {
    const time = new Date(MADE).toISOString();
    const finding = readOfflineMark(time, MADE + seconds * 1000);
    assertEquals([finding.code, finding.severity], [code, severity]);
  });
}

Deno.test("a mark of a time that no clock can be set by is not believed", () => {
  const { code } = readOfflineMark("2026-03-01T12:00:00+01", MADE);
  assertEquals(code, "offline-mark-too-old");
});
