/** What premigrate wrote at bb17a4b of a host with a vGPU, a QAT function and a mediated device. */
import { assert, assertEquals } from "@std/assert";
import { parseDomain, parseFacts, writeFacts } from "premigrate";
import { FactsSchema } from "../../../lib/facts/schema.ts";
import { readStampMetadata } from "../../../lib/facts/stamp/stamp.ts";
import * as v from "valibot";

const FILE = Deno.readTextFileSync("tests/cases/facts/bb17a4b.json");
const XML = Deno.readTextFileSync("tests/cases/stamps/bb17a4b_guest.xml");
const [VGPU, QAT, MDEV] = [
  "0000:3b:00.5",
  "0000:6b:00.1",
  "c0b26072-dd1b-4340-84fe-bf338c510818",
];
const ATTRIBUTES = {
  [VGPU]: {
    "nvidia/creatable_vgpu_types": "557 : NVIDIA A40-1Q\n558 : NVIDIA A40-2Q",
    "nvidia/vgpu_params": "enable_uvm=0",
  },
  [QAT]: { "parent/qat/cfg_services": "sym;asym" },
  [MDEV]: { "nvidia/vgpu_params": "" },
};

Deno.test("a facts file of bb17a4b: all is known that was, and written as now", () => {
  const facts = parseFacts(FILE);
  const known = facts.devices.flatMap(({ address, attributes }) =>
    attributes === undefined ? [] : [[address, attributes]]
  );
  assertEquals(Object.fromEntries(known), ATTRIBUTES);
  const [vgpu] = facts.devices;
  assertEquals([vgpu?.vgpuType, vgpu?.config?.bytes.length], [558, 4096]);
  const written: unknown = JSON.parse(writeFacts(facts));
  assert(v.is(FactsSchema, written));
  assertEquals(parseFacts(writeFacts(facts)), facts);
});

Deno.test("a stamp of bb17a4b: what the guest's devices were is known", async () => {
  const read = await readStampMetadata(parseDomain(XML).metadataElements);
  assert(read.kind === "stamp", JSON.stringify(read));
  const { devices } = read.stamp.facts;
  for (const [address, attributes] of Object.entries(ATTRIBUTES)) {
    const device = devices.find((device) => device.address === address);
    assertEquals(device?.attributes, attributes, address);
  }
});
