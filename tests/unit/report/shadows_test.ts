import { assert, assertEquals } from "@std/assert";
import {
  type DeviceFacts,
  type DevicePair,
  get16,
  type Migration,
  parseMachine,
  parseQemuVersion,
} from "../../../lib/policy/mod.ts";
import { shadowsOf } from "../../../lib/report/config_shadows.ts";
import { ENDPOINT, VGPU } from "../../cases/pci/space.ts";

const DEVICE: DeviceFacts = {
  address: "0000:3b:00.4",
  config: { kind: "realize", bytes: ENDPOINT },
};

const PAIR: DevicePair = {
  name: "hostdev0",
  guest: { bus: "port", properties: {} },
  source: DEVICE,
  destination: DEVICE,
};

const HOST = { name: "a", qemu: parseQemuVersion("9.2") };

/** Its QEMU has no `skip-vsc-check`. */
const OLD_HOST = { name: "a", qemu: parseQemuVersion("9.0") };

const MIGRATION: Migration = {
  machine: parseMachine("pc-q35-9.1"),
  source: HOST,
  destination: HOST,
  bytesOnly: false,
};

const CASES: Record<
  string,
  {
    readonly pair?: Partial<DevicePair>;
    readonly migration?: Partial<Migration>;
    readonly assumed: readonly string[] | undefined;
  }
> = {
  "all is known": { assumed: [] },
  "the bus is not known": { pair: { guest: { properties: {} } }, assumed: ["bus"] },
  "the machine type is a distribution's": {
    migration: { machine: parseMachine("pc-q35-noble") },
    assumed: ["skip-vsc-check"],
  },
  "the source's QEMU is not known": {
    migration: { source: { name: "a" } },
    assumed: undefined,
  },
  "no bytes are known": {
    pair: { destination: { address: "0000:3b:00.4" } },
    assumed: undefined,
  },
  "64 bytes are known": {
    pair: {
      source: { ...DEVICE, config: { kind: "realize", bytes: ENDPOINT.slice(0, 64) } },
    },
    assumed: undefined,
  },
  "QEMU refuses a property": {
    pair: { guest: { bus: "port", properties: { "skip-vsc-check": "on" } } },
    migration: { source: OLD_HOST, destination: OLD_HOST },
    assumed: undefined,
  },
};

for (const [name, { pair, migration, assumed }] of Object.entries(CASES)) {
  Deno.test(`shadowsOf: ${name}`, () => {
    const shadows = shadowsOf({ ...PAIR, ...pair }, { ...MIGRATION, ...migration });
    assertEquals(shadows?.assumed, assumed);
  });
}

Deno.test("shadowsOf: a virtual function has the ids that the kernel tells", () => {
  const bytes = VGPU.slice();
  bytes.fill(0xff, 0, 4);
  const config = { kind: "sysfs", bytes } as const;
  const source: DeviceFacts = { ...DEVICE, config, vendor: 0x10de, device: 0x1eb8 };
  const shadows = shadowsOf({ ...PAIR, source, destination: source }, MIGRATION);
  assert(shadows !== undefined);
  assertEquals([get16(shadows.source, 0), get16(shadows.source, 2)], [0x10de, 0x1eb8]);
});
