/** What `check` takes for the source's facts: what the destination's hook would. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { parseDomain } from "premigrate";
import { setMetadata } from "premigrate/domain";
import { rulesOf } from "../../../lib/cli/destination_rules.ts";
import { takeSource } from "../../../lib/cli/taken_source.ts";
import { writeApplied } from "../../../lib/config/config.ts";
import { parseGuest } from "../../../lib/facts/libvirt/guest.ts";
import { parseHost } from "../../../lib/facts/libvirt/host.ts";
import { parseLibvirtUri } from "../../../lib/facts/libvirt/uri.ts";
import { type Facts, STAMP_NAMESPACE, writeOfflineMark } from "../../../lib/facts/mod.ts";
import {
  bytesOf,
  configOf,
  FIRST,
  GUEST,
  guestXml,
  NOW,
  type Place,
  sourceFacts,
  stamped,
} from "../../helpers/hook_arrivals.ts";

const MDEV: Place = { ...FIRST, source: "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01" };
const FROM = parseLibvirtUri("qemu+ssh://10.0.0.1/system");
const HOSTS = { hosts: ["qemu+ssh://root@hosta/system"] };

/** What hosta tells now of its only device, as a running guest's QEMU holds it. */
const LIVE: Facts = (() => {
  const { host, devices, ...rest } = sourceFacts([MDEV.source]);
  const config = { kind: "running", bytes: bytesOf("source"), source: "vfio-region" } as const;
  return { ...rest, host, devices: devices.map((device) => ({ ...device, config })) };
})();

const marked = (xml: string, time: number): string => {
  const mark = writeOfflineMark(new Date(time).toISOString());
  return setMetadata(xml, parseDomain(xml), STAMP_NAMESPACE, mark);
};
const XML = guestXml([MDEV]);

const CASES: readonly (readonly [
  name: string,
  xml: string | Promise<string>,
  /** Of the destination; `null`: none. */
  config: unknown,
  wanted: {
    /** Whose view the bytes are; `undefined`: no facts at all. */
    readonly view?: string | null;
    readonly codes?: readonly string[];
    readonly said?: string;
  },
])[] = [
  ["a stamp", stamped(XML, [MDEV]), {}, { view: "realize", said: "made on hosta at 2026-03-01" }],
  ["a stamp, and no hook", stamped(XML, [MDEV]), null, { view: "realize" }],
  ["no stamp, and no hook", XML, null, {
    ...{ view: "running", codes: ["warn origin-not-known"] },
    said: "those that hosta tells now",
  }],
  ["no stamp", XML, {}, { codes: ["undecided no-stamp"] }],
  ["no stamp, and another host that is asked", XML, { hosts: ["qemu+ssh://hostc/system"] }, {
    codes: ["undecided guest-not-found"],
  }],
  ["no stamp, and the source is asked, which a hook can ask for less", XML, HOSTS, {
    ...{ view: null, codes: ["warn origin-not-known"] },
    said: "without what its QEMUs hold",
  }],
  ["an old stamp", stamped(XML, [MDEV], { age: 1000 }), {}, { codes: ["undecided stamp-too-old"] }],
  [
    "an old stamp, and the source is asked: where the guest was started the stamp still tells",
    stamped(XML, [MDEV], { age: 1000 }),
    HOSTS,
    { view: "realize", codes: ["info stamp-too-old"] },
  ],
  ["an old stamp, and no hook", stamped(XML, [MDEV], { age: 1000 }), null, {
    ...{ view: "realize", codes: ["info stamp-too-old"] },
  }],
  ["a guest that is marked as shut off", marked(XML, NOW), {}, {
    ...{ codes: ["undecided no-stamp"], said: "marked as shut off" },
  }],
  ["a guest without devices", guestXml([]), {}, { view: "running" }],
];

for (const [name, xml, config, { view, codes = [], said = "" }] of CASES) {
  Deno.test(`the source of ${name}`, async () => {
    const info = `Name: vm1\nUUID: ${GUEST}\nState: running\n`;
    const guest = parseGuest({ host: "hosta" }, GUEST, [info, await xml], parseHost([]));
    if ("missing" in guest) throw guest.missing;
    const applied = config === null
      ? null
      : writeApplied({ deno: "/usr/bin/deno", config: configOf(config) });
    const own = { config: configOf(), plugins: [], unasked: [], attributes: [] };
    const rules = await rulesOf(
      { ...own, told: { config: undefined, site: undefined, plugins: [] } },
      "hostb",
      { premigrate: { applied, kept: new Map(), missing: {} }, now: NOW, isHere: false },
    );
    const there: Facts = { ...LIVE, host: { name: "hostb" }, devices: [] };
    const taken = await takeSource({ guest, from: FROM, live: LIVE }, there, rules, NOW);
    const device = taken.facts?.devices[0];
    assertEquals(taken.facts && (device?.config?.kind ?? null), view);
    assertEquals(taken.findings.map(({ severity, code }) => `${severity} ${code}`), codes);
    assertStringIncludes(taken.said.join("\n"), said);
  });
}
