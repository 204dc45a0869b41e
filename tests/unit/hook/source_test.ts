/** Where the facts of the source come from: a stamp, or the configured hosts. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { parseDomain } from "premigrate";
import type { StampMetadata } from "../../../lib/facts/mod.ts";
import { findSource, onSource } from "../../../lib/hook/source.ts";
import {
  FIRST,
  GUEST,
  guestXml,
  NOW,
  type Place,
  SECOND,
  sourceFacts,
  stamped,
} from "../../helpers/hook_arrivals.ts";
import {
  askFakes,
  DOWN,
  ELSEWHERE,
  type FakeLibvirt,
  type FakeRun,
  running,
} from "../../helpers/fake_virsh.ts";

const OTHER = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";
const MDEV = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";

const ON_SOURCE: readonly (readonly [
  name: string,
  places: readonly Place[],
  there: readonly Place[],
  sources: readonly string[],
  targets: readonly (readonly [string, string])[],
])[] = [
  ["the same", [FIRST], [FIRST], [FIRST.source], [["hostdev0", FIRST.source]]],
  ["elsewhere", [FIRST], [{ ...FIRST, source: "0000:af:00.1" }], ["0000:af:00.1"], [
    ["hostdev0", FIRST.source],
  ]],
  [
    "two in another order",
    [FIRST, SECOND],
    [{ ...SECOND, source: FIRST.source }, { ...FIRST, source: SECOND.source }],
    [SECOND.source, FIRST.source],
    [["hostdev0", FIRST.source], ["hostdev1", SECOND.source]],
  ],
  [
    "a mediated one",
    [{ ...FIRST, source: MDEV }],
    [{ ...FIRST, source: OTHER }],
    [OTHER],
    [["hostdev0", MDEV]],
  ],
  ["none there", [FIRST], [], [FIRST.source], []],
  ["another there", [FIRST], [SECOND], [FIRST.source], []],
  ["none here", [], [FIRST], [], []],
  ["no address in the guest", [{ ...FIRST, guest: "" }], [FIRST], [FIRST.source], []],
];

for (const [name, places, there, sources, targets] of ON_SOURCE) {
  Deno.test(`onSource(): ${name}`, () => {
    const guest = parseDomain(guestXml(places));
    const found = onSource(guest, there);
    assertEquals(
      found.guest.hostDevices.map((device) => device.kind === "other" ? "" : addressOf(device)),
      [...sources],
    );
    assertEquals([...found.targets], targets.map(([alias, address]) => [alias, address]));
    assertEquals({ ...found.guest, hostDevices: guest.hostDevices }, guest);
  });
}

function addressOf(device: { kind: string; source?: string }): string {
  return device.source ?? device.kind;
}

const STAMP: StampMetadata = {
  kind: "stamp",
  stamp: {
    guest: GUEST,
    time: new Date(NOW).toISOString(),
    devices: [FIRST],
    facts: sourceFacts([FIRST.source]),
  },
};

const UNASKED: readonly (readonly [
  name: string,
  metadata: StampMetadata,
  now: number,
  found: boolean,
  codes: readonly string[],
])[] = [
  ["a stamp", STAMP, NOW, true, []],
  ["a stamp that is too old", STAMP, NOW + 901_000, false, ["undecided stamp-too-old"]],
  ["an offline mark", { kind: "offline", time: new Date(NOW).toISOString() }, NOW, false, [
    "info offline-migration",
  ]],
  ["an old mark", { kind: "offline", time: new Date(NOW).toISOString() }, NOW + 601_000, false, [
    "undecided offline-mark-too-old",
  ]],
  ["nothing", { kind: "none" }, NOW, false, ["undecided no-stamp"]],
  ["what is unusable", { kind: "unusable", reason: "x" }, NOW, false, ["undecided stamp-unusable"]],
];

for (const [name, metadata, now, isFound, codes] of UNASKED) {
  for (const uuid of [GUEST, undefined]) {
    // Hosts are asked for a UUID: without one there is nothing to ask, though hosts are there.
    const hosts = uuid === undefined ? ["qemu+ssh://hosta/system"] : [];
    Deno.test(`of ${name}, ${uuid === undefined ? "without a UUID" : "without hosts"}`, async () => {
      const arrival = {
        uuid,
        devices: [FIRST],
        interfaces: [],
        host: { name: "hostb" },
        now,
        maxAge: 900,
      };
      const { signal } = new AbortController();
      const { facts, devices, findings } = await findSource(metadata, arrival, {
        ...{ hosts, name: "vm1", patience: 5000, signal },
      });
      const found = findings.map(({ severity, code }) => `${severity} ${code}`);
      const isOurs = uuid === GUEST;
      if (isOurs || metadata.kind !== "stamp") assertEquals(found, [...codes]);
      else assertEquals(found, ["undecided stamp-of-other-guest"]);
      assertEquals(
        [facts !== undefined, devices.length],
        isFound && isOurs ? [true, 1] : [false, 0],
      );
    });
  }
}

const SYSFS_ONLY = `cat <<'END'
<device><name>pci_0000_3b_00_4</name><capability type='pci'><class>0x030000</class>
<domain>0</domain><bus>59</bus><slot>0</slot><function>4</function>
<product id='0x1eb8'>T4</product><vendor id='0x10de'>NVIDIA</vendor></capability></device>
END`;
const UNKNOWN_DEVICE = 'printf "error: Could not find matching device \'%s\'\\n" "$2" >&2';

/** A host that runs the guest, and knows its device. */
const RUNS: FakeLibvirt = {
  ...running({ [GUEST]: guestXml([FIRST]) }),
  "nodedev-dumpxml": SYSFS_ONLY,
};
const SHUT_OFF: FakeLibvirt = {
  ...RUNS,
  dominfo: `printf 'UUID: ${GUEST}\\nState: shut off\\n'`,
};
// Without a stamp nobody knows where the guest was started.
const UNKNOWN_ORIGIN = "warn origin-not-known hosta";
const SLOW: FakeLibvirt = { start: "exec sleep 20" };

async function ask(
  hosts: Readonly<Record<string, FakeLibvirt>>,
  { xml = guestXml([FIRST]), milliseconds = 15_000, patience, named = Object.keys(hosts) }: {
    readonly xml?: string;
    readonly milliseconds?: number;
    readonly patience?: number;
    readonly named?: readonly string[];
  } = {},
): Promise<FakeRun & { readonly codes: string[] }> {
  const run = await askFakes(hosts, {
    what: "source",
    milliseconds,
    patience,
    config: { hosts: named.map((host) => host.includes(":") ? host : `qemu+tcp://${host}/system`) },
    arrival: { xml, now: NOW },
  });
  const findings = run.result["findings"];
  const codes = (Array.isArray(findings) ? findings : []).map(
    ({ severity, code, data }) => `${severity} ${code}${"host" in data ? ` ${data.host}` : ""}`,
  );
  return { ...run, codes };
}

Deno.test("the host that runs the guest is asked for its facts, and only that", async () => {
  const { result, codes, runs } = await ask({ a: ELSEWHERE, b: RUNS, c: SHUT_OFF });
  assertEquals([result["host"], codes], ["hosta", [UNKNOWN_ORIGIN]]);
  assertEquals(result["devices"], [FIRST]);
  assertEquals(runs.filter((host) => host !== "b"), ["a", "c"]);
});

Deno.test("a host that is down is of no account where another runs the guest", async () => {
  const { result, codes } = await ask({ a: DOWN, b: RUNS });
  assertEquals([result["host"], codes], ["hosta", [UNKNOWN_ORIGIN]]);
});

Deno.test("a host that does not answer is not waited for much longer where another sends the guest", async () => {
  const start = `trap 'echo ended >>"$here/runs"; exit 1' TERM
: >"$here/a/waits"
sleep 5 >/dev/null 2>&1 &
wait
exit 1`;
  const after = 'until [ -e "$here/a/waits" ]; do sleep 0.05; done';
  const hosts = { a: { start }, b: { ...RUNS, start: after } };
  const { result, codes, runs } = await ask(hosts, { patience: 500 });
  assertEquals([result["host"], codes, result["error"]], ["hosta", [UNKNOWN_ORIGIN], undefined]);
  assertEquals(runs.filter((host) => host !== "b"), ["a", "ended"]);
});

const NOT_FOUND: readonly (readonly [
  name: string,
  hosts: Readonly<Record<string, FakeLibvirt>>,
  codes: readonly string[],
])[] = [
  ["is on none of them", { a: ELSEWHERE, b: ELSEWHERE }, ["undecided guest-not-found"]],
  ["is shut off on all of them", { a: SHUT_OFF, b: ELSEWHERE }, ["undecided guest-not-found"]],
  ["may be on the one that is down", { a: ELSEWHERE, b: DOWN }, ["undecided host-not-read b"]],
  ["may be on any, all down", { a: DOWN, b: DOWN }, [
    "undecided host-not-read a",
    "undecided host-not-read b",
  ]],
];

for (const [name, hosts, wanted] of NOT_FOUND) {
  Deno.test(`a guest that ${name}: ${wanted.join(", ")}`, async () => {
    const { result, codes } = await ask(hosts);
    assertEquals(codes, [...wanted]);
    assertEquals([result["host"], result["devices"]], [undefined, []]);
  });
}

Deno.test("where the deadline passes, each host that did not answer is named", async () => {
  const { codes, result } = await ask({ a: SLOW, b: ELSEWHERE }, { milliseconds: 5000 });
  // The deadline itself is the finding that decides.
  assertEquals(codes, ["info host-not-read a"]);
  assertStringIncludes(JSON.stringify(result["findings"]), "before the deadline");
});

Deno.test("a URI that is none is of no account where a host runs the guest", async () => {
  const { result } = await ask({ b: RUNS }, { named: ["b", "qemu+ext:x"] });
  assertEquals(result["host"], "hosta");
});

Deno.test("a stamp that is not believed is noted, and its bytes stay those of the guest's start", async () => {
  const xml = await stamped(guestXml([FIRST]), [FIRST], { age: 5000 });
  const { result, codes } = await ask({ b: RUNS }, { xml });
  assertEquals(codes, ["info stamp-too-old"]);
  const captured = result["captured"];
  assertEquals(captured, [{ address: FIRST.source, config: "composed" }]);
});

Deno.test("of another guest's stamp nothing is kept", async () => {
  const xml = await stamped(guestXml([FIRST]), [FIRST], { guest: OTHER });
  const { result, codes } = await ask({ b: RUNS }, { xml });
  assertEquals(codes, ["info stamp-of-other-guest", UNKNOWN_ORIGIN]);
  const [captured] = Array.isArray(result["captured"]) ? result["captured"] : [];
  assertEquals(captured.config, undefined);
});

Deno.test("a device that the source's libvirt does not know has no facts, old stamp or none", async () => {
  const hosts = { b: { ...RUNS, "nodedev-dumpxml": UNKNOWN_DEVICE } };
  const old = await stamped(guestXml([FIRST]), [FIRST], { age: 5000 });
  for (const xml of [guestXml([FIRST]), old]) {
    const { result } = await ask(hosts, { xml });
    assertEquals([result["host"], result["captured"], result["error"]], ["hosta", [], undefined]);
  }
});
