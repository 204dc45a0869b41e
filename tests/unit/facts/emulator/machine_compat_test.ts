import { assertEquals } from "@std/assert";
import {
  type MachineCompat,
  parseMachineCompat,
} from "../../../../lib/facts/emulator/machine_compat.ts";

function read(name: string): string {
  return Deno.readTextFileSync(`tests/cases/libvirt/${name}`);
}

function property(type: string, value: string): Record<string, string> {
  return { "qom-type": type, property: "skip-vsc-check", value };
}

function reply(properties: unknown, rest: Record<string, string> = {}): string {
  return JSON.stringify({ return: [{ name: "m", "compat-props": properties, ...rest }] });
}

const OLD = "QEMU tells no compat properties, as before 9.1: ";
const NONE = "QEMU's reply tells no compat properties";
const NO_REPLY = "it is no reply to query-machines";

const CASES: readonly (readonly [name: string, reply: string, wanted: MachineCompat])[] = [
  ["QEMU 10.0, recorded and cut", read("query_machines_10.0.json"), {
    skipVscCheck: {
      "pc-q35-9.1": true,
      "none": true,
      "pc-q35-10.0": true,
      "pc-q35-9.0": false,
      "pc-i440fx-9.0": false,
      "microvm": true,
    },
  }],
  ["QEMU 7.2, recorded", read("query_machines_7.2.json"), {
    missing: `${OLD}Parameter 'compat-props' is unexpected`,
  }],
  ["the last of several", reply([property("vfio-pci", "off"), property("vfio-pci", "on")]), {
    skipVscCheck: { m: true },
  }],
  ["a property of the base type", reply([property("vfio-pci-device", "no")]), {
    skipVscCheck: { m: false },
  }],
  ["a property of another type", reply([property("vfio-ccw", "off")]), {
    skipVscCheck: { m: true },
  }],
  [
    "one that the variant shares",
    reply([property("vfio-pci", "n"), property("vfio-pci-nohotplug", "false")]),
    {
      skipVscCheck: { m: false },
    },
  ],
  ["one for the variant only", reply([property("vfio-pci-nohotplug", "false")]), { missing: NONE }],
  ["no truth value", reply([property("vfio-pci", "auto")]), { missing: NONE }],
  ["a machine without the list", reply(undefined), { missing: NONE }],
  ["a machine with an alias, which means another one to each QEMU", reply([], { alias: "q35" }), {
    skipVscCheck: { m: true },
  }],
  ["no machines", '{"return":[]}', { missing: NONE }],
  ["another reply", '{"return":{"qemu":{"major":10}}}', { missing: NO_REPLY }],
  ["an event", '{"event":"SHUTDOWN"}', { missing: NO_REPLY }],
  ["no JSON", "qemu-system-x86_64: error", { missing: NO_REPLY }],
  ["nothing", "", { missing: NO_REPLY }],
  ["too much", " ".repeat(17 * 1024 * 1024) + reply([]), { missing: NO_REPLY }],
];

Deno.test("parseMachineCompat() reads", async (t) => {
  for (const [name, text, wanted] of CASES) {
    await t.step(name, () => assertEquals(parseMachineCompat(text), wanted));
  }
});
