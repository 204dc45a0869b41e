/** What the operator and the journal are told of a decision. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Finding, FindingValue } from "premigrate/policy";
import { engineFinding } from "../../../lib/policy/engine_codes.ts";
import { policySet } from "../../../lib/config/policy_set.ts";
import { hookFinding, OWN } from "../../../lib/hook/codes.ts";
import type { Decision } from "../../../lib/hook/decision.ts";
import { journalLines, refusal } from "../../../lib/hook/message.ts";
import { settle } from "../../../lib/hook/settle.ts";
import { configOf, GUEST, sourceFacts } from "../../helpers/hook_arrivals.ts";

const LINE =
  "get_pci_config_device: Bad config data: i=0xd8 read: 33 device: 35 cmask: ff wmask: 0 w1cmask:0";
const REPORT = "report /var/log/premigrate/reports/20260301T120000Z-0badcafe.json";
const POLICIES = policySet({ policies: {} }).policies;

const WILL_FAIL: Finding = {
  policy: "qemu/restore-check",
  code: "will-fail",
  severity: "veto",
  device: "hostdev0",
  offset: 0xd8,
  data: { field: "Vendor Specific", line: LINE, failing: 1 },
};
const NO_CONFIG: Finding = {
  policy: "qemu/restore-check",
  code: "no-config",
  severity: "undecided",
  device: "hostdev1",
  data: { side: "source" },
};

function decided(
  findings: readonly Finding[],
  { name = "vm1", choices = {}, device = "hostdev0", ...changes }:
    & Partial<Pick<Decision, "rewritten" | "source" | "ms" | "name">>
    & { choices?: unknown; device?: string; waiver?: string } = {},
): Decision {
  const waiver = changes.waiver === undefined
    ? undefined
    : { id: "0badcafe", until: 1, reason: changes.waiver };
  return {
    id: "20260301T120000Z-0badcafe",
    time: "2026-03-01T12:00:00.000Z",
    name,
    uuid: GUEST,
    settled: settle(findings, configOf(choices), GUEST, waiver),
    answer: {
      verdict: { decision: "undecided", findings, ran: [], notRun: [] },
      devices: [
        { name: device, source: "0000:3b:00.4", destination: "0000:3b:00.4" },
        { name: "hostdev1", source: "0000:3b:00.5", destination: "0000:af:00.1" },
      ],
      assumptions: [],
      policies: [OWN, ...POLICIES],
    },
    source: changes.source ?? sourceFacts([]),
    destination: undefined,
    rewritten: changes.rewritten ?? {},
    ms: changes.ms ?? 12.6,
  };
}

const HINTS =
  "On the destination: premigrate report 20260301T120000Z-0badcafe; to let the guest pass: premigrate waive vm1 --for 1h --reason TEXT";

Deno.test("a veto is told in three lines: the cause, what to do, where to read more and how to waive", () => {
  const [verdict = "", remedy = "", hints, ...rest] = refusal(decided([WILL_FAIL])).split("\n");
  assertEquals(
    verdict,
    `premigrate: VETO hostdev0 (0000:3b:00.4): QEMU will fail at offset 0xd8 (Vendor Specific), the first of 1 bytes that differ: ${LINE}`,
  );
  assert(remedy.startsWith("Give the guest a device on the destination"));
  assertEquals([hints, rest], [HINTS, []]);
});

Deno.test("the vendor's reason is told first, QEMU's line of the same byte last, and they are one cause", () => {
  const vendor: Finding = {
    policy: "nvidia/vsc",
    code: "body-compared",
    severity: "veto",
    device: "hostdev0",
    offset: 0xd8,
    data: {
      count: 10,
      source: "535.161.05",
      destination: "550.54.16",
      comparer: "machine type pc-q35-9.0",
    },
  };
  const decision = decided([vendor, WILL_FAIL]);
  const migration = {
    source: { name: "hosta" },
    destination: { name: "hostb" },
    bytesOnly: false,
  };
  const [verdict = "", remedy = ""] = refusal({
    ...decision,
    answer: { ...decision.answer, migration },
  }).split("\n");
  const cause = "NVIDIA driver 535.161.05 on hosta, 550.54.16 on hostb; " +
    "machine type pc-q35-9.0 compares that: ";
  assert(verdict.startsWith(`premigrate: VETO hostdev0 (0000:3b:00.4): ${cause}`), verdict);
  assert(!verdict.includes("more)"), verdict);
  assert(remedy.startsWith("Restart the guest"), remedy);
  assert(remedy.endsWith(` QEMU: ${LINE}`), remedy);
});

Deno.test("a guest whose name is no plain word is waived by its UUID", () => {
  for (
    const [name, who] of Object.entries({
      "db-1": "db-1",
      "a b": GUEST,
      "-rf": GUEST,
      "$(x)": GUEST,
    })
  ) {
    const [, , hints = ""] = refusal(decided([WILL_FAIL], { name })).split("\n");
    assertStringIncludes(hints, `premigrate waive ${who} --for`);
  }
});

Deno.test("why there is no report is told in its place", () => {
  const [, , hints = ""] = refusal(decided([WILL_FAIL]), "no space left").split("\n");
  assert(hints.startsWith("no report of 20260301T120000Z-0badcafe: no space left; to let "), hints);
});

Deno.test("a device that would be another there is told with both addresses", () => {
  const [verdict, remedy] = refusal(decided([NO_CONFIG])).split("\n");
  assertEquals(
    verdict,
    "premigrate: UNDECIDED, refused hostdev1 (0000:3b:00.5 -> 0000:af:00.1): The config space of the device on the source is not known",
  );
  assertEquals(remedy, "Gather the facts again, as root.");
});

Deno.test("the first of several causes is told, and how many more there are", () => {
  const vendor: Finding = {
    policy: "nvidia/vsc",
    code: "of-no-page",
    severity: "veto",
    device: "hostdev0",
    data: {},
  };
  const other = { ...WILL_FAIL, device: "hostdev1", data: { field: "x", line: "of another" } };
  const text = refusal(decided([vendor, other, WILL_FAIL, NO_CONFIG]));
  const [verdict = ""] = text.split("\n");
  assertEquals(verdict, "premigrate: VETO hostdev0 (0000:3b:00.4): of-no-page (and 3 more)");
});

Deno.test("of findings of one code each has its own numbers", () => {
  const second = {
    ...WILL_FAIL,
    offset: 0xd9,
    data: { field: "y", line: "the second", failing: 1 },
  };
  const settled = { ...decided([WILL_FAIL, second]).settled, because: [second] };
  const text = refusal({ ...decided([WILL_FAIL, second]), settled });
  assertStringIncludes(text, "offset 0xd9 (y), the first of 1 bytes that differ: the second");
});

Deno.test("a finding that is of no device names none", () => {
  const [verdict] = refusal(decided([hookFinding("no-stamp", undefined, {})])).split("\n");
  assertEquals(
    verdict,
    "premigrate: UNDECIDED, refused: The guest's metadata says nothing about its source host, and no host to ask is configured",
  );
});

Deno.test("a device that was not compared is named alone", () => {
  const data = { address: "0000:3b:00.4", side: "either host" };
  const [verdict] = refusal(decided([engineFinding("no-facts", "hostdev7", data)])).split("\n");
  assertEquals(
    verdict,
    "premigrate: UNDECIDED, refused hostdev7: Device 0000:3b:00.4 is not in the facts of the source and the destination",
  );
});

const HOSTILE = [
  "\n\npremigrate: VETO",
  "\r\x1b[2J\x1e\0",
  "\u202e\u2066\u200b\ufeff",
  "\u2028\u2029\u0085\x7f\x9b",
  "x".repeat(100_000),
  "\u{1f525}".repeat(500),
  "x".repeat(396) + "\u{1f525}".repeat(9),
  "\ud800",
  "{offset:hex} {line} $& $1 %s",
  "__proto__",
];

function bounded(text: string, most: number): void {
  const lines = text.split("\n");
  assert(lines.length <= most, `${lines.length} lines`);
  for (const line of lines) {
    assert(line.length <= 400, `${line.length} characters`);
    assert(!/[\p{Cc}\p{Cf}\u2028\u2029]/u.test(line), JSON.stringify(line));
  }
}

for (const text of HOSTILE) {
  Deno.test(`lines stay lines with ${JSON.stringify(text.slice(0, 30))} anywhere`, () => {
    const data: Record<string, FindingValue> = { field: text, line: text, problem: text };
    const findings: Finding[] = [
      { ...WILL_FAIL, device: text, data },
      { policy: text, code: text, severity: "undecided", device: text, data: { [text]: text } },
      hookFinding("hook-failed", undefined, { problem: text }),
    ];
    const facts = sourceFacts([]);
    const decision = decided(findings, {
      name: text,
      device: text,
      source: { ...facts, host: { ...facts.host, name: text } },
      rewritten: Object.fromEntries([[text, { from: text, to: text }]]),
    });
    bounded(refusal(decision, text), 3);
    bounded(journalLines(decision, text), 1 + findings.length);
    const [first = ""] = refusal(decision, text).split("\n");
    assert(first.startsWith("premigrate: VETO "));
    assertEquals(refusal(decision, text).split("\n").length, 3);
    const waived = decided(findings, { name: text, waiver: text });
    bounded(journalLines(waived, text), 1 + findings.length);
  });
}

Deno.test("many findings are told in few lines, in little time", () => {
  const findings = Array.from(
    { length: 200_000 },
    (_, offset): Finding => ({ ...WILL_FAIL, offset }),
  );
  const decision = decided(findings);
  bounded(refusal(decision), 3);
  assertStringIncludes(refusal(decision), "(and 199999 more)");
  const journal = journalLines(decision, REPORT);
  bounded(journal, 52);
  assert(journal.endsWith("\nand 199950 more"));
});

const HEADS: readonly (readonly [name: string, decision: Decision, head: string])[] = [
  [
    "an allow",
    decided([]),
    `allowed: allow, guest vm1 ${GUEST}, from hosta, 13 ms, ${REPORT}`,
  ],
  [
    "a refusal",
    decided([NO_CONFIG]),
    `refused: undecided (facts), guest vm1 ${GUEST}, from hosta, 13 ms, ${REPORT}`,
  ],
  [
    "mode observe",
    decided([WILL_FAIL], { choices: { mode: "observe" } }),
    `allowed: veto, guest vm1 ${GUEST}, from hosta, mode observe, 13 ms, ${REPORT}`,
  ],
  [
    "a waiver",
    decided([WILL_FAIL], { waiver: "the host is dying" }),
    `allowed: veto, guest vm1 ${GUEST}, from hosta, waiver 0badcafe (the host is dying), 13 ms, ${REPORT}`,
  ],
  [
    "another device",
    decided([], { rewritten: { hostdev0: { from: "a", to: "b" } } }),
    `allowed: allow, guest vm1 ${GUEST}, from hosta, hostdev0 a -> b, 13 ms, ${REPORT}`,
  ],
  [
    "nothing known",
    { ...decided([]), source: undefined, uuid: undefined },
    `allowed: allow, guest vm1 , from an unknown host, 13 ms, ${REPORT}`,
  ],
];

for (const [name, decision, head] of HEADS) {
  Deno.test(`the journal's first line: ${name}`, () => {
    assertEquals(journalLines(decision, REPORT).split("\n")[0], head);
  });
}

Deno.test("the journal has a line for each finding, the policy and the code in it", () => {
  const [, first = "", second = ""] = journalLines(decided([WILL_FAIL, NO_CONFIG]), REPORT)
    .split("\n");
  assert(first.startsWith("veto qemu/restore-check will-fail hostdev0: QEMU will fail at"));
  assertStringIncludes(first, LINE);
  assertEquals(
    second,
    "undecided qemu/restore-check no-config hostdev1: The config space of the device on the source is not known",
  );
});
