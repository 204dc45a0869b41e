/** A wrapper's file does not tell which QEMU it starts: what it said once is not kept. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { parseDomain } from "premigrate";
import { findHost } from "../../../lib/facts/emulator/host_cache.ts";
import { runProbe } from "../../../lib/facts/probe/run_probe.ts";
import type { ProbedEmulator } from "../../../lib/facts/probe/report.ts";
import { judgeArrival } from "../../../lib/hook/arrival.ts";
import {
  configOf,
  EMULATOR,
  FakeHost,
  FIRST,
  guestXml,
  NOW as ARRIVES,
  stamped,
} from "../../helpers/hook_arrivals.ts";

const QEMU = "/usr/bin/qemu-system-x86_64";
const BYTES = await Deno.stat(QEMU).then(({ isFile }) => isFile).catch(() => false);
const NOW = Date.parse("2026-03-01T12:00:00Z");

/** How an emulator's path leads to QEMU, and whether its own file is what answers. */
const EMULATORS:
  readonly (readonly [name: string, script: string | undefined, isItself: boolean])[] = [
    ["QEMU itself", undefined, true],
    ["a script that becomes QEMU", `#!/bin/sh\nexec ${QEMU} "$@"\n`, false],
    ["a script that becomes it by env", `#!/bin/sh\nexec env A=1 ${QEMU} "$@"\n`, false],
    ["a script that waits for QEMU", `#!/bin/sh\n${QEMU} "$@"\nexit $?\n`, false],
    ["one that leaves QEMU behind", `#!/bin/sh\nexec 3<&0\n${QEMU} "$@" <&3 &\nwait\n`, false],
  ];

async function probeOf(script: string | undefined): Promise<ProbedEmulator | undefined> {
  const dir = await Deno.makeTempDir({ prefix: "premigrate-wrapper-" });
  try {
    const path = `${dir}/qemu`;
    if (script === undefined) await Deno.symlink(QEMU, path);
    else await Deno.writeTextFile(path, script, { mode: 0o755 });
    return (await runProbe({}, { emulator: path }, AbortSignal.timeout(120_000))).emulator;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

for (const [name, script, isItself] of EMULATORS) {
  Deno.test({
    name: `the file that answered: ${name}${BYTES ? "" : ` (left out: there is no ${QEMU})`}`,
    ignore: !BYTES,
    async fn(): Promise<void> {
      const emulator = await probeOf(script);
      assertNotEquals(emulator?.qmp, undefined);
      assertEquals(emulator?.exe === emulator?.identity, isItself);
    },
  });
}

/** What was kept a while ago of an emulator at a path, and which file had answered. */
const KEPT: readonly (readonly [
  name: string,
  exe: string | undefined,
  secondsAgo: number,
  isFound: boolean,
])[] = [
  ["QEMU itself, a day ago", "1:2:3:4:5", 86_400, true],
  ["a wrapper, an hour ago", "6:7:8:9:0", 3600, false],
  ["a wrapper, a moment ago", "6:7:8:9:0", 2, true],
  ["what may be a wrapper, an hour ago", undefined, 3600, false],
];

for (const [name, exe, secondsAgo, isFound] of KEPT) {
  Deno.test(`what is kept of ${name}, is ${isFound ? "" : "not "}believed`, async () => {
    const dir = await Deno.makeTempDir();
    const [identity, daemons, path] = ["1:2:3:4:5", "6:7:8:9:0", QEMU];
    const asked = new Date(NOW - secondsAgo * 1000).toISOString();
    const replies = { qemu: "7.2.22", missing: {} };
    const entry = { identity, exe, asked, daemons, host: { missing: {} }, replies };
    const kept = { premigrate: "host/2", emulators: { [path]: entry } };
    await Deno.writeTextFile(`${dir}/host.json`, JSON.stringify(kept));
    const seen = { path, identity, exe: undefined, daemons, qmp: undefined, missing: {} };
    const found = findHost(dir, seen, NOW);
    await Deno.remove(dir, { recursive: true });
    assertEquals(found !== undefined, isFound);
  });
}

Deno.test("a guest of a wrapper arrives: it is asked now, whatever it said an hour ago", async () => {
  using host = await new FakeHost().addFunctions(FIRST.source).know();
  const xml = await stamped(guestXml([FIRST]), [FIRST]);
  const file = `${host.paths.cache}/host.json`;
  const kept = JSON.parse(await Deno.readTextFile(file));
  const keep = async (seconds: number): Promise<void> => {
    const asked = new Date(ARRIVES - seconds * 1000).toISOString();
    const entry = { ...kept.emulators[EMULATOR], exe: "6:7:8:9:0", asked };
    await Deno.writeTextFile(file, JSON.stringify({ ...kept, emulators: { [EMULATOR]: entry } }));
  };
  await keep(3600);
  const first = await judgeArrival(parseDomain(xml), await host.arrival(xml), configOf());
  assertEquals("ask" in first && [first.arch, first.ask.slice(0, 2)], [
    "x86_64",
    ["--emulator", EMULATOR],
  ]);
  const qemu = async (): Promise<string | undefined> => {
    const arrival = await host.arrival(xml, undefined, { round: 2 });
    const found = await judgeArrival(parseDomain(xml), arrival, configOf());
    return "ask" in found ? undefined : found.destination?.host.qemu?.toString();
  };
  assertEquals(await qemu(), undefined);
  await keep(3);
  assertEquals(await qemu(), "9.1.0");
});
