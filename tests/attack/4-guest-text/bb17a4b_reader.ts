/**
 * What premigrate at bb17a4b wants of a stamp: its strict objects, frozen. Values are looked at only
 * where a newer writer might write others.
 */
import { decodeBase64 } from "@std/encoding/base64";
import { encodeHex } from "@std/encoding/hex";
import type { MetadataElement } from "premigrate/domain";
import { inflateSync } from "fflate";
import * as v from "valibot";

const any = v.optional(v.unknown());
const Text = v.optional(v.pipe(v.string(), v.maxLength(65_536)));
const Missing = v.optional(v.record(v.pipe(v.string(), v.nonEmpty()), v.string()));
const Source = v.picklist([
  "vfio-region",
  "sysfs",
  "nodedev",
  "ecam",
  "lspci",
  "stamp",
  "composed",
]);

const Device = v.strictObject({
  address: v.string(),
  config: v.optional(v.strictObject({
    view: v.picklist(["realize", "sysfs", "guest"]),
    source: Source,
    derived: v.optional(v.boolean()),
    time: any,
    hex: v.pipe(v.string(), v.regex(/^[0-9a-f]+$/)),
  })),
  vendor: Text,
  device: Text,
  class: Text,
  bars: any,
  romSize: any,
  driver: v.optional(v.strictObject({ name: v.string(), version: Text })),
  mdevType: v.optional(
    v.strictObject({ id: v.string(), name: Text, description: Text, availableInstances: any }),
  ),
  source: v.optional(Source),
  managedDriver: Text,
  numaNode: any,
  inUse: v.optional(v.boolean()),
  skipVscCheck: v.optional(v.boolean()),
  iommuGroup: Text,
  parent: Text,
  vfIndex: any,
  powerState: Text,
  resetMethods: any,
  vgpuType: any,
  vgpuCreatable: v.optional(v.array(v.strictObject({ id: v.number(), name: v.string() }))),
  vgpuParams: Text,
  nvml: any,
  migration: v.optional(
    v.strictObject({ offered: v.boolean(), features: v.optional(v.array(v.string())) }),
  ),
  firmware: v.optional(v.strictObject({ version: Text, psid: Text })),
  qatServices: Text,
  vpd: Text,
  attributes: any,
  missing: Missing,
});

const Stamp = v.strictObject({
  premigrate: v.literal("stamp/1"),
  guest: v.string(),
  time: v.string(),
  devices: v.array(v.strictObject({ guest: v.string(), source: v.string() })),
  facts: v.strictObject({
    premigrate: v.literal("facts/1"),
    note: v.optional(v.string()),
    host: v.strictObject({
      name: v.string(),
      time: any,
      machineTypes: any,
      uuid: Text,
      libvirt: Text,
      emulator: Text,
      kernel: Text,
      bootId: Text,
      machineId: Text,
      nvidiaDriver: Text,
      modules: any,
      missing: Missing,
      qemu: Text,
      skipVscCheck: any,
    }),
    devices: v.array(Device),
  }),
});

/** The stamp as bb17a4b reads it; throws where it would call it unusable. */
export async function readAsBefore(
  { namespace, name, attributes, text }: MetadataElement,
): Promise<v.InferOutput<typeof Stamp>> {
  if (namespace !== "urn:premigrate:stamp" || name !== "stamp") throw new Error(`<${name}>`);
  if (attributes["version"] !== "1") throw new Error("another version");
  const bytes = new Uint8Array(inflateSync(decodeBase64(text.trim())));
  const digest = encodeHex(await crypto.subtle.digest("SHA-256", bytes));
  if (attributes["digest"] !== digest) throw new Error("it is not what was written");
  const stamp = v.parse(Stamp, JSON.parse(new TextDecoder().decode(bytes)));
  const { uuid, bootId } = stamp.facts.host;
  for (const id of [uuid, bootId]) {
    if (id !== undefined && !/^[0-9A-Za-z._:-]{1,64}$/.test(id)) throw new Error(`the id ${id}`);
  }
  for (const [name, value] of Object.entries({ host: uuid, boot: bootId, time: stamp.time })) {
    if (attributes[name] !== value) throw new Error(`the attribute ${name}`);
  }
  return stamp;
}
