/** `check` and the hook are asked about the same guests, and say the same. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { siteOf } from "../../helpers/site_rules.ts";
import type { Config } from "../../../lib/config/config.ts";
import { writeWaiver } from "../../../lib/config/waiver.ts";
import { hostFacts } from "../../../lib/facts/host_facts.ts";
import type { CapturedDevice } from "../../../lib/facts/mod.ts";
import { parseProbeReport } from "../../../lib/facts/probe/report.ts";
import { addRealizeViews } from "../../../lib/facts/vfio/realize_views.ts";
import { findRealizeView, recordRealizeView } from "../../../lib/facts/vfio/records.ts";
import {
  bytesOf,
  configOf,
  FIRST,
  GUEST,
  guestXml,
  NOW,
  type Place,
  SECOND,
  sourceFacts,
  stamped,
} from "../../helpers/hook_arrivals.ts";
import { plugin } from "../../helpers/hostile_plugins.ts";
import { runScript } from "../../helpers/probe_shells.ts";
import { type FakeSysfs, OFFERS, RESOURCE } from "../../helpers/probe_tree.ts";
import {
  askAll,
  type Asked,
  listPlugin,
  type Said,
  type Situation,
  TwoHosts,
} from "../../helpers/two_hosts.ts";

const THIRD = "0000:3b:00.6";
const MDEV: Place = { ...FIRST, source: "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01" };
const OTHER_GUEST = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";
const HOSTS = { hosts: ["qemu+ssh://hosta/system"] };

interface GuestOptions {
  /** 9.0 compares what the examples differ in. */
  readonly machine?: "pc-q35-9.0" | "pc-q35-9.1";
  readonly places?: readonly Place[];
  /** `undefined`: there is no stamp. */
  readonly stamp?: {
    readonly age?: number;
    readonly places?: readonly Place[];
    readonly guest?: string;
    readonly device?: Partial<CapturedDevice>;
  };
  readonly devices?: string;
}

/** A guest's XML, on the clock of today. */
async function xmlOf(
  { emulator }: TwoHosts,
  { machine = "pc-q35-9.1", places = [FIRST], stamp, devices = "" }: GuestOptions,
): Promise<string> {
  const xml = guestXml(places, { machine, emulator, devices });
  if (stamp === undefined) return xml;
  const { age = 0, places: on = places, guest = GUEST, device = {} } = stamp;
  const { devices: all, ...facts } = sourceFacts(on.map(({ source }) => source));
  const seconds = (NOW - Date.now()) / 1000 + age;
  return await stamped(xml, on, {
    age: seconds,
    guest,
    facts: { ...facts, devices: all.map((known) => ({ ...known, ...device })) },
  });
}

function addFunctions(host: FakeSysfs, bytes: Uint8Array, ...addresses: string[]): void {
  for (const [index, address] of addresses.entries()) {
    const files = { resource: RESOURCE };
    host.addFunction(address, {
      ...{ config: bytes, driver: "nvidia", iommuGroup: `${index}`, offers: OFFERS, files },
    });
  }
}

/** A device of which the kernel does not tell whether it can migrate. */
function addUntold({ hostb }: TwoHosts): void {
  const bound = { driver: "nvidia", iommuGroup: "0", files: { resource: RESOURCE } };
  hostb.addFunction(FIRST.source, { config: bytesOf("destination"), ...bound });
}

const UNTOLD = { device: { migration: undefined } };

function addMdev({ hostb }: TwoHosts, type = "nvidia-231"): void {
  hostb.addFunction("0000:3b:00.0", { config: bytesOf("destination"), driver: "nvidia" });
  hostb.addMdev(MDEV.source, {
    ...{ parent: "0000:3b:00.0", type, driver: "nvidia-vgpu-vfio", iommuGroup: "9" },
    typeFiles: { name: "GRID T4-2Q\n", available_instances: "1\n" },
    offers: OFFERS,
  });
}

/** What hostb has on record of a device like its mediated one. */
async function recordOf({ hostb, folder }: TwoHosts): Promise<Record<string, string>> {
  const { stdout } = await runScript(["sh"], ["--sysfs", hostb.root, MDEV.source]);
  const { host, devices } = hostFacts({ probe: parseProbeReport(stdout) });
  const records = `${folder}/records`;
  await addRealizeViews(
    { premigrate: "facts/1", host, devices: devices.map((it) => ({ ...it, inUse: false })) },
    { allowReset: true, records },
    AbortSignal.timeout(10_000),
    {
      read: () =>
        Promise.resolve({
          result: "read",
          config: { kind: "realize", bytes: bytesOf("destination") },
          bars: [16777216, 268435456, 0, 33554432, 0, 0],
          romSize: 0,
        }),
      find: findRealizeView,
      record: recordRealizeView,
    },
  );
  const names = Array.from(Deno.readDirSync(records), ({ name }) => name);
  return Object.fromEntries(
    names.map((name) => [`realize/${name}`, Deno.readTextFileSync(`${records}/${name}`)]),
  );
}

const hours = (count: number): number => Math.floor(Date.now() / 1000) + count * 3600;
const waived = (until: number): Record<string, string> => ({
  [`waivers/${GUEST}`]: writeWaiver({ id: "0badcafe", until, reason: "the host is dying" }),
});

const POOL = { vfs: { managed: false, model: undefined, devices: [FIRST.source] } };
const ADDRESS = "<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>";
const ON_POOL =
  `<interface type='network'><mac address='52:54:00:00:00:01'/><source network='vfs'/>${ADDRESS}</interface>`;
const OF_POOL = `<interface type='hostdev' managed='no'><mac address='52:54:00:00:00:01'/>
  <source><address type='pci' domain='0x0000' bus='0x3b' slot='0x00' function='0x4'/></source>${ADDRESS}</interface>`;

/** A plugin that finds something of each device. */
const FINDS = plugin("evil/finds", `each(request, [{ code: "differs" }])`, { id: "evil/finds" });

interface Case extends GuestOptions {
  readonly name: string;
  /** Makes hostb's devices; like the example's destination unless given. */
  readonly add?: (hosts: TwoHosts) => void;
  readonly config?: unknown;
  readonly whole?: Partial<Config>;
  readonly situation?: Partial<Situation>;
  readonly kept?: (hosts: TwoHosts) => Promise<Record<string, string>>;
  /** `plugin` of this description, listed and applied there; it finds something of each question. */
  readonly listed?: Parameters<typeof listPlugin>[1];
  readonly decision: "allow" | "veto" | "undecided";
  readonly effect?: "allowed" | "refused";
  /** One of the codes. */
  readonly code?: string;
  /** A part of what `check` says it rests on. */
  readonly said?: string;
}

const STAMP = {};
const OLD = { machine: "pc-q35-9.0", stamp: STAMP } as const;

const CASES: readonly Case[] = [
  {
    ...{ name: "a stamp", stamp: STAMP, decision: "allow", code: "host-driver-differs" },
    said: "those of the guest's stamp, made on hosta",
  },
  { ...OLD, name: "a stamp, and bytes that differ", decision: "veto", code: "body-compared" },
  { name: "no stamp, and no host to ask", decision: "undecided", code: "no-stamp" },
  {
    ...{ name: "no stamp, and the source may be asked", config: HOSTS, decision: "allow" },
    ...{ code: "origin-not-known", said: "those that hosta tells now" },
  },
  {
    ...{ name: "no stamp, the source may be asked, and bytes differ", machine: "pc-q35-9.0" },
    ...{ config: HOSTS, decision: "veto", code: "body-compared" },
  },
  {
    ...{ name: "a stamp that is too old", stamp: { age: 4000 } },
    ...{ decision: "undecided", code: "stamp-too-old" },
  },
  {
    ...{ name: "a stamp that is too old, where that may be", stamp: { age: 4000 } },
    ...{ config: { maxAge: "1d" }, decision: "allow" },
  },
  {
    ...{ name: "a stamp that is too old, and the source may be asked", stamp: { age: 4000 } },
    ...{ config: HOSTS, decision: "allow", code: "stamp-too-old" },
  },
  {
    ...{ name: "another guest's stamp", stamp: { guest: OTHER_GUEST } },
    ...{ decision: "undecided", code: "stamp-of-other-guest" },
  },
  {
    ...{ name: "a stamp of other devices", stamp: { places: [FIRST, SECOND] } },
    ...{ decision: "undecided", code: "stamp-of-other-devices" },
  },
  {
    ...{ ...OLD, name: "the host only observes", config: { mode: "observe" }, decision: "veto" },
    ...{ effect: "allowed", said: "hostb only observes (mode)" },
  },
  {
    ...{ ...OLD, name: "the guest is only observed", decision: "veto", effect: "allowed" },
    config: { guests: { [GUEST]: { mode: "observe" } } },
  },
  {
    ...{ ...OLD, name: "the policies that veto are only observed", decision: "allow" },
    config: {
      policies: { "nvidia/vsc": { mode: "observe" }, "qemu/restore-check": { mode: "observe" } },
    },
    ...{ code: "body-compared", said: "hostb only observes nvidia/vsc" },
  },
  {
    ...{ ...OLD, name: "the policies that veto are off", decision: "allow" },
    config: { policies: { "nvidia/vsc": { mode: "off" }, "qemu/restore-check": { mode: "off" } } },
  },
  {
    ...{ ...OLD, name: "what vetoes is a warning there", decision: "allow" },
    config: {
      policies: {
        "nvidia/vsc": { codes: { "body-compared": "warn" } },
        "qemu/restore-check": { codes: { "will-fail": "warn" } },
      },
    },
  },
  {
    ...{ ...OLD, name: "a waiver", situation: { kept: waived(hours(2)) }, decision: "veto" },
    ...{ effect: "allowed", said: "hostb has waiver 0badcafe until" },
  },
  {
    ...{ ...OLD, name: "a waiver that has ended", situation: { kept: waived(hours(-2)) } },
    decision: "veto",
  },
  {
    ...{ name: "what is undecided passes there", config: { onTrouble: { facts: "open" } } },
    ...{ decision: "undecided", effect: "allowed", said: "onTrouble.facts" },
  },
  {
    ...{ name: "whether it can migrate nobody tells", add: addUntold, stamp: UNTOLD },
    ...{ decision: "undecided", code: "driver-tells-not" },
  },
  {
    ...{ name: "hostb's operator tells that it can migrate", add: addUntold, stamp: UNTOLD },
    config: {
      policies: { "generic/vfio": { options: { drivers: ["nvidia", "nvidia-vgpu-vfio"] } } },
    },
    decision: "allow",
  },
  {
    ...{ name: "a site's policy on devices", stamp: STAMP, decision: "veto", code: "not-met" },
    whole: { site: siteOf("fact: driver, is: equal, value: vfio-pci", "{vendor: 0x10de}") },
  },
  {
    ...{ name: "a site's policy on a guest without devices", places: [], decision: "veto" },
    ...{
      whole: { site: siteOf("fact: kernel, is: at least, value: 999.0", "{guest: vm*}") },
      code: "not-met",
    },
  },
  {
    ...{ name: "a site's policy on what only the source tells", places: [], decision: "undecided" },
    whole: { site: siteOf("fact: qemu, is: equal") },
  },
  { name: "a guest without devices", places: [], decision: "allow" },
  {
    ...{ name: "a code plugin", stamp: STAMP, listed: {}, decision: "veto" },
    code: "differs",
  },
  {
    ...{ name: "a code plugin that is only observed", stamp: STAMP, listed: {}, decision: "allow" },
    config: { policies: { "evil/finds": { mode: "observe" } } },
  },
  {
    ...{ name: "a mediated device of which nothing is on record", places: [MDEV], add: addMdev },
    ...{ stamp: STAMP, decision: "undecided", code: "no-config" },
  },
  {
    ...{ name: "a mediated device that only a hook opens", places: [MDEV], stamp: STAMP },
    add: (hosts) => addMdev(hosts, "mtty-2"),
    ...{ decision: "undecided", code: "no-config", said: `hostb's ${MDEV.source} was not opened` },
  },
  {
    ...{ name: "a mediated device, and one like it on record", places: [MDEV], add: addMdev },
    ...{ stamp: STAMP, kept: recordOf, decision: "allow", said: "shows what another device" },
  },
  {
    ...{ name: "a mediated device, one like it on record, and bytes differ", add: addMdev },
    ...{ ...OLD, places: [MDEV], kept: recordOf, decision: "undecided", code: "body-compared" },
  },
  {
    ...{ name: "a device that hostb has not", stamp: STAMP, add: () => {} },
    ...{ decision: "undecided", code: "no-facts" },
  },
  {
    ...{ name: "two functions of one device", places: [FIRST, SECOND], stamp: STAMP },
    decision: "allow",
  },
  {
    ...{ name: "a device of a network's pool", places: [], devices: OF_POOL },
    ...{ stamp: { places: [FIRST] }, decision: "allow", code: "pool-was-judged" },
  },
  {
    ...{ name: "a device of a network's pool, and no stamp", places: [], devices: OF_POOL },
    ...{ decision: "undecided", code: "no-stamp" },
  },
  {
    ...{ name: "hostb chooses another device", config: { rewrite: true }, ...OLD },
    add: ({ hostb }) => {
      addFunctions(hostb, bytesOf("destination"), FIRST.source);
      hostb.addFunction("0000:3b:00.0", { config: bytesOf("destination") });
      addFunctions(hostb, bytesOf("source"), THIRD);
      hostb.link(`${hostb.pathOf(THIRD)}/physfn`, hostb.pathOf("0000:3b:00.0"));
    },
    decision: "allow",
  },
];

async function prepare(
  hosts: TwoHosts,
  { add, config, whole, situation, kept, listed, ...rest }: Case,
): Promise<Asked> {
  const { hosta, hostb, folder } = hosts;
  addFunctions(hosta, bytesOf("source"), FIRST.source, SECOND.source);
  if (add === undefined) {
    addFunctions(hostb, bytesOf("destination"), FIRST.source, SECOND.source);
  } else add(hosts);
  const live = await xmlOf(hosts, rest);
  const { digest = "", ...plugins } = listed === undefined ? {} : await listPlugin(FINDS, listed);
  const file = `${folder}/plugin.js`;
  if (listed !== undefined) await Deno.writeFile(file, new Uint8Array(FINDS.code));
  return await hosts.prepare({
    live,
    arriving: live.replace(OF_POOL, ON_POOL),
    networks: live.includes(OF_POOL) ? POOL : {},
    // No stamp may grow too old while others are asked about.
    config: { ...configOf({ maxAge: "1h", ...Object(config) }), ...whole, ...plugins },
    kept: await kept?.(hosts) ?? {},
    plugin: listed === undefined ? undefined : [`${file}=${digest}`],
    ...situation,
  });
}

let said: Promise<Said[]> | undefined;

/** What is said of all cases, in one process. */
async function askCases(): Promise<Said[]> {
  await using all = new AsyncDisposableStack();
  const asked: Asked[] = [];
  for (const each of CASES) asked.push(await prepare(all.use(new TwoHosts()), each));
  return await askAll(asked);
}

for (const [index, { name, decision, effect, code, said: wanted }] of CASES.entries()) {
  Deno.test(`one verdict: ${name}`, async () => {
    const { hook, check: answer } = (await (said ??= askCases()))[index] ?? {};
    const { assumptions, ...check } = answer ?? {};
    assertEquals<unknown>(check, hook);
    assertEquals(
      [check["decision"], check["effect"]],
      [decision, effect ?? (decision === "allow" ? "allowed" : "refused")],
    );
    if (code !== undefined) assertStringIncludes(JSON.stringify(check["codes"]), ` ${code} `);
    assertStringIncludes(JSON.stringify(assumptions), wanted ?? "hostb decides by its applied");
  });
}
