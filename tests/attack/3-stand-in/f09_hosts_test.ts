/** Of the hosts that have a guest's UUID only the one that the guest comes from is believed. */
import { assertEquals } from "@std/assert";
import { FIRST, GUEST, guestXml, NOW } from "../../helpers/hook_arrivals.ts";
import { askFakes, DOWN, type FakeLibvirt, running, STAYING } from "../../helpers/fake_virsh.ts";

const XML = guestXml([FIRST]);
const DEVICE = `cat <<'END'
<device><name>pci_0000_3b_00_4</name><capability type='pci'><class>0x030000</class>
<domain>0</domain><bus>59</bus><slot>0</slot><function>4</function>
<product id='0x1eb8'>T4</product><vendor id='0x10de'>NVIDIA</vendor></capability></device>
END`;
const SOURCE: FakeLibvirt = {
  ...running({ [GUEST]: XML }),
  "nodedev-dumpxml": DEVICE,
  hostname: "printf 'source\\n'",
};
/** Another host, with a capabilities document that names another host's UUID. */
const OTHER: FakeLibvirt = {
  ...SOURCE,
  hostname: "printf 'other\\n'",
  capabilities: `${SOURCE["capabilities"]} | sed 's|<uuid>....|<uuid>ffff|'`,
};
const STAYS: FakeLibvirt = { ...OTHER, domjobinfo: STAYING };
/** libvirt that does not tell of jobs. */
const MUTE = { domjobinfo: "printf 'error: unknown procedure: 163\\n' >&2" };
const INCOMING = { domjobinfo: "printf 'Job type: Unbounded\\nOperation: Incoming migration\\n'" };
const SAVED = { domjobinfo: "printf 'Job type: Bounded\\nOperation: Save\\n'" };
const PAUSED = { dominfo: `printf 'UUID: ${GUEST}\\nState: paused\\n'` };
const CLONE: FakeLibvirt = {
  ...running({ [GUEST]: XML.replace("<name>vm1<", "<name>vm1-clone<") }),
  ...{ "nodedev-dumpxml": DEVICE, hostname: "printf 'other\\n'" },
};
/** Answers a second after another host has. */
const late = (libvirt: FakeLibvirt): FakeLibvirt => ({ ...libvirt, start: "sleep 1" });

const FOUND = ["warn origin-not-known"];
const SEVERAL = ["undecided several-sources"];

const CASES: readonly (readonly [
  name: string,
  hosts: Readonly<Record<string, FakeLibvirt>>,
  from: string | undefined,
  codes: readonly string[],
])[] = [
  ["the one that sends it", { a: SOURCE }, "source", FOUND],
  ["a paused one that is sent", { a: { ...SOURCE, ...PAUSED } }, "source", FOUND],
  ["a copy that runs elsewhere answers first", { a: STAYS, b: late(SOURCE) }, "source", FOUND],
  [
    "a paused left-over answers first",
    {
      a: { ...STAYS, ...PAUSED },
      b: late(SOURCE),
    },
    "source",
    FOUND,
  ],
  ["a copy of another name answers first", { a: CLONE, b: late(SOURCE) }, "source", FOUND],
  ["one that is being saved elsewhere", { a: { ...OTHER, ...SAVED }, b: SOURCE }, "source", FOUND],
  ["one that arrives elsewhere", { a: { ...OTHER, ...INCOMING }, b: SOURCE }, "source", FOUND],
  [
    "by its libvirt's word, not another's silence",
    {
      a: { ...OTHER, ...MUTE },
      b: late(SOURCE),
    },
    "source",
    FOUND,
  ],
  [
    "one that runs it, where libvirt tells of no jobs",
    {
      a: { ...SOURCE, ...MUTE },
    },
    "source",
    FOUND,
  ],
  [
    "one that runs it, the other paused, and no jobs told",
    {
      a: { ...OTHER, ...PAUSED, ...MUTE },
      b: late({ ...SOURCE, ...MUTE }),
    },
    "source",
    FOUND,
  ],
  ["the same host by two names", { a: SOURCE, b: SOURCE }, "source", FOUND],

  [
    "two that run it, and no jobs told",
    {
      a: { ...OTHER, ...MUTE },
      b: late({ ...SOURCE, ...MUTE }),
    },
    undefined,
    SEVERAL,
  ],
  [
    "two of one UUID that send it, with cloned firmware",
    {
      a: { ...SOURCE, hostname: OTHER["hostname"] ?? "" },
      b: late(SOURCE),
    },
    undefined,
    SEVERAL,
  ],
  ["two that send it", { a: OTHER, b: late(SOURCE) }, undefined, SEVERAL],
  ["only a copy of another name, sent elsewhere", { a: CLONE }, undefined, [
    "undecided guest-of-other-name",
  ]],
  ["only one that runs it and sends it nowhere", { a: STAYS }, undefined, [
    "undecided guest-not-leaving",
  ]],
  ["only a paused left-over", { a: { ...STAYS, ...PAUSED } }, undefined, [
    "undecided guest-not-leaving",
  ]],
  ["only a paused one, and no jobs told", { a: { ...OTHER, ...PAUSED, ...MUTE } }, undefined, [
    "undecided guest-not-leaving",
  ]],
  ["the source is down, a left-over answers", { a: STAYS, b: DOWN }, undefined, [
    "undecided guest-not-leaving",
    "undecided host-not-read",
  ]],
];

for (const [name, hosts, from, wanted] of CASES) {
  Deno.test(`the source of a guest without a stamp: ${name}`, async () => {
    const { result } = await askFakes(hosts, {
      what: "source",
      config: { hosts: Object.keys(hosts).map((host) => `qemu+tcp://${host}/system`) },
      arrival: { xml: XML, now: NOW },
    });
    const findings = Array.isArray(result["findings"]) ? result["findings"] : [];
    const codes = findings.map(({ severity, code }) => `${severity} ${code}`).sort();
    assertEquals([result["host"], codes], [from, [...wanted].sort()]);
  });
}

Deno.test("a second host that sends the guest, too late, is not waited for", async () => {
  const slow = { ...OTHER, start: "exec sleep 20" };
  const { result } = await askFakes({ a: SOURCE, b: slow }, {
    what: "source",
    patience: 300,
    config: { hosts: ["a", "b"].map((host) => `qemu+tcp://${host}/system`) },
    arrival: { xml: XML, now: NOW },
  });
  assertEquals(result["host"], "source");
});
