/** Which findings are one cause, and what the first and the last line say. */
import { assertEquals } from "@std/assert";
import type { Finding, Severity } from "premigrate/policy";
import { causesOf, countsOf, headlineOf } from "../../../lib/report/causes.ts";
import { reportFindings } from "../../../lib/report/findings.ts";
import { decide } from "../../../lib/policy/engine.ts";
import { policySet } from "../../../lib/config/policy_set.ts";

const { policies } = policySet({ policies: {} });

function found(
  severity: Severity,
  name: string,
  { device = "hostdev0", offset, side }: { device?: string; offset?: number; side?: string } = {},
): Finding {
  const [policy = "", code = ""] = name.split(" ");
  return {
    policy,
    code,
    severity,
    device,
    ...offset !== undefined && { offset },
    data: side === undefined ? {} : { side },
  };
}

const FAILS = found("veto", "qemu/restore-check will-fail", { offset: 0xd8 });
const COMPARED = found("veto", "nvidia/vsc body-compared", { offset: 0xd8 });
const EXEMPT = found("warn", "qemu/restore-check exempt-differs", { offset: 0xd8 });

/** Causes, each as its code and the codes of its evidence. */
const GROUPED: Record<string, { findings: Finding[]; causes: string[] }> = {
  "nothing": { findings: [], causes: [] },
  "QEMU's comparison and the vendor's reason": {
    findings: [COMPARED, FAILS],
    causes: ["body-compared < will-fail"],
  },
  "the same, QEMU's first": {
    findings: [FAILS, COMPARED],
    causes: ["body-compared < will-fail"],
  },
  "another byte": {
    findings: [COMPARED, { ...FAILS, offset: 0x08 }],
    causes: ["body-compared", "will-fail"],
  },
  "another device": {
    findings: [COMPARED, { ...FAILS, device: "hostdev1" }],
    causes: ["body-compared", "will-fail"],
  },
  "a vendor's finding that the site has made a warning does not hide QEMU's veto": {
    findings: [FAILS, { ...COMPARED, severity: "warn", loweredFrom: "veto" }],
    causes: ["will-fail", "body-compared"],
  },
  "one that cannot be decided does not hide a veto": {
    findings: [FAILS, found("undecided", "nvidia/vsc body-check-unknown", { offset: 0xd8 })],
    causes: ["will-fail", "body-check-unknown"],
  },
  "QEMU's finding alone": { findings: [FAILS], causes: ["will-fail"] },
  "bytes that QEMU leaves alone, and what they are": {
    findings: [found("warn", "nvidia/vsc host-driver-differs"), EXEMPT],
    causes: ["host-driver-differs < exempt-differs"],
  },
  "bytes that QEMU leaves alone, and that are harmless": {
    findings: [EXEMPT, found("info", "nvidia/vsc per-card-bytes", { offset: 0xd8 })],
    causes: ["per-card-bytes < exempt-differs"],
  },
  "ids that are in bytes that are not known": {
    findings: [
      found("undecided", "qemu/restore-check no-config", { side: "source" }),
      found("undecided", "generic/unknown-vendor not-identified", { side: "source" }),
      found("undecided", "generic/unknown-vendor not-identified", { side: "destination" }),
    ],
    causes: ["no-config < not-identified", "not-identified"],
  },
  "a code that objects are born with": {
    findings: [found("info", "qemu/restore-check constructor"), found("info", "a/b __proto__")],
    causes: ["constructor", "__proto__"],
  },
};

for (const [name, { findings, causes }] of Object.entries(GROUPED)) {
  Deno.test(`one cause: ${name}`, () => {
    const verdict = { decision: decide(findings), findings, ran: [], notRun: [] };
    const reported = causesOf(reportFindings({ verdict, policies }));
    assertEquals(
      reported.map(({ finding, evidence }) =>
        [finding.code, ...evidence.map(({ code }) => code)].join(" < ")
      ),
      causes,
    );
    const told = reported.flatMap(({ finding, evidence }) => [finding, ...evidence]);
    assertEquals(told.length, findings.length);
  });
}

const LINES: Record<string, { findings: Finding[]; first: string; last: string }> = {
  "a rule of the site's is a veto like any other, and harms nobody": {
    findings: [found("veto", "site/never not-met")],
    first: "VETO: not-met (not-met)",
    last: "VETO: 1 veto; 1 device compared",
  },
  "the names of the hosts": {
    findings: [found("undecided", "qemu/restore-check no-config", { side: "destination" })],
    first: "UNDECIDED: The config space of the device on hostb is not known",
    last: "UNDECIDED: 1 undecided; 1 device compared",
  },
  "more causes, and notes that do not decide": {
    findings: [
      COMPARED,
      FAILS,
      found("veto", "site/never not-met"),
      found("warn", "a/b c"),
      found("info", "a/b d"),
      found("info", "a/b e"),
    ],
    first: "VETO: NVIDIA driver {source} on hosta, {destination} on hostb; {comparer} compares " +
      "that: {count} bytes of the Vendor Specific capability (VSC), first at 0xd8 (and 1 more)",
    last: "VETO: 2 vetoes, 1 warning, 2 notes; 1 device compared",
  },
};

for (const [name, { findings, first, last }] of Object.entries(LINES)) {
  Deno.test(`the first and the last line: ${name}`, () => {
    const answer = {
      verdict: { decision: decide(findings), findings, ran: [], notRun: [] },
      policies,
      devices: [{ name: "hostdev0", source: "a", destination: "b" }],
      migration: { source: { name: "hosta" }, destination: { name: "hostb" }, bytesOnly: false },
    };
    assertEquals([headlineOf(answer), countsOf(answer)], [first, last]);
  });
}
