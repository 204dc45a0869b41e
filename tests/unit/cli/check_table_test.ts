/** Guests by destinations, as `check --all` shows them. */
import { assertEquals } from "@std/assert";
import { tableText } from "../../../lib/cli/commands/check_table.ts";
import type { LiveAnswer } from "../../../lib/cli/live.ts";
import type { Decision } from "../../../lib/policy/mod.ts";
import { answerWith } from "../../cases/answers.ts";

function answer(
  guest: string,
  destination: string,
  decision: Decision,
  changes: Partial<LiveAnswer> = {},
): LiveAnswer {
  const of = { guest, destination, domain: undefined, targets: new Map(), settled: undefined };
  return { ...answerWith("x", decision), ...of, ...changes };
}

const CASES: readonly (readonly [name: string, answers: readonly LiveAnswer[], table: string])[] = [
  ["no guest", [], "no guest is running\n"],
  [
    "one destination",
    [answer("vm1", "hostb", "allow"), answer("a long name", "hostb", "veto")],
    `guest        hostb  reason
vm1          allow
a long name  veto   byte 0x4f is x
`,
  ],
  [
    "several, of which one is down, and causes that are the same",
    [
      answer("vm1", "hostb", "allow"),
      answer("vm1", "hostc", "undecided", { unreached: "No route to host" }),
      answer("vm1", "hostd", "allow"),
      answer("vm2", "hostb", "veto"),
      answer("vm2", "hostc", "undecided", { unreached: "No route to host" }),
      answer("vm2", "hostd", "veto"),
    ],
    `guest  hostb  hostc        hostd  reason
vm1    allow  unreachable  allow  hostc: No route to host
vm2    veto   unreachable  veto   hostb, hostd: byte 0x4f is x; hostc: No route to host
`,
  ],
  [
    "names and reasons that would take over the terminal",
    [answer("vm\x1b[2J", "host\nb", "undecided", { unreached: "\u202e" })],
    "guest        host\\u{a}b   reason\nvm\\u{1b}[2J  unreachable  \\u{202e}\n",
  ],
  [
    "a reason without an end",
    [answer("vm1", "hostb", "undecided", { unreached: "x".repeat(200) })],
    `guest  hostb        reason\nvm1    unreachable  ${"x".repeat(117)}...\n`,
  ],
];

for (const [name, answers, table] of CASES) {
  Deno.test(`the table of ${name}`, () => assertEquals(tableText(answers), table));
}

Deno.test("the reason is what decides there, not what is only observed", () => {
  const one = answer("vm1", "hostb", "undecided");
  const because = one.verdict.findings.filter(({ code }) => code === "missing");
  const settled = {
    ...{ verdict: "undecided", effect: "refused", mode: "enforce", because } as const,
    ...{ trouble: "facts", waiver: undefined } as const,
  };
  const findings = answer("vm1", "hostb", "veto").verdict.findings;
  const text = tableText([{ ...one, settled, verdict: { ...one.verdict, findings } }]);
  assertEquals(text, "guest  hostb      reason\nvm1    undecided  x is missing\n");
});
