/** F20: 7 KB of XML made a report of 4 MB, and reports were counted, not weighed. */
import { assert, assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import type { CapturedDevice } from "premigrate";
import { engineFinding } from "../../../lib/policy/engine_codes.ts";
import type { Decision } from "../../../lib/hook/decision.ts";
import { parseDomain } from "premigrate";
import { setMetadata } from "premigrate/domain";
import { STAMP_NAMESPACE } from "../../../lib/facts/mod.ts";
import { encodeBase64 } from "@std/encoding/base64";
import { deflateSync } from "fflate";
import { DEVICE, GUEST, HookTree } from "../../helpers/hook_tree.ts";
import { decisionOf, hostOf, recorded } from "./decisions.ts";

const MOST = 1024 * 1024;
const QUOTA = 256 * MOST;

function device(number: number, filler = 0): CapturedDevice {
  const bus = number.toString(16).padStart(2, "0");
  const config = { kind: "sysfs" as const, bytes: new Uint8Array(4096).fill(number) };
  return {
    address: `0000:${bus}:00.0`,
    config: { ...config, source: "sysfs" },
    driver: { name: "x".repeat(filler) },
  };
}

const MANY = Array.from({ length: 200 }, (_, number) => device(number));
const HUGE = MANY.map((_, number) => device(number, 60_000));
const PAIR = [{ name: "hostdev0", source: "0000:07:00.0", destination: "0000:09:00.0" }];
const FINDINGS = Array.from(
  { length: 5000 },
  (_, n) => engineFinding("no-facts", `hostdev${n}`, { address: "x".repeat(900), side: "x" }),
);

const CASES: readonly (readonly [
  name: string,
  decision: Decision,
  leftOut: string | undefined,
  source: readonly string[],
])[] = [
  [
    "one device",
    decisionOf({ source: hostOf("a", [device(7)]), destination: hostOf("b", [device(9)]) }),
    undefined,
    ["0000:07:00.0"],
  ],
  [
    "the devices that were judged, of many",
    decisionOf({
      source: hostOf("a", MANY),
      destination: hostOf("b", MANY),
      devices: PAIR,
    }),
    "devices-not-judged",
    ["0000:07:00.0"],
  ],
  [
    "no device, of many that were judged",
    decisionOf({
      source: hostOf("a", HUGE),
      destination: hostOf("b", HUGE),
      devices: HUGE.map(({ address }) => ({
        name: address,
        source: address,
        destination: address,
      })),
    }),
    "devices",
    [],
  ],
  [
    "a hundred findings",
    decisionOf({ source: hostOf("a", []), findings: FINDINGS }),
    "devices, findings after 100",
    [],
  ],
  [
    "the decision alone",
    decisionOf({
      source: hostOf("a", MANY),
      notRun: Array.from({ length: 20_000 }, (_, n) => ({
        ...{ policy: `acme/${"x".repeat(40)}`, device: `hostdev${n}` },
        reason: "unknown-device" as const,
      })),
    }),
    "devices, findings",
    [],
  ],
];

for (const [name, decision, leftOut, source] of CASES) {
  Deno.test(`F20: a report is bounded: ${name}`, async () => {
    const { report, line } = await recorded(decision);
    assert(report.length <= MOST, `${report.length}`);
    const { evidence, ...head } = JSON.parse(report);
    assertEquals([head.decision, head.leftOut], [decision.settled.verdict, leftOut]);
    assertEquals(
      evidence.source.devices.map(({ address }: CapturedDevice) => address),
      source,
    );
    const bytes = new TextEncoder().encode(JSON.stringify(evidence));
    const digest = `sha256:${encodeHex(await crypto.subtle.digest("SHA-256", bytes))}`;
    assertEquals([head.digest, JSON.parse(line).evidence], [digest, digest]);
  });
}

Deno.test("F20: a few KB of XML make a small report", async () => {
  using tree = await HookTree.make();
  const missing = Object.fromEntries(
    Array.from({ length: 60_000 }, (_, n) => [`r${n}`, "x".repeat(40)]),
  );
  const json = JSON.stringify({
    ...{ premigrate: "stamp/1", guest: GUEST, time: new Date().toISOString() },
    devices: [{ guest: "0000:01:00.0", source: DEVICE }],
    facts: {
      ...{ premigrate: "facts/1", note: "x".repeat(1_000_000), host: { name: "hosta" } },
      devices: [{ address: DEVICE, missing }],
    },
  });
  const bytes = new TextEncoder().encode(json);
  const digest = encodeHex(await crypto.subtle.digest("SHA-256", bytes));
  const { time } = JSON.parse(json);
  const element = `<p:stamp xmlns:p="${STAMP_NAMESPACE}" version="1" time="${time}" ` +
    `digest="${digest}">${encodeBase64(deflateSync(bytes, { level: 9 }))}</p:stamp>`;
  const xml = await tree.xml({ stamp: false });
  await tree.migrate(setMetadata(xml, parseDomain(xml), STAMP_NAMESPACE, element));
  const [line] = await tree.audit();
  const { size } = await Deno.stat(`${line?.["report"]}`);
  assert(size < 128 * 1024, `${size}`);
  const { evidence } = JSON.parse(await Deno.readTextFile(`${line?.["report"]}`));
  assertEquals(evidence.source.host.name, "hosta");
});

Deno.test("F20: the folder of reports has a quota in bytes, the newest stay", async () => {
  using tree = await HookTree.make({ reports: 100_000 });
  const reports = `${tree.root}/var/log/premigrate/reports`;
  const names = (): string[] => Array.from(Deno.readDirSync(reports), ({ name }) => name).sort();
  const put = async (name: string, size: number): Promise<void> => {
    await Deno.writeTextFile(`${reports}/${name}`, "");
    await Deno.truncate(`${reports}/${name}`, size);
  };
  await put("19990101T000000Z-00000001.json", 1);
  await put("20000101T000000123Z-00000002.json", QUOTA / 2);
  await put("20000102T000000000Z-00000003.json", QUOTA / 2);
  await put("another.json", QUOTA);
  await tree.migrate(await tree.xml());
  // The launcher does it when libvirt has its answer.
  for (let n = 0; n < 500 && names().length > 3; n++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const [line] = await tree.audit();
  const kept = ["20000102T000000000Z-00000003.json", `${line?.["id"]}.json`, "another.json"];
  assertEquals(names(), kept.sort());
});
