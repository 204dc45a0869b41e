import {
  type CodePage,
  type Decision,
  definePolicy,
  type DevicePair,
  parseMachine,
  parseQemuVersion,
  Registry,
  v,
} from "../../lib/policy/mod.ts";
import type { DetailedAnswer } from "premigrate/policy";
import { ENDPOINT, VGPU } from "./pci/space.ts";

function page(severity: CodePage["severity"], message: string): CodePage {
  return { severity, title: `Title of ${severity}`, message, remedy: `Mend ${severity}.`, about: "" };
}

const POLICY = definePolicy({
  id: "test/policy",
  title: "A policy",
  documentation: "",
  match: {},
  judgesBytesAlone: true,
  options: v.strictObject({}),
  codes: {
    differs: page("veto", "byte {offset:hex} is {found}"),
    missing: page("undecided", "{side} is missing"),
    odd: page("warn", "it is odd"),
    noted: page("info", "noted of {whom}"),
  },
  evaluate: () => [],
});

/** Another byte in each of what is compared, exempt and free. */
const OTHER = ENDPOINT.slice();
for (const offset of [0x2e, 0x72, 0xc4]) OTHER[offset] = 0x77;

/**
 * An answer with all that reports can show; every text in it that comes from documents or facts has
 * `text` in it.
 */
export function answerWith(text: string, decision: Decision = "veto"): DetailedAnswer {
  const finding = { policy: "test/policy", device: text } as const;
  const facts = {
    bars: [0x100_0000, 0, 0, 0, 0, 0],
    driver: { name: text, version: `1 ${text}` },
    mdevType: { id: text, name: `name ${text}`, description: text },
    managedDriver: text,
  };
  const host = { name: text, qemu: parseQemuVersion("9.2") };
  const pairOf = (name: string, source: Uint8Array, destination: Uint8Array): DevicePair => ({
    name,
    guest: { bus: "port", properties: {} },
    source: { ...facts, address: `from ${text}`, config: { kind: "realize", bytes: source } },
    destination: { ...facts, address: text, config: { kind: "realize", bytes: destination } },
  });
  const pairs = [pairOf(text, ENDPOINT, OTHER), pairOf(`second ${text}`, VGPU, VGPU)];
  return {
    verdict: {
      decision,
      findings: [
        { ...finding, code: "differs", severity: decision === "veto" ? "veto" : "info", offset: 0x4f, data: { found: text, mask: 254 } },
        { ...finding, code: "missing", severity: decision === "allow" ? "info" : "undecided", device: `lost ${text}`, data: { side: text } },
        { ...finding, code: "odd", severity: "warn", data: { unsaid: `quiet ${text}` } },
        { policy: "test/policy", code: "noted", severity: "info", data: { whom: text } },
      ],
      ran: pairs.map(({ name }) => ({ policy: "test/policy", device: name })),
      notRun: [{ policy: "test/other", device: text, reason: "needs-facts" }],
    },
    devices: pairs.map(({ name, source, destination }) => ({
      name,
      source: source.address,
      destination: destination.address,
    })),
    assumptions: [`assumption ${text}`, text],
    policies: new Registry().use(POLICY).policies,
    pairs,
    migration: {
      machine: { ...parseMachine("pc-q35-9.1"), name: text },
      source: host,
      destination: { ...host, name: `to ${text}` },
      bytesOnly: false,
    },
    guest: text,
    choices: [{ name: text, address: text, candidates: [{ address: text, verdict: undefined }] }],
  };
}

/** Texts that would be more than text in some report, were they not escaped. */
export const HOSTILE: readonly string[] = [
  "<script>hacked=1</script>",
  '"><img src=x onerror=hacked=1>',
  "' onmouseover='hacked=1' x='",
  "</style></title></script><b>",
  "&lt;b&gt; &amp;",
  "]]><!-- <![CDATA[",
  "`code` ``` ~~~",
  "[a](javascript:hacked=1) ![](http://evil.example/x)",
  "| cell | --- |",
  "# heading",
  "- item",
  "1. item",
  "> quote",
  "=== *** ___ **b** _i_",
  "<http://evil.example> http://evil.example www.evil.example a@evil.example",
  "$x$ \\",
  "    code",
  "\u001b[31m\u009b2J\u0007",
  "\u202eabc\u2066",
  "a\r\nb\u2028c\u0085d",
  "a\n\n# b\n- c",
  "a\u{e0041}b\u200b",
];
