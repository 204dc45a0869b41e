import { assertEquals, assertStringIncludes } from "@std/assert";
import { getColorEnabled, setColorEnabled, stripAnsiCode } from "@std/fmt/colors";
import type { CodePage, Finding, Verdict } from "../../../lib/policy/mod.ts";
import { definePolicy, Registry, v } from "../../../lib/policy/mod.ts";
import { ENGINE_CODES } from "../../../lib/policy/engine_codes.ts";
import type { Answer } from "premigrate/policy";
import { findPage, reportJson, reportText } from "../../../lib/report/mod.ts";

function page(severity: CodePage["severity"], message: string): CodePage {
  return { severity, title: "A title", message, remedy: "Do something.", about: "About it." };
}

const POLICY = definePolicy({
  id: "test/policy",
  title: "A policy",
  documentation: "",
  match: {},
  judgesBytesAlone: true,
  options: v.strictObject({}),
  codes: {
    differs: page("veto", "byte {offset:hex} is {found} of {unknown}"),
    missing: page(
      "undecided",
      "{side} is missing, and this sentence is so long that it takes two lines",
    ),
    noted: page("info", "noted"),
  },
  evaluate: () => [],
});

const DIFFERS: Finding = {
  policy: "test/policy",
  code: "differs",
  severity: "veto",
  device: "hostdev0",
  offset: 0x4f,
  data: { found: "\u001b[31mee" },
};
const NOTED: Finding = {
  policy: "test/policy",
  code: "noted",
  severity: "info",
  device: "hostdev0",
  data: {},
};
const MISSING: Finding = {
  policy: "test/policy",
  code: "missing",
  severity: "undecided",
  device: "host\u202edev1",
  data: { side: "The source's half of the facts" },
};
const GENERAL: Finding = { policy: "test/policy", code: "noted", severity: "info", data: {} };

const VERDICT: Verdict = {
  decision: "veto",
  findings: [DIFFERS, MISSING, NOTED, GENERAL],
  ran: [
    { policy: "test/policy", device: "hostdev0" },
    { policy: "test/policy", device: "hostdev2" },
  ],
  notRun: [
    { policy: "test/other", device: "hostdev0", reason: "needs-facts" },
    { policy: "test/policy", device: "hostdev2", reason: "unknown-device" },
  ],
};

const ANSWER: Answer = {
  verdict: VERDICT,
  devices: [
    { name: "hostdev0", source: "0000:3b:00.4", destination: "0000:af:00.4" },
    { name: "hostdev2", source: "0000:3b:00.5", destination: "0000:3b:00.5" },
    { name: "0000:3b:00.6", source: "0000:3b:00.6", destination: "0000:3b:00.6" },
  ],
  assumptions: ["machine type pc-q35-9.0\n(--machine)"],
  policies: new Registry().use(POLICY).policies,
};

function textOf(answer: Answer, coloured: boolean): string {
  const wasEnabled = getColorEnabled();
  setColorEnabled(coloured);
  try {
    return reportText(answer);
  } finally {
    setColorEnabled(wasEnabled);
  }
}

Deno.test("reportText: decision, assumptions, findings by device with what to do, policies", () => {
  assertEquals(
    textOf(ANSWER, false),
    String.raw`VETO: byte 0x4f is \u{1b}[31mee of {unknown}
assumed: machine type pc-q35-9.0\u{a}(--machine)

  info      test/policy noted
            noted
            -> Do something.

hostdev0 (0000:3b:00.4 -> 0000:af:00.4)
  veto      test/policy differs
            byte 0x4f is \u{1b}[31mee of {unknown}
            -> Do something.
  info      test/policy noted
            noted
            -> Do something.

hostdev2 (0000:3b:00.5)

0000:3b:00.6

host\u{202e}dev1
  undecided test/policy missing
            The source's half of the facts is missing, and this sentence is so
            long that it takes two lines
            -> Do something.

policies applied: test/policy
policy not run: test/other for hostdev0: needs more than config bytes
policy not run: test/policy for hostdev2: the device's ids or driver are not
    known

VETO: 1 veto, 1 undecided, 2 notes; 3 devices compared
`,
  );
});

Deno.test("reportText: nothing at all", () => {
  const verdict: Verdict = { decision: "allow", findings: [], ran: [], notRun: [] };
  assertEquals(
    textOf({ verdict, devices: [], assumptions: [], policies: [] }, false),
    "ALLOW: nothing was found that stops this migration\n\npolicies applied: none\n\n" +
      "ALLOW: no findings; 0 devices compared\n",
  );
});

Deno.test("reportText: a device's name beside its numbers, both where they differ", () => {
  const device = { address: "0000:3b:00.4", vendor: 0x10de };
  const pair = {
    name: "hostdev0",
    guest: { properties: {} },
    source: { ...device, device: 0x1eb8 },
    destination: { ...device, device: 0x1eb9 },
  };
  const deviceName = (vendor: number, device: number): string | undefined =>
    vendor === 0x10de && device === 0x1eb8 ? "T4\u001b[2J" : undefined;
  const text = reportText({ ...ANSWER, pairs: [pair] }, { deviceName });
  assertStringIncludes(text, "\n  10de:1eb8 T4\\u{1b}[2J -> 10de:1eb9\n");
});

Deno.test("reportText: policies that were not run for one reason are in one line", () => {
  const notRun = ["a/b", "c/d", "e/f"].map((policy) => ({
    policy,
    device: policy === "e/f" ? "hostdev2" : "hostdev0",
    reason: "unknown-device",
  } as const));
  const text = stripAnsiCode(reportText({ ...ANSWER, verdict: { ...VERDICT, notRun } }));
  const told = text.split("\n").filter((line) => line.includes("not run: "));
  assertEquals(told, [
    "policies not run: a/b, c/d for hostdev0: the device's ids or driver are not",
    "policy not run: e/f for hostdev2: the device's ids or driver are not known",
  ]);
});

Deno.test("reportText: colours change nothing but the colour", () => {
  const coloured = textOf(ANSWER, true);
  // deno-lint-ignore no-control-regex -- the sequences that colours are made of
  assertEquals(coloured.replaceAll(/\u001b\[\d+m/g, ""), textOf(ANSWER, false));
  assertEquals(coloured.startsWith("\u001b[1m\u001b[31mVETO: "), !Deno.noColor);
});

Deno.test("reportJson: codes and numbers, with the sentences beside them", () => {
  const words = { title: "A title", remedy: "Do something." };
  assertEquals(JSON.parse(JSON.stringify(reportJson(ANSWER))), {
    decision: "veto",
    devices: ANSWER.devices,
    assumptions: ANSWER.assumptions,
    findings: [
      { ...DIFFERS, ...words, message: "byte 0x4f is \u001b[31mee of {unknown}" },
      {
        ...MISSING,
        ...words,
        message:
          "The source's half of the facts is missing, and this sentence is so long that it takes two lines",
      },
      { ...NOTED, ...words, message: "noted" },
      { ...GENERAL, ...words, message: "noted" },
    ],
    ran: VERDICT.ran,
    notRun: VERDICT.notRun,
  });
});

Deno.test("findPage: what nobody declares has no page", () => {
  const { policies } = ANSWER;
  assertEquals(findPage(policies, "test/policy", "noted")?.message, "noted");
  assertEquals(findPage(policies, "premigrate", "no-facts"), ENGINE_CODES["no-facts"]);
  assertEquals(findPage(policies, "test/policy", "no-facts"), undefined);
  assertEquals(findPage(policies, "test/policy", "constructor"), undefined);
  assertEquals(findPage(policies, "nobody", "noted"), undefined);
  assertEquals(findPage(policies, "premigrate", "toString"), undefined);
});
