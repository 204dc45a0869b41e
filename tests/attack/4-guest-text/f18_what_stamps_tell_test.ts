/** F18: a stamp, which everybody may read, told who its host is, also of guests without devices. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { decodeBase64 } from "@std/encoding/base64";
import { inflateSync } from "fflate";
import { type CapturedHost, type Facts, parseDomain, parseFacts } from "premigrate";
import {
  readStampMetadata,
  type Stamp,
  STAMP_NAMESPACE,
  writeStamp,
} from "../../../lib/facts/mod.ts";
import { setMetadata } from "premigrate/domain";
import { keyIds } from "../../../lib/facts/probe/host_ids.ts";
import { makeStamp } from "../../../lib/facts/stamp/stamp_guest.ts";
import { doubtStamp } from "../../../lib/hook/stamp_validity.ts";
import { askFakes, running } from "../../helpers/fake_virsh.ts";
import { readAsBefore } from "./bb17a4b_reader.ts";

const GUEST = "4dea22b3-1d52-48f3-a516-782e98ab3fa0";
const OTHER_GUEST = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";
const PLACE = { guest: "0000:01:00.0", source: "0000:3b:00.4" };
const XML = `<domain type='kvm'><name>vm1</name><uuid>${GUEST}</uuid><devices>
  <controller type='pci' index='1' model='pcie-root-port'/>
  <hostdev mode='subsystem' type='pci' managed='no'>
    <source><address domain='0x0000' bus='0x3b' slot='0x00' function='0x4'/></source>
    <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
  </hostdev></devices></domain>`;
const BEFORE = Deno.readTextFileSync("tests/cases/stamps/bb17a4b.xml").trim();

const SECRETS = {
  machineId: "5d1f6a2b9c3e4f70812a3b4c5d6e7f80",
  bootId: "0b7c8f54-92a3-4ab1-8d1b-2e6d1c9a7f35",
  emulator: "/opt/qemu-secret/bin/qemu-system-x86_64",
  modules: "zfs-secret",
  iommuGroup: "secret-57",
  parent: "secret-parent",
  powerState: "secret-state",
  resetMethods: "secret-reset",
  vpd: "5ec7e7",
  note: "secret note",
};

/** Every fact that a host has, as the probe brings them. */
const FACTS: Facts = parseFacts(JSON.stringify({
  premigrate: "facts/1",
  note: SECRETS.note,
  host: {
    name: "hosta",
    time: "2026-03-01T12:00:00Z",
    qemu: "9.1.2",
    libvirt: "10.7.0",
    uuid: "4c4c4544-0034-4d10-8051-b5c04f4b5631",
    kernel: "6.8.0-40-generic",
    nvidiaDriver: "550.54.16",
    machineTypes: ["pc-q35-9.1"],
    skipVscCheck: { "pc-q35-9.1": true },
    emulator: SECRETS.emulator,
    bootId: SECRETS.bootId,
    machineId: SECRETS.machineId,
    modules: { [SECRETS.modules]: "1" },
    missing: { nvidiaDriver: "not there" },
  },
  devices: [{
    address: PLACE.source,
    source: "sysfs",
    vendor: "0x10de",
    device: "0x2235",
    class: "0x030200",
    bars: [16777216, 268435456, 0, 33554432, 0, 0],
    romSize: 0,
    driver: { name: "nvidia", version: "550.54.16" },
    managedDriver: "nvidia_vgpu_vfio",
    numaNode: 1,
    inUse: true,
    vgpuType: 558,
    vgpuCreatable: [{ id: 558, name: "NVIDIA A40-8Q" }],
    vgpuParams: "x=1",
    migration: { offered: true, features: ["stop-copy"] },
    firmware: { version: "1", psid: "2" },
    qatServices: "sym",
    attributes: { fw_rev: "7", none: null },
    missing: { managedDriver: "no alias" },
    config: { view: "realize", source: "vfio-region", hex: "de10".padEnd(512, "0") },
    skipVscCheck: true,
    vfIndex: 3,
    iommuGroup: SECRETS.iommuGroup,
    parent: SECRETS.parent,
    powerState: SECRETS.powerState,
    resetMethods: [SECRETS.resetMethods],
    vpd: SECRETS.vpd,
  }],
}));
const STAMP: Stamp = {
  guest: GUEST,
  time: "2026-03-01T12:00:00Z",
  devices: [PLACE],
  facts: FACTS,
};

async function readElement(element: string): Promise<Stamp> {
  const xml = setMetadata(XML, parseDomain(XML), STAMP_NAMESPACE, element);
  const read = await readStampMetadata(parseDomain(xml).metadataElements);
  assert(read.kind === "stamp", JSON.stringify(read));
  return read.stamp;
}

function readAsBb17a4b(element: string): ReturnType<typeof readAsBefore> {
  const xml = setMetadata(XML, parseDomain(XML), STAMP_NAMESPACE, element);
  const [found] = parseDomain(xml).metadataElements;
  assert(found !== undefined);
  return readAsBefore(found);
}

/** All that anybody can read in it. */
function plainText(element: string): string {
  const packed = /">([^<]+)</.exec(element)?.[1] ?? "";
  return element + new TextDecoder().decode(inflateSync(decodeBase64(packed)));
}

Deno.test("F18: a stamp holds neither the host's ids nor what no policy is given", async () => {
  const text = plainText(await writeStamp(STAMP));
  const told = Object.values(SECRETS).filter((secret) => text.includes(secret));
  assertEquals(told, []);
  for (const name of ["machineTypes", "vfIndex", "emulator", "modules"]) {
    assert(!text.includes(name), name);
  }
});

Deno.test("F18: ids are keyed by the guest: two guests of one host have nothing in common", async () => {
  const [here, again, other] = await Promise.all(
    [GUEST, GUEST, OTHER_GUEST].map(async (guest) => {
      const { facts: { host } } = await readElement(await writeStamp({ ...STAMP, guest }));
      return [host.machineId, host.bootId];
    }),
  );
  assertEquals(here, again);
  const all = [...here ?? [], ...other ?? []];
  assertEquals(new Set(all).size, 4);
  for (const id of all) assert(/^[0-9a-f]{64}$/.test(id ?? ""), id);
});

Deno.test("F18: a keyed id is HMAC-SHA-256, as openssl makes it", async () => {
  // printf GUEST | openssl dgst -sha256 -hmac MACHINE-ID
  const { machineId } = await keyIds({ name: "a", machineId: SECRETS.machineId }, GUEST);
  assertEquals(machineId, "a0e62c875208a98effa1442038e49a8ef322dabcd8b16937bd030edb4fbbda62");
});

Deno.test("F18: what a verdict may need is carried", async () => {
  const { facts: { host, devices } } = await readElement(await writeStamp(STAMP));
  const { machineTypes: _, emulator: __, modules: ___, ...kept } = FACTS.host;
  assertEquals(host, await keyIds(kept, GUEST));
  const left = ["iommuGroup", "parent", "vfIndex", "powerState", "resetMethods", "skipVscCheck"];
  const lean = (facts: readonly object[]): unknown[] =>
    facts.map((facts) =>
      Object.entries(facts).filter(([name]) => ![...left, "vpd"].includes(name)).sort()
    );
  assertEquals(lean(devices), lean(FACTS.devices));
  assertEquals(lean(devices).flat().length, Object.keys(devices[0] ?? {}).length);
});

Deno.test("F18: bb17a4b reads our stamps", async () => {
  const element = await writeStamp(STAMP);
  const { facts, devices, guest } = await readAsBb17a4b(element);
  assertEquals([devices, guest], [[PLACE], GUEST]);
  assertEquals([facts.host.name, facts.host.kernel], ["hosta", FACTS.host.kernel]);
  assertEquals(facts.devices[0]?.config?.hex, "de10".padEnd(512, "0"));
});

Deno.test("F18: a stamp of bb17a4b is read, and its ids are keyed then", async () => {
  await readAsBb17a4b(BEFORE);
  const stamp = await readElement(BEFORE);
  const keyed = await keyIds({ name: "", ...idsOf(SECRETS) }, GUEST);
  assertEquals(idsOf(stamp.facts.host), idsOf(keyed));
  assertNotEquals(stamp.facts.host.bootId, SECRETS.bootId);
  assertEquals(stamp.facts.devices.map(({ address }) => address), [PLACE.source]);
  assertEquals(stamp.facts.note, undefined);
});

function idsOf({ machineId, bootId }: Pick<CapturedHost, "machineId" | "bootId">): {
  readonly machineId: string | undefined;
  readonly bootId: string | undefined;
} {
  return { machineId, bootId };
}

Deno.test("F18: the host that made a stamp is still known by it, of bb17a4b too", async () => {
  const { host } = FACTS;
  for (const element of [BEFORE, await writeStamp(STAMP)]) {
    const stamp = await readElement(element);
    const terms = {
      uuid: GUEST,
      devices: [PLACE],
      now: Date.parse(STAMP.time),
      maxAge: 900,
    };
    const doubt = async (changes: Partial<CapturedHost>): Promise<string | undefined> => {
      const here = await keyIds({ ...host, ...changes }, GUEST);
      return doubtStamp(stamp, { ...terms, host: here })?.code;
    };
    assertEquals(await doubt({}), "stamp-of-destination");
    assertEquals(await doubt({ uuid: undefined }), "stamp-of-destination");
    assertEquals(await doubt({ uuid: undefined, bootId: "x" }), "stamp-of-destination");
    assertEquals(await doubt({ uuid: OTHER_GUEST, bootId: "x" }), undefined);
    const other = { uuid: undefined, bootId: "x", machineId: "y" };
    assertEquals(await doubt(other), undefined);
  }
});

Deno.test("F18: an agent goes on from a stamp of bb17a4b of its own host and boot", async () => {
  const old = { kind: "stamp" as const, stamp: await readElement(BEFORE) };
  const guest = parseDomain(XML);
  const made = {
    guest,
    facts: FACTS,
    time: "2026-03-01T13:00:00Z",
    origin: { kind: "started" as const, since: new Date("2026-03-01T11:00:00Z") },
    old,
    start: undefined,
  };
  const { facts: { devices } } = await makeStamp(made);
  assertEquals(devices[0]?.config?.bytes, old.stamp.facts.devices[0]?.config?.bytes);
  const rebooted = { ...FACTS, host: { ...FACTS.host, bootId: "another" } };
  const anew = await makeStamp({ ...made, facts: rebooted });
  assertEquals(anew.facts.devices[0]?.config?.bytes, FACTS.devices[0]?.config?.bytes);
});

Deno.test("F18: reasons in a stamp are few and short, whoever wrote it", async () => {
  const many = Object.fromEntries(
    Array.from({ length: 3000 }, (_, n) => [`reason${n}`, "\u202e".repeat(20) + "x".repeat(600)]),
  );
  const facts = {
    ...FACTS,
    host: { ...FACTS.host, missing: many },
    devices: FACTS.devices.map((device) => ({ ...device, missing: many })),
  };
  const { facts: { host, devices } } = await readElement(await writeStamp({ ...STAMP, facts }));
  for (const { missing = {} } of [host, ...devices]) {
    assertEquals(Object.keys(missing).length, 64);
    assert(Object.values(missing).every((why) => /^x{297}\.\.\.$/.test(why)));
  }
});

const BARE = XML.replace(/<hostdev[^]*<\/hostdev>/, "");
const DUMMY = "<p:stamp xmlns:p='urn:premigrate:stamp'/>";

for (
  const [name, element, commands] of [
    ["a dummy is taken out", DUMMY, 1],
    ["a stamp of devices that were unplugged is taken out", BEFORE, 1],
    ["nothing of ours: nothing is done", "", 0],
  ] as const
) {
  Deno.test(`F18: a guest without devices gets no stamp; ${name}`, async () => {
    const xml = element === ""
      ? BARE
      : setMetadata(BARE, parseDomain(BARE), STAMP_NAMESPACE, element);
    const host = {
      ...running({ [GUEST]: xml }),
      metadata: `printf 'metadata %s\\n' "$*" >>"\${0%/*}/../runs"`,
    };
    const request = { what: "stamp", runner: "sh", arrival: { xml, now: 0 } };
    const { result, runs } = await askFakes({ localhost: host }, request);
    assertEquals(result, { outcomes: [commands === 0 ? "no-devices" : "removed"] });
    const set = runs.filter((run) => run.startsWith("metadata"));
    assertEquals(
      set,
      Array(commands).fill(
        `metadata --domain ${GUEST} --uri urn:premigrate:stamp --live --remove`,
      ),
    );
  });
}
