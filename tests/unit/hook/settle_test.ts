/** What becomes of a migration: the findings beside the operator's choices. */
import { assertEquals } from "@std/assert";
import * as v from "valibot";
import type { Finding } from "premigrate/policy";
import { findingsOf, type Trouble } from "../../../lib/policy/own_codes.ts";
import { ConfigSchema } from "../../../lib/config/config.ts";
import { OWN } from "../../../lib/hook/codes.ts";
import { settle } from "../../../lib/hook/settle.ts";

const UUID = "4dea22b3-1d52-48f3-a516-782e98ab3fa0";
const OTHER = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";
const POLICY = "qemu/restore-check";
const WAIVER = { id: "0badcafe", until: 1_800_000_000, reason: "the host is dying" };

const found = (severity: Finding["severity"], code: string, policy = POLICY): Finding => ({
  policy,
  code,
  severity,
  device: "hostdev0",
  data: {},
});
const VETO = found("veto", "will-fail");
const UNDECIDED = found("undecided", "no-config");
const WARN = found("warn", "may-fail");
const INFO = found("info", "will-pass");
const ownFinding = findingsOf(OWN.policy.codes);
const FAILED = ownFinding("policy-failed", "hostdev0", { id: POLICY, problem: "x" }, POLICY);

interface Case {
  readonly name: string;
  readonly findings: readonly Finding[];
  readonly choices?: unknown;
  readonly uuid?: string;
  readonly isWaived?: boolean;
  readonly verdict: "allow" | "veto" | "undecided";
  readonly effect: "allowed" | "refused";
  readonly mode?: "enforce" | "observe";
  readonly because?: readonly Finding[];
  readonly trouble?: Trouble;
  readonly usesWaiver?: boolean;
}

const open = { onTrouble: { facts: "open" } };
const observe = { mode: "observe" };
const guest = (choices: unknown): unknown => ({ guests: { [UUID]: choices } });
const policy = (choices: unknown): unknown => ({ policies: { [POLICY]: choices } });

const REFUSED_VETO = { verdict: "veto", effect: "refused", because: [VETO] } as const;
const REFUSED_FACTS = {
  verdict: "undecided",
  effect: "refused",
  because: [UNDECIDED],
  trouble: "facts",
} as const;

const CASES: readonly Case[] = [
  { name: "nothing", findings: [], verdict: "allow", effect: "allowed" },
  { name: "warnings", findings: [WARN, INFO], verdict: "allow", effect: "allowed" },
  { name: "a veto", findings: [VETO, WARN], ...REFUSED_VETO },
  { name: "what is undecided", findings: [UNDECIDED, INFO], ...REFUSED_FACTS },
  {
    name: "both, the veto first",
    findings: [VETO, UNDECIDED],
    verdict: "veto",
    effect: "refused",
    because: [VETO, UNDECIDED],
  },
  {
    name: "what is undecided, where that is open",
    findings: [UNDECIDED],
    choices: open,
    verdict: "undecided",
    effect: "allowed",
    trouble: "facts",
  },
  {
    name: "a veto, where what is undecided is open",
    findings: [VETO, UNDECIDED],
    choices: open,
    ...REFUSED_VETO,
  },
  {
    name: "a veto, in mode observe",
    findings: [VETO],
    choices: observe,
    verdict: "veto",
    effect: "allowed",
    mode: "observe",
    because: [VETO],
  },
  {
    name: "what is undecided, in mode observe",
    findings: [UNDECIDED],
    choices: observe,
    ...REFUSED_FACTS,
    effect: "allowed",
    mode: "observe",
  },
  {
    name: "a veto, where the guest is observed",
    findings: [VETO],
    choices: guest(observe),
    verdict: "veto",
    effect: "allowed",
    mode: "observe",
    because: [VETO],
  },
  {
    name: "a veto, where the guest alone is not observed",
    findings: [VETO],
    choices: { mode: "observe", guests: { [UUID]: { mode: "enforce" } } },
    ...REFUSED_VETO,
  },
  {
    name: "a veto, where another guest is observed",
    findings: [VETO],
    choices: { guests: { [OTHER]: observe } },
    ...REFUSED_VETO,
  },
  {
    name: "a veto of a guest without a UUID",
    findings: [VETO],
    choices: guest(observe),
    uuid: "",
    ...REFUSED_VETO,
  },
  {
    name: "what is undecided, where the guest's trouble is open",
    findings: [UNDECIDED],
    choices: guest({ onTrouble: { facts: "open" } }),
    verdict: "undecided",
    effect: "allowed",
    trouble: "facts",
  },
  {
    name: "what is undecided, where the guest's trouble is closed and all others' open",
    findings: [UNDECIDED],
    choices: { ...open, guests: { [UUID]: { onTrouble: { facts: "closed" } } } },
    ...REFUSED_FACTS,
  },
  {
    name: "what is undecided, where the guest's other trouble is open",
    findings: [UNDECIDED],
    choices: guest({ onTrouble: { hook: "open", policy: "open" } }),
    ...REFUSED_FACTS,
  },
  {
    name: "a veto of a policy that is observed",
    findings: [VETO, WARN],
    choices: policy(observe),
    verdict: "allow",
    effect: "allowed",
  },
  {
    name: "what is undecided of a policy that is observed",
    findings: [UNDECIDED],
    choices: policy(observe),
    verdict: "allow",
    effect: "allowed",
  },
  {
    name: "a veto of a policy that is observed, and one of another",
    findings: [VETO, found("veto", "other-type", "nvidia/vsc")],
    choices: policy(observe),
    verdict: "veto",
    effect: "refused",
    because: [found("veto", "other-type", "nvidia/vsc")],
  },
  {
    name: "what is undecided of a policy that is open",
    findings: [UNDECIDED],
    choices: policy({ onUndecided: "open" }),
    verdict: "undecided",
    effect: "allowed",
    trouble: "facts",
  },
  {
    name: "what is undecided of a policy that is closed, where all others are open",
    findings: [UNDECIDED, found("undecided", "x", "nvidia/vsc")],
    choices: { ...open, policies: { [POLICY]: { onUndecided: "closed" } } },
    ...REFUSED_FACTS,
  },
  {
    name: "what is undecided of a policy that is open, where the guest is closed",
    findings: [UNDECIDED],
    choices: {
      policies: { [POLICY]: { onUndecided: "open" } },
      guests: { [UUID]: { onTrouble: { facts: "closed" } } },
    },
    verdict: "undecided",
    effect: "allowed",
    trouble: "facts",
  },
  {
    name: "a veto of a policy that is open where it is undecided",
    findings: [VETO],
    choices: policy({ onUndecided: "open" }),
    ...REFUSED_VETO,
  },
  {
    name: "a policy that failed, which is no fact of its own",
    findings: [FAILED],
    choices: { ...open, policies: { [POLICY]: { onUndecided: "open" } } },
    verdict: "undecided",
    effect: "refused",
    because: [FAILED],
    trouble: "policy",
  },
  {
    name: "a veto, waived",
    findings: [VETO],
    isWaived: true,
    ...REFUSED_VETO,
    effect: "allowed",
    usesWaiver: true,
  },
  {
    name: "what is undecided, waived",
    findings: [UNDECIDED],
    isWaived: true,
    ...REFUSED_FACTS,
    effect: "allowed",
    usesWaiver: true,
  },
  {
    name: "nothing, waived: the waiver is not used",
    findings: [WARN],
    isWaived: true,
    verdict: "allow",
    effect: "allowed",
  },
  {
    name: "what is undecided and open, waived: the waiver is not used",
    findings: [UNDECIDED],
    choices: open,
    isWaived: true,
    verdict: "undecided",
    effect: "allowed",
    trouble: "facts",
  },
  {
    name: "a veto, waived and observed: the waiver is not used",
    findings: [VETO],
    choices: observe,
    isWaived: true,
    ...REFUSED_VETO,
    effect: "allowed",
    mode: "observe",
  },
  {
    name: "another's code that is one of the engine's",
    findings: [found("undecided", "deadline-passed")],
    choices: { onTrouble: { deadline: "open" } },
    ...REFUSED_FACTS,
    because: [found("undecided", "deadline-passed")],
  },
  ...["__proto__", "constructor", "toString", "hasOwnProperty"].flatMap((id): Case[] => [
    { name: `a guest ${id}`, findings: [UNDECIDED], uuid: id, ...REFUSED_FACTS },
    {
      name: `a policy ${id}`,
      findings: [found("undecided", "x", id)],
      ...REFUSED_FACTS,
      because: [found("undecided", "x", id)],
    },
    {
      name: `the engine's code ${id}`,
      findings: [found("undecided", id, "premigrate")],
      ...REFUSED_FACTS,
      because: [found("undecided", id, "premigrate")],
    },
  ]),
];

for (const { name, findings, choices = {}, uuid = UUID, isWaived = false, ...wanted } of CASES) {
  Deno.test(`${name}: ${wanted.effect}`, () => {
    const config = v.parse(ConfigSchema, choices);
    const waiver = isWaived ? WAIVER : undefined;
    assertEquals(settle(findings, config, uuid === "" ? undefined : uuid, waiver), {
      verdict: wanted.verdict,
      effect: wanted.effect,
      mode: wanted.mode ?? "enforce",
      because: wanted.because ?? [],
      trouble: wanted.trouble,
      waiver: wanted.usesWaiver === true ? WAIVER : undefined,
    });
  });
}

const ENGINE = [
  ["no-stamp", "facts"],
  ["no-facts", "facts"],
  ["destination-not-read", "facts"],
  ["host-not-read", "facts"],
  ["policy-failed", "policy"],
  ["deadline-passed", "deadline"],
  ["config-not-read", "config"],
  ["not-a-domain", "input"],
  ["nothing-handed-over", "input"],
  ["report-not-written", "report"],
  ["hook-failed", "hook"],
] as const;

for (const [code, trouble] of ENGINE) {
  const findings = [ownFinding(code, undefined, {})];
  for (const choice of ["open", "closed"] as const) {
    Deno.test(`${code} is decided by onTrouble.${trouble}: ${choice}`, () => {
      const others = choice === "open" ? "closed" : "open";
      const all = ["hook", "config", "input", "facts", "policy", "deadline", "report"];
      const onTrouble = Object.fromEntries(
        all.map((kind) => [kind, kind === trouble ? choice : others]),
      );
      // Where the configuration cannot be read, no guest's choices are known.
      const { config: _, ...ofGuest } = onTrouble;
      const cases = [{ onTrouble }, ...trouble === "config" ? [] : [guest({ onTrouble: ofGuest })]];
      for (const choices of cases) {
        const settled = settle(findings, v.parse(ConfigSchema, choices), UUID, undefined);
        assertEquals(settled.effect, choice === "open" ? "allowed" : "refused");
        assertEquals(settled.trouble, trouble);
      }
    });
  }
}
