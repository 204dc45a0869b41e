/** Nothing becomes allow by knowing less: the same guests as they arrive at the hook. */
import { BUILT_IN } from "premigrate";
import { attributesOf } from "../../../lib/policy/attributes.ts";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import * as v from "valibot";
import { PROBE_KEYS } from "../../../lib/facts/probe/keys.ts";
import { FactsSchema } from "../../../lib/facts/schema.ts";
import { type Arrival, judgeArrival, readGuestXml } from "../../../lib/hook/arrival.ts";
import { ConfigSchema } from "../../../lib/config/config.ts";
import { SEED } from "../../seed.ts";
import { runScript } from "../../helpers/probe_shells.ts";
import {
  arrivalOf,
  CACHED,
  cacheOf,
  ended,
  keepRecords,
  keysOf,
  regionsOf,
  reportOf,
  stampedXml,
  sysfsOf,
} from "./arrivals.ts";
import { difference, hexOf } from "./differences.ts";
import { type Guest, GUESTS } from "./guests.ts";
import { weakeningsOf } from "./weakenings.ts";

const config = v.parse(ConfigSchema, {});
const folder = await Deno.makeTempDir({ prefix: "premigrate-less-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** `undefined`: there is no such arrival, or more is to be read. */
async function decided(arrival: Arrival): Promise<string | undefined> {
  const guest = readGuestXml(arrival.xml);
  if ("missing" in guest) return undefined;
  const found = await judgeArrival(guest, arrival, config);
  return "ask" in found ? undefined : found.answer.verdict.decision;
}

let folders = 0;

async function cacheFolder({ destination }: Guest, without?: string): Promise<string> {
  const path = `${folder}/${folders++}`;
  await Deno.mkdir(path, { recursive: true });
  await Deno.writeTextFile(`${path}/host.json`, cacheOf(destination, without));
  await keepRecords(destination, `${path}/realize`);
  return path;
}

function pathsOf(cache: string): Arrival["paths"] {
  return { cache, realize: `${cache}/realize` };
}

async function arrives(guest: Guest): Promise<Arrival> {
  const { destination } = guest;
  const regions = regionsOf(destination);
  return arrivalOf(
    await stampedXml(guest),
    reportOf(destination),
    regions,
    await cacheFolder(guest),
  );
}

/** Those whose destination is as sysfs and VFIO's reader tell. */
const ARRIVING = GUESTS.filter(({ name }) => !name.endsWith("-> guest"));

for (const guest of ARRIVING) {
  Deno.test(`${guest.name}: allow as it arrives, with all known`, async () => {
    assertEquals(await decided(await arrives(guest)), "allow");
  });
}

Deno.test("the reports here have the keys that the probe prints, and each has a row", async () => {
  for (const { destination } of ARRIVING) {
    const sysfs = sysfsOf(destination);
    try {
      const { stdout } = await runScript(["sh"], [
        ...["--sysfs", sysfs.root, "--identify", "--emulator", "/bin/sh"],
        ...attributesOf(BUILT_IN).flatMap((name) => ["--attribute", name]),
        ...destination.devices.map(({ address }) => `${address}`),
      ]);
      const keys = keysOf(reportOf(destination));
      assertEquals(keysOf(stdout).filter((key) => !keys.includes(key)), UNUSED);
      assertEquals(keys.filter((key) => !keysOf(stdout).includes(key)), []);
      for (const key of keysOf(stdout)) assert(hasRow(key), `${key} has no row in keys.ts`);
    } finally {
      sysfs.remove();
    }
  }
});

/** Those that no verdict depends on. */
const UNUSED: readonly string[] = ["parent/numa_node"];

function hasRow(key: string): boolean {
  if (key.startsWith("attributes/")) return Object.hasOwn(PROBE_KEYS.device, "attributes/*");
  const { device, function: own, mdev, parent } = PROBE_KEYS;
  return key.startsWith("parent/")
    ? Object.hasOwn(parent, key.slice("parent/".length))
    : [device, own, mdev].some((rows) => Object.hasOwn(rows, key));
}

/** A line that is empty where that says something: no parameters, a module without a version. */
const EMPTY_IS_A_VALUE =
  /^attr (attributes\/nvidia\/vgpu_params|migration\/features|reset_method) /;

/** The report with one of its attributes gone, empty, unreadable, or under another name. */
function weakenReport(report: string, at: number, how: number): string | undefined {
  const lines = report.split("\n").slice(1, -2);
  const attributes = lines.flatMap((line, index) => line.startsWith("attr ") ? [index] : []);
  const index = attributes[at % attributes.length] ?? 0;
  const line = lines[index] ?? "";
  const [, key = "", kind = ""] = line.split(" ");
  // What is said in several lines goes as a whole, as do the bytes below one.
  const isOf = (line: string): boolean => line.startsWith(`attr ${key} `);
  let [start, end] = [index, index + 1];
  while (isOf(lines[start - 1] ?? "")) start--;
  while (isOf(lines[end] ?? "") || lines[end]?.startsWith(" ")) end++;
  const whole = lines.slice(start, end);
  const put = [
    [],
    [`attr ${key} - cannot be read`],
    whole.map((line) => isOf(line) ? line.replace(`attr ${key}`, `attr ${key.slice(1)}`) : line),
    [`attr ${key} s `],
    [`attr ${key} x`],
    [],
  ][how % 6] ?? [];
  if (kind === "-" && how % 6 !== 0 && how % 6 !== 2) return undefined;
  if ([3, 4].includes(how % 6) && EMPTY_IS_A_VALUE.test(line)) return undefined;
  return ended(lines.toSpliced(start, end - start, ...put));
}

/** The XML with an attribute of the stamp's element gone or empty. */
function weakenStamp(xml: string, at: number): string {
  const name = ["version", "host", "boot", "time", "digest"][at % 5];
  const put = at % 2 === 0 ? "" : ` ${name}=""`;
  return xml.replace(new RegExp(`(<premigrate:stamp [^>]*?) ${name}="[^"]*"`), `$1${put}`);
}

/** Something that is not known as the guest arrives. */
const weaker = fc.record({
  what: fc.constantFrom("probe", "probe", "probe", "facts", "facts", "stamp", "cache", "regions"),
  at: fc.nat(),
  how: fc.nat(),
});
type Weaker = typeof weaker extends fc.Arbitrary<infer T> ? T : never;

/** The arrival without it, and its name; `undefined`: that is no less. */
async function weaken(
  arrival: Arrival,
  guest: Guest,
  { what, at, how }: Weaker,
): Promise<readonly [string, Arrival] | undefined> {
  if (what === "probe") {
    const probed = weakenReport(arrival.probed, at, how);
    if (probed === undefined) return undefined;
    return [changedLine(arrival.probed, probed), { ...arrival, probed }];
  }
  if (what === "stamp") {
    return [`stamp ${at % 5}`, { ...arrival, xml: weakenStamp(arrival.xml, at) }];
  }
  if (what === "cache") {
    const without = CACHED[at % CACHED.length] ?? "";
    const paths = pathsOf(await cacheFolder(guest, without));
    return [`the cache without ${without}`, { ...arrival, paths }];
  }
  if (what === "regions") return ["no regions", { ...arrival, regions: new Map() }];
  const all = weakeningsOf(guest).filter(({ name }) => name.startsWith("source "));
  const chosen = all[at % all.length];
  const less = chosen?.put(guest);
  if (less === undefined || !v.is(FactsSchema, less.source)) return undefined;
  return [`stamp with ${chosen?.name}`, { ...arrival, xml: await stampedXml(less) }];
}

function changedLine(before: string, after: string): string {
  const own = after.split("\n");
  const at = before.split("\n").findIndex((line, index) => line !== own[index]);
  return `"${own[at]}" for "${before.split("\n")[at]}"`;
}

/** What is put into the guest's XML by another way here. */
function hasSameDomain(guest: Guest, base: Guest): boolean {
  return guest.domain.viommu === base.domain.viommu &&
    guest.domain.hostDevices.every((device, at) => device === base.domain.hostDevices[at]);
}

/**
 * What was kept of a device stands in for one that is alike in all that can be read without opening
 * it: that such devices show the same bytes is what is assumed then, and said.
 */
function doAlikesAgree({ destination }: Guest): boolean {
  const shown = new Map<string, string>();
  return destination.devices.every((device) => {
    const kind = JSON.stringify([device["mdevType"], device["vgpuType"]]);
    const bytes = `${hexOf(device)} ${device["bars"]} ${device["romSize"]}`;
    const other = shown.get(kind) ?? bytes;
    shown.set(kind, bytes);
    return regionsOf({ ...destination, devices: [device] }).size === 0 || other === bytes;
  });
}

const WEAKENINGS = 10;
const WANTED = 600;

Deno.test(`hook: nothing becomes allow by knowing less (seed ${SEED})`, async () => {
  let runs = 0;
  const choices = fc.array(fc.tuple(weaker, fc.option(weaker, { freq: 2 })), {
    minLength: WEAKENINGS,
    maxLength: WEAKENINGS,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ARRIVING),
      difference,
      choices,
      async (base, difference, choices) => {
        const guest = difference.put(base);
        fc.pre(hasSameDomain(guest, base) && doAlikesAgree(guest));
        const whole = await arrives(guest);
        const decision = await decided(whole);
        fc.pre(decision === "veto" || decision === "undecided");
        for (const chosen of choices) {
          let less = whole;
          const names: string[] = [];
          for (const weaker of chosen) {
            const weakened = weaker === null ? undefined : await weaken(less, guest, weaker);
            if (weakened === undefined) continue;
            names.push(weakened[0]);
            less = weakened[1];
          }
          if (names.length === 0) continue;
          runs++;
          if (await decided(less) !== "allow") continue;
          throw new Error(`${base.name}; ${difference.name}; allow with ${names.join(" and ")}`);
        }
      },
    ),
    { numRuns: 80, seed: SEED },
  );
  assert(runs >= WANTED, `only ${runs} runs`);
});

Deno.test("a line that came damaged is no line: a device in D3cold is not believed", async () => {
  for (const guest of ARRIVING) {
    // What VFIO's reader opened was awake then.
    if (regionsOf(guest.destination).size > 0) continue;
    const whole = await arrives(guest);
    for (const [from, to] of DAMAGED) {
      const probed = whole.probed.replaceAll(from, to);
      const decision = await decided({ ...whole, probed });
      assertEquals(decision === "allow", to === OLD_KERNEL, `${guest.name}: ${to}`);
    }
  }
});

const POWER = "attr power_state s D0";
/** Kernels before 5.11 have no such file: the device is judged as it was. */
const OLD_KERNEL = "attr power_state - not there";
const DAMAGED = [
  [POWER, "attr power_state s D3cold"],
  [POWER, "attr ower_state s D3cold"],
  [POWER, "attr ower_state s D0"],
  [POWER, "attr power_state s "],
  [POWER, "attr power_state s D3col"],
  [POWER, "attr power_state x"],
  [POWER, "attr power_state - cannot be read"],
  [POWER, OLD_KERNEL],
] as const;
