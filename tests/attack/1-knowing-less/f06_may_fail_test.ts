/** What may fail is undecided, unless the facts settle it or the site has made a warning of it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type CapturedDevice, reportText } from "premigrate";
import { v } from "premigrate/policy";
import { ConfigSchema } from "../../../lib/config/config.ts";
import { policySet } from "../../../lib/config/policy_set.ts";
import { settle } from "../../../lib/hook/settle.ts";
import { judgeExample } from "./example.ts";

/** The guest's BAR 1 at an address, as a view of the running guest shows it. */
function mappedAt(address: number): (device: CapturedDevice) => CapturedDevice {
  return (device) => {
    const bytes = device.config?.bytes.slice() ?? new Uint8Array(256);
    bytes[0x04] = 0x02;
    new DataView(bytes.buffer).setUint32(0x14, (address | 0xc) >>> 0, true);
    return { ...device, config: { kind: "guest", source: "ecam", bytes } };
  };
}

const bar1 = (size: number) => (device: CapturedDevice): CapturedDevice => ({
  ...device,
  bars: device.bars?.map((own, bar) => bar === 1 ? size : own),
});
const SIZE = 0x1000_0000;

const CASES: readonly {
  readonly name: string;
  readonly source?: (device: CapturedDevice) => CapturedDevice;
  readonly destination: (device: CapturedDevice) => CapturedDevice;
  readonly code: string;
  readonly decision: string;
}[] = [
  ...[2, 4, 16].map((times) => ({
    name: `a BAR ${times} times as big`,
    destination: bar1(times * SIZE),
    code: "bar-may-fail",
    decision: "undecided",
  })),
  {
    name: "a ROM that is bigger",
    source: (device) => ({ ...device, romSize: 0x1_0000 }),
    destination: (device) => ({ ...device, romSize: 0x2_0000 }),
    code: "bar-may-fail",
    decision: "undecided",
  },
  {
    name: "a BAR twice as big, and the guest's address has the bit set",
    source: mappedAt(5 * SIZE),
    destination: bar1(2 * SIZE),
    code: "bar-will-fail",
    decision: "veto",
  },
  {
    name: "a BAR twice as big, and the guest's address has it not",
    source: mappedAt(4 * SIZE),
    destination: bar1(2 * SIZE),
    code: "bar-differs",
    decision: "allow",
  },
];

for (const { name, source, destination, code, decision } of CASES) {
  Deno.test(`F6: ${name}: ${decision}`, () => {
    const { verdict } = judgeExample({ source, destination });
    assert(verdict.findings.some((finding) => finding.code === code), JSON.stringify(verdict));
    assertEquals(verdict.decision, decision);
  });
}

Deno.test("F6: the site makes a warning of one code, and the report says so", () => {
  const config = v.parse(ConfigSchema, {
    policies: { "qemu/restore-check": { codes: { "bar-may-fail": "warn" } } },
  });
  const answer = judgeExample({
    destination: bar1(2 * SIZE),
    registry: policySet(config),
  });
  assertEquals(answer.verdict.decision, "allow");
  assertEquals(settle(answer.verdict.findings, config, undefined, undefined).effect, "allowed");
  assertStringIncludes(
    reportText(answer).replaceAll(/\s+/g, " "),
    "(undecided by itself: the site's configuration makes it a warning)",
  );
});
