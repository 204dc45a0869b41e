import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { encodeBase64 } from "@std/encoding/base64";
import { encodeHex } from "@std/encoding/hex";
import { deflateSync } from "fflate";
import { parseDomain, parseFacts } from "premigrate";
import {
  readStampMetadata,
  type Stamp,
  STAMP_NAMESPACE,
  StampError,
  type StampMetadata,
  writeOfflineMark,
  writeStamp,
} from "../../../../lib/facts/mod.ts";
import { setMetadata } from "premigrate/domain";
import { withoutNamespace } from "../../../../lib/facts/stamp/stamp.ts";

const GUEST = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";
const TIME = "2026-03-01T12:00:00Z";
const XML = `<domain type='kvm'><name>vm1</name><uuid>${GUEST}</uuid></domain>`;

const STAMP: Stamp = {
  guest: GUEST,
  time: TIME,
  devices: [{ guest: "0000:01:00.0", source: "0000:3b:00.4" }],
  facts: parseFacts(JSON.stringify({
    premigrate: "facts/1",
    host: {
      name: "hosta",
      uuid: "aaaaaaaa-0000-4000-8000-000000000001",
      bootId: "b".repeat(64),
      qemu: "9.1",
    },
    devices: [{
      address: "0000:3b:00.4",
      driver: { name: "mlx5_vfio_pci" },
      config: { view: "realize", source: "vfio-region", hex: "de10".padEnd(8192, "0") },
    }],
  })),
};
const ELEMENT = await writeStamp(STAMP);

function read(...elements: string[]): Promise<StampMetadata> {
  const metadata = `<metadata>${elements.join("")}</metadata>`;
  const { metadataElements } = parseDomain(XML.replace("</uuid>", `</uuid>${metadata}`));
  return readStampMetadata(metadataElements);
}

/** A stamp with this JSON, and the attributes of another. */
async function stampWith(json: string): Promise<string> {
  const bytes = new TextEncoder().encode(json);
  const digest = encodeHex(await crypto.subtle.digest("SHA-256", bytes));
  const text = encodeBase64(deflateSync(bytes));
  return ELEMENT.replace(/digest="\w+">[^<]*/, `digest="${digest}">${text}`);
}

async function jsonWith(changes: Record<string, unknown>): Promise<string> {
  const { facts, ...head } = STAMP;
  const { config: _, ...device } = facts.devices[0] ?? { address: "" };
  const host = { ...facts.host, qemu: "9.1" };
  const json = { premigrate: "stamp/1", ...head, facts: { ...facts, host, devices: [device] } };
  return await stampWith(JSON.stringify({ ...json, ...changes }));
}

Deno.test("a stamp is read as it was written, next to what others keep", async () => {
  assertEquals(await read("<a/>", ELEMENT, "<premigrate/>"), { kind: "stamp", stamp: STAMP });
});

Deno.test("attributes that policies declare are in a stamp, and what is not there too", async () => {
  const attributes = { fw_rev: "7\u00fc", "parent/fw_rev": null, "acme/profile": "a\nb\tc" };
  const missing = { "attributes/hangs": "no answer after 2 seconds" };
  const devices = STAMP.facts.devices.map((device) => ({ ...device, attributes, missing }));
  const stamp = { ...STAMP, facts: { ...STAMP.facts, devices } };
  assertEquals(await read(await writeStamp(stamp)), { kind: "stamp", stamp });
});

Deno.test("a stamp is an element of its own namespace, and ASCII", () => {
  assert(/^<premigrate:stamp xmlns:premigrate="urn:premigrate:stamp" [ -~]*$/.test(ELEMENT));
});

Deno.test("set without its namespace it is what libvirt adds one to", async () => {
  const bare = withoutNamespace(ELEMENT);
  assert(bare.startsWith('<stamp version="1"') && bare.endsWith("</stamp>"), bare);
  const added = bare.replace("<stamp", '<x:stamp xmlns:x="urn:premigrate:stamp"')
    .replace("</stamp>", "</x:stamp>");
  assertEquals(await read(added), { kind: "stamp", stamp: STAMP });
  assertEquals(withoutNamespace(writeOfflineMark(TIME)), `<offline time="${TIME}"/>`);
});

Deno.test("machine types and IOMMU groups are left out", async () => {
  const facts = {
    ...STAMP.facts,
    host: { ...STAMP.facts.host, machineTypes: ["pc-q35-9.1"] },
    devices: STAMP.facts.devices.map((device) => ({ ...device, iommuGroup: "9" })),
  };
  assertEquals(await writeStamp({ ...STAMP, facts }), ELEMENT);
});

Deno.test("the mark of an offline migration", async () => {
  assertEquals(await read(writeOfflineMark(TIME)), { kind: "offline", time: TIME });
  assertEquals(await read(), { kind: "none" });
});

const UNUSABLE: readonly (readonly [
  name: string,
  elements: () => string[] | Promise<string[]>,
  reason: string,
])[] = [
  ["two of ours", () => [ELEMENT, writeOfflineMark(TIME)], "2 elements"],
  ["another element", () => [`<seal xmlns="${STAMP_NAMESPACE}"/>`], "<seal>"],
  ["another version", () => [ELEMENT.replace('version="1"', 'version="2"')], "version 2"],
  ["no version", () => [ELEMENT.replace('version="1"', "")], "version undefined"],
  ["a mark without a time", () => ['<o:offline xmlns:o="urn:premigrate:stamp"/>'], "no time"],
  ["a mark with no such time", () => [writeOfflineMark("yesterday")], "no time"],
  ["no text", () => [ELEMENT.replace(/>[^<]+</, "><")], "not what was written"],
  ["text that is no base64", () => [ELEMENT.replace(/>[^<]/, ">%")], ""],
  ["text that is cut", () => [ELEMENT.replace(/>([^<]{80})[^<]*/, ">$1")], ""],
  ["another digest", () => [ELEMENT.replace(/digest="\w{8}/, 'digest="00000000')], "not what was"],
  ["another host", () => [ELEMENT.replace(/host="\w/, 'host="c')], "attribute host"],
  ["no boot", () => [ELEMENT.replace(/boot="[^"]*"/, "")], "attribute boot"],
  ["another time", () => [ELEMENT.replace("12:00", "12:01")], "attribute time"],
  ["no JSON", async () => [await stampWith("{")], "JSON"],
  ["another JSON", async () => [await stampWith("{}")], "premigrate"],
  ["JSON as deep as it gets", async () => [await stampWith("[".repeat(4_000_000))], ""],
  ["another form", async () => [await jsonWith({ premigrate: "stamp/2" })], "premigrate"],
  ["facts that are none", async () => [await jsonWith({ facts: { host: {} } })], "facts"],
  [
    "a device without facts",
    async () => [await jsonWith({ devices: [{ guest: "0000:01:00.0", source: "0000:99:00.0" }] })],
    "0000:99:00.0",
  ],
  [
    "a guest address twice",
    async () => [await jsonWith({ devices: [...STAMP.devices, ...STAMP.devices] })],
    "a device twice",
  ],
  ["too long a text", () => [ELEMENT.replace(/>[^<]/, `>${"A".repeat(262_145)}`)], "characters"],
];

Deno.test("the changed stamps below are changed in nothing else", async () => {
  const { kind } = await read(await jsonWith({}));
  assertEquals(kind, "stamp");
});

for (const [name, elements, wanted] of UNUSABLE) {
  Deno.test(`unusable: ${name}`, async () => {
    const found = await read(...await elements());
    assert(found.kind === "unusable", found.kind);
    assertStringIncludes(found.reason, wanted);
  });
}

Deno.test("what unpacks to more than any stamp is refused before it is there", async () => {
  const bomb = encodeBase64(deflateSync(new Uint8Array(190 * 1024 * 1024), { level: 9 }));
  const found = await read(ELEMENT.replace(/>[^<]*</, `>${bomb}<`));
  assert(found.kind === "unusable", found.kind);
  assertStringIncludes(found.reason, "unpacks to more than");
});

const UNMADE: readonly (readonly [name: string, stamp: Stamp, problem: string])[] = [
  ["a guest that is no UUID", { ...STAMP, guest: "vm1" }, "guest"],
  ["a time that is none", { ...STAMP, time: "now" }, "time"],
  [
    "a device without facts",
    { ...STAMP, facts: { ...STAMP.facts, devices: [] } },
    "no facts of the device 0000:3b:00.4",
  ],
  [
    "markup for a host's UUID",
    { ...STAMP, facts: { ...STAMP.facts, host: { name: "a", uuid: '"/><x y="' } } },
    "ids of the host",
  ],
  [
    "what is too large",
    {
      ...STAMP,
      facts: {
        ...STAMP.facts,
        host: { ...STAMP.facts.host, kernel: noise(65_000), libvirt: noise(65_000) },
        devices: STAMP.facts.devices.map((device) => ({
          ...device,
          driver: { name: noise(65_000), version: noise(65_000) },
          firmware: { psid: noise(65_000) },
        })),
      },
    },
    "too large",
  ],
];

for (const [name, stamp, problem] of UNMADE) {
  Deno.test(`no stamp is made of ${name}`, async () => {
    const error = await assertRejects(() => writeStamp(stamp), StampError);
    assertStringIncludes(error.message, problem);
  });
}

Deno.test("setMetadata puts a stamp into a domain XML, and takes it out again", () => {
  const set = setMetadata(XML, parseDomain(XML), STAMP_NAMESPACE, ELEMENT);
  assertEquals(
    setMetadata(set, parseDomain(set), STAMP_NAMESPACE, undefined),
    XML.replace("</uuid>", "</uuid><metadata></metadata>"),
  );
});

/** Text that does not pack. */
function noise(length: number): string {
  let seed = 1;
  return Array.from({ length }, () => {
    seed = (seed * 48271) % 2147483647;
    return String.fromCharCode(32 + seed % 90);
  }).join("");
}
