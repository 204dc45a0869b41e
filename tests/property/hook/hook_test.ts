import { assert, assertEquals, assertThrows } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import fc from "fast-check";
import * as v from "valibot";
import { parseDomain } from "premigrate";
import { setMetadata } from "premigrate/domain";
import { STAMP_NAMESPACE, writeOfflineMark } from "../../../lib/facts/mod.ts";
import type { Finding } from "premigrate/policy";
import { findingsOf, type Trouble } from "../../../lib/policy/own_codes.ts";
import { SEPARATOR, STATUS } from "../../../lib/hook/answer_status.ts";
import { type Arrival, judgeArrival, readGuestXml } from "../../../lib/hook/arrival.ts";
import {
  type Config,
  ConfigSchema,
  parseApplied,
  salvageApplied,
  writeApplied,
} from "../../../lib/config/config.ts";
import { OWN } from "../../../lib/hook/codes.ts";
import { journalLines, refusal } from "../../../lib/hook/message.ts";
import { policySet } from "../../../lib/config/policy_set.ts";
import { settle } from "../../../lib/hook/settle.ts";
import { parseWaiver, writeWaiver } from "../../../lib/config/waiver.ts";
import {
  bytesOf,
  configOf,
  EMULATOR,
  FakeHost,
  FIRST,
  GUEST,
  guestXml,
  NOW,
  stamped,
} from "../../helpers/hook_arrivals.ts";
import { OFFERS, RESOURCE } from "../../helpers/probe_tree.ts";

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom("\nmode observe\n", "\u2028on-config open\u2028", "\nend\n", "__proto__", "a b"),
);
const mode = fc.constantFrom("enforce" as const, "observe" as const);
const choice = fc.constantFrom("open" as const, "closed" as const);
const TROUBLES: readonly Trouble[] = [
  "hook",
  "config",
  "input",
  "facts",
  "policy",
  "deadline",
  "report",
];
const troubles = fc.dictionary(fc.constantFrom(...TROUBLES), choice, { noNullPrototype: true });
/** A guest's own: where the configuration cannot be read, no guest's choice can. */
const ownTroubles = troubles.map(({ config: _, ...own }) => own);
const POLICY_IDS = ["qemu/restore-check", "nvidia/vsc", "a/b"];
const choices = fc.record({
  mode,
  deadline: fc.constantFrom("2s", "20s", "1m"),
  onTrouble: troubles,
  maxAge: fc.constantFrom("10s", "1d"),
  rewrite: fc.boolean(),
  hosts: fc.array(anyText.filter((text) => text !== ""), { maxLength: 3 }),
  guests: fc.dictionary(
    fc.oneof(fc.constant(GUEST), fc.uuid()),
    fc.record({ mode, onTrouble: ownTroubles, rewrite: fc.boolean() }, { requiredKeys: [] }),
    { maxKeys: 3, noNullPrototype: true },
  ),
  policies: fc.dictionary(
    fc.constantFrom(...POLICY_IDS),
    fc.record({
      mode: fc.constantFrom("enforce", "observe", "off"),
      onUndecided: choice,
      options: fc.dictionary(anyText, fc.jsonValue({ maxDepth: 2 }), { noNullPrototype: true }),
    }, { requiredKeys: [] }),
    { noNullPrototype: true },
  ),
}, { requiredKeys: [] });
const config: fc.Arbitrary<Config> = choices.map((choices) => v.parse(ConfigSchema, choices));

/** A text with parts of it replaced. */
function damaged(text: string): fc.Arbitrary<string> {
  const edit = fc.tuple(fc.nat(), fc.nat(6), fc.oneof(anyText, fc.constantFrom("", "\n")));
  return fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) =>
    edits.reduce((text, [where, length, put]) => {
      const at = where % (text.length + 1);
      return text.slice(0, at) + put + text.slice(at + length);
    }, text)
  );
}

Deno.test("an applied configuration is read as it was written", () => {
  fc.assert(fc.property(config, (config) => {
    const text = writeApplied({ deno: "/usr/bin/deno", config });
    assertEquals(parseApplied(text), config);
    // What the launcher reads are lines of known words, whatever the configuration holds.
    const words =
      /^(premigrate 1|(deno|mode|deadline|on-\w+|record|reports|all-devices|programs) \S+|attributes( [\w./-]+)+)$/;
    const lines = text.split("\n");
    const end = lines.indexOf("choices-end");
    assertEquals(lines.slice(0, end).filter((line) => !words.test(line)), []);
    const after = lines.slice(end + 1, -3);
    assert(
      after.every((line) => /^guest [0-9a-f-]{36} \w+ (open|closed) (open|closed)$/.test(line)),
    );
    assertEquals(after.length, Object.keys(config.guests).length);
    assertEquals(lines.slice(-2), ["end", ""]);
  }));
});

Deno.test("of an applied configuration that was cut nothing is read", () => {
  fc.assert(fc.property(config, fc.nat(), (config, where) => {
    const text = writeApplied({ deno: "/usr/bin/deno", config });
    const part = text.slice(0, where % text.length);
    assertThrows(() => parseApplied(part), PremigrateError);
    const { mode, onTrouble } = salvageApplied(part);
    assert(mode === "enforce" || config.mode === "observe");
    assert(onTrouble.config === "closed" || config.onTrouble.config === "open");
  }));
});

Deno.test("an applied configuration without one of its lines is none, or the same", () => {
  fc.assert(fc.property(config, fc.nat(), (config, where) => {
    const lines = writeApplied({ deno: "/usr/bin/deno", config }).split("\n").slice(0, -1);
    const at = where % lines.length;
    const isNeeded = at === 0 || at >= lines.length - 2;
    const text = `${lines.toSpliced(at, 1).join("\n")}\n`;
    if (isNeeded) assertThrows(() => parseApplied(text), PremigrateError);
    else assertEquals(parseApplied(text), config);
  }));
});

Deno.test("any text is an applied configuration of the schema or an PremigrateError", () => {
  const text = fc.oneof(
    config.chain((config) => damaged(writeApplied({ deno: "/usr/bin/deno", config }))),
    fc.string({ unit: "binary" }),
    fc.json().map((json) => `premigrate 1\nconfig ${json}\nend\n`),
  );
  fc.assert(
    fc.property(text, (text) => {
      salvageApplied(text);
      try {
        const config = parseApplied(text);
        assertEquals(v.parse(ConfigSchema, config), config);
      } catch (error) {
        assert(error instanceof PremigrateError, String(error));
        assert(error.message.length < 400);
      }
    }),
    { numRuns: 300 },
  );
});

const waiver = fc.record({
  id: fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 8, maxLength: 8 }),
  until: fc.nat(999_999_999_999),
  reason: fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 })
    .filter((reason) => !/[\p{C}\p{Zl}\p{Zp}]/u.test(reason)),
});

Deno.test("a waiver is read as it was written, and damaged it is none or one of one line", () => {
  fc.assert(fc.property(waiver, (waiver) => {
    assertEquals(parseWaiver(writeWaiver(waiver)), waiver);
  }));
  fc.assert(
    fc.property(
      fc.oneof(waiver.chain((waiver) => damaged(writeWaiver(waiver))), anyText),
      (text) => {
        const read = parseWaiver(text);
        if (read === undefined) return;
        // The launcher reads it by lines.
        assertEquals(text.split("\n").length, 6);
        assert(Number.isSafeInteger(read.until) && !/[\p{Cc}\p{Cf}]/u.test(read.reason));
      },
    ),
    { numRuns: 300 },
  );
});

const severity = fc.constantFrom(
  "veto" as const,
  "undecided" as const,
  "warn" as const,
  "info" as const,
);
const WEIGHT = { veto: 0, undecided: 1, warn: 2, info: 3 };
const ownFinding = findingsOf(OWN.policy.codes);
const ENGINE = ["policy-failed", "deadline-passed", "no-stamp", "hook-failed"] as const;
const finding: fc.Arbitrary<Finding> = fc.oneof(
  fc.record({
    policy: fc.oneof(fc.constantFrom(...POLICY_IDS, "__proto__", "constructor"), anyText),
    code: fc.oneof(fc.constantFrom("will-fail", "no-config", "constructor"), anyText),
    severity,
    device: anyText,
    data: fc.dictionary(fc.oneof(fc.constantFrom("line", "field"), anyText), anyText),
  }),
  fc.constantFrom(...ENGINE).map((code) => ownFinding(code, undefined, {})),
);
const findings = fc.array(finding, { maxLength: 8 }).map((findings) =>
  findings.toSorted((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity])
);
const uuid = fc.oneof(
  fc.constantFrom(GUEST, undefined),
  fc.constantFrom("__proto__", "constructor"),
  anyText,
);
const maybeWaiver = fc.option(waiver, { nil: undefined });

Deno.test("what is refused has a reason; what was vetoed and allowed was observed or waived", () => {
  fc.assert(
    fc.property(findings, config, uuid, maybeWaiver, (findings, config, uuid, waiver) => {
      const settled = settle(findings, config, uuid, waiver);
      const { effect, because, mode, verdict } = settled;
      const observed = (id: string): boolean =>
        Object.entries(config.policies).some(([key, { mode }]) => key === id && mode === "observe");
      const counted = findings.filter(({ policy }) => !observed(policy));
      if (effect === "refused") {
        assert(because.length > 0 && mode === "enforce" && waiver === undefined);
      }
      if (counted.some(({ severity }) => severity === "veto")) {
        assertEquals([verdict, because[0]?.severity], ["veto", "veto"]);
        assert(effect === "refused" || mode === "observe" || settled.waiver !== undefined);
      }
      assert(because.every((finding) => counted.includes(finding)));
      assert(because.every(({ severity }) => severity === "veto" || severity === "undecided"));
      assert(settled.waiver === undefined || settled.waiver === waiver);
      assertEquals(settled.trouble === undefined, settled.verdict !== "undecided");
    }),
    { numRuns: 300 },
  );
});

Deno.test("where all is closed and enforced nothing that is undecided is allowed", () => {
  const onTrouble = Object.fromEntries(TROUBLES.map((kind) => [kind, "closed"]));
  const closed = v.parse(ConfigSchema, { onTrouble });
  fc.assert(fc.property(findings, uuid, (findings, uuid) => {
    const { effect, verdict } = settle(findings, closed, uuid, undefined);
    const isBad = findings.some(({ severity }) => severity === "veto" || severity === "undecided");
    assertEquals([effect, verdict === "allow"], [isBad ? "refused" : "allowed", !isBad]);
  }));
});

Deno.test("whatever was found, a refusal is three printable lines, and the journal has few", () => {
  const { policies } = policySet({ policies: {} });
  const printed = fc.tuple(findings, anyText, anyText, maybeWaiver);
  fc.assert(fc.property(printed, ([findings, name, report, waiver]) => {
    const decision = {
      id: "x",
      time: "2026-03-01T12:00:00.000Z",
      name,
      uuid: GUEST,
      settled: settle(findings, configOf(), GUEST, waiver),
      answer: {
        verdict: { decision: "veto" as const, findings, ran: [], notRun: [] },
        devices: [],
        assumptions: [],
        policies,
      },
      source: undefined,
      destination: undefined,
      rewritten: Object.fromEntries([[name, { from: report, to: name }]]),
      ms: 1,
    };
    const texts = [refusal(decision, report), journalLines(decision, report)];
    assertEquals(texts.map((text) => text.split("\n").length), [3, 1 + findings.length]);
    for (const line of texts.join("\n").split("\n")) {
      assert(line.length <= 400 && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(line), JSON.stringify(line));
    }
  }));
});

const host = await new FakeHost().addFunctions(FIRST.source).know();
globalThis.addEventListener("unload", () => host[Symbol.dispose]());
const BASE = await host.arrival(await stamped(guestXml([FIRST]), [FIRST]));
const PLAIN_XML = guestXml([FIRST]);

/** Decided, and what becomes of it where nothing is chosen; `undefined`: more is to be read. */
async function outcome(arrival: Arrival): Promise<string | undefined> {
  const guest = readGuestXml(arrival.xml);
  if ("missing" in guest) return "undecided refused";
  const found = await judgeArrival(guest, arrival, configOf());
  if ("ask" in found) {
    assertEquals(arrival.round, 1);
    return undefined;
  }
  const { findings, decision } = found.answer.verdict;
  return `${decision} ${settle(findings, configOf(), guest.uuid, undefined).effect}`;
}

const round = fc.constantFrom(1, 2);
const regions = fc.array(fc.tuple(anyText, anyText), { maxLength: 2 }).map((all) => new Map(all));

/** Guests with a device and nothing to believe of their source. */
const UNBELIEVED = [
  PLAIN_XML,
  await stamped(PLAIN_XML, [FIRST], { age: 901 }),
  await stamped(PLAIN_XML, [FIRST], { age: -61 }),
  await stamped(PLAIN_XML, [FIRST], { guest: "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02" }),
  await stamped(PLAIN_XML, []),
  BASE.xml.replace(/digest="\w{8}/, 'digest="00000000'),
  setMetadata(
    PLAIN_XML,
    parseDomain(PLAIN_XML),
    STAMP_NAMESPACE,
    writeOfflineMark(new Date(NOW - 601_000).toISOString()),
  ),
];

/** Reports of a host that lack the device, or its bytes. */
const LACKING = [
  "",
  BASE.probed.slice(0, -4),
  await host.probe("--emulator", EMULATOR),
  await host.probe("--emulator", EMULATOR, "0000:3b:00.5"),
  BASE.probed.replaceAll(FIRST.source, "0000:3b:00.5"),
  await probeOf(bytesOf("destination").slice(0, 64)),
  await probeOf(new Uint8Array(4096).fill(0xff)),
  await probeOf(bytesOf("destination"), { power_state: "D3cold\n" }),
];

async function probeOf(config: Uint8Array, more: Record<string, string> = {}): Promise<string> {
  using other = new FakeHost();
  const files = { resource: RESOURCE, ...more };
  other.sysfs.addFunction(FIRST.source, { config, driver: "nvidia", offers: OFFERS, files });
  return await other.probe("--emulator", EMULATOR, FIRST.source);
}

Deno.test("with all facts there the base of the tests below is an allow", async () => {
  assertEquals(await outcome(BASE), "allow allowed");
});

Deno.test("a guest with a device is never allowed where the source's facts are missing", () =>
  fc.assert(fc.asyncProperty(
    fc.constantFrom(...UNBELIEVED),
    fc.oneof(fc.constant(BASE.probed), damaged(BASE.probed), anyText),
    regions,
    round,
    async (xml, probed, regions, round) => {
      const found = await outcome({ ...BASE, xml, probed, regions, round });
      assert(found === undefined || found === "undecided refused" || found === "veto refused");
    },
  )));

Deno.test("a guest with a device is never allowed where the destination's facts are missing", () =>
  fc.assert(fc.asyncProperty(
    fc.oneof(
      fc.constantFrom(...LACKING),
      fc.constantFrom(...LACKING).chain(damaged),
      fc.string({ unit: "binary" }),
    ),
    regions,
    round,
    async (probed, regions, round) => {
      const found = await outcome({ ...BASE, probed, regions, round });
      assert(found === undefined || found === "undecided refused" || found === "veto refused");
    },
  )));

Deno.test("an XML that was damaged is judged, or is none; with a device and no stamp it is refused", () =>
  fc.assert(
    fc.asyncProperty(damaged(BASE.xml), round, async (xml, round) => {
      const found = await outcome({ ...BASE, xml, round });
      const guest = readGuestXml(xml);
      if ("missing" in guest || found === undefined) return;
      const isStamped = guest.metadataElements.some(({ namespace }) =>
        namespace === STAMP_NAMESPACE
      );
      const hasDevice = guest.hostDevices.some(({ kind }) => kind === "pci" || kind === "mdev");
      if (hasDevice && !isStamped) assertEquals(found, "undecided refused");
    }),
    { numRuns: 200 },
  ));

Deno.test("whatever comes in, the program never lets a guest pass of whose device it knows nothing", async () => {
  const root = await Deno.makeTempDir({ prefix: "premigrate-root-" });
  await Deno.mkdir(`${root}/etc/premigrate`, { recursive: true });
  await Deno.mkdir(`${root}/var/log/premigrate/reports`, { recursive: true });
  const applied = writeApplied({ deno: "/usr/bin/deno", config: configOf() });
  await Deno.writeTextFile(`${root}/etc/premigrate/applied.conf`, applied);
  const encoder = new TextEncoder();
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    anyText.map((text) => encoder.encode(text)),
    fc.constant(encoder.encode(BASE.probed)),
    fc.constant(encoder.encode(SEPARATOR)),
  );
  const after = fc.array(part, { maxLength: 3 });
  const input = fc.oneof(
    fc.tuple(fc.constantFrom(...UNBELIEVED), after).map(([xml, after]) => [
      encoder.encode(`${xml}${SEPARATOR}`),
      ...after,
    ]),
    after,
  );
  await fc.assert(
    fc.asyncProperty(input, round, async (input, round) => {
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--quiet", "--no-prompt", `--allow-read=${root}`, `--allow-write=${root}`],
          ...["lib/hook/main.ts", root, "vm1", "20", String(round)],
        ],
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const written = new Blob(input.map((part) => new Uint8Array(part))).stream()
        .pipeTo(child.stdin).catch(() => {});
      const bytes = await child.output();
      await written;
      assert(
        bytes.code === STATUS.refuse || (bytes.code === STATUS.more && round === 1),
        `${bytes.code} ${new TextDecoder().decode(bytes.stderr)}`,
      );
    }),
    { numRuns: 10 },
  );
  await Deno.remove(root, { recursive: true });
});
