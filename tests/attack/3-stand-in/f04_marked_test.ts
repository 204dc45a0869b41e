/** Bytes of another device are known as such by all that judge or show them, and prove nothing. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Facts } from "premigrate";
import { readQuestion, writeQuestion } from "../../../lib/plugin/message.ts";
import { QemuVersion, Registry } from "../../../lib/policy/mod.ts";
import type { DetailedAnswer } from "premigrate/policy";
import { deviceFacts } from "../../../lib/report/device_facts.ts";
import { sitePolicy } from "../../../lib/site/policy.ts";
import { judge } from "premigrate/policy";
import restoreCheck from "../../../plugins/qemu/restore-check/policy.ts";
import { afterOpening, configSpace, HOST, mediated, type Shape } from "./stand_ins.ts";

const MDEV = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";
const OTHER = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a02";

/** A host on which one of the kind was opened; the guest's own device, or that of the other side, was not. */
function standIn(shape: Shape): Promise<Facts> {
  return afterOpening(mediated(OTHER), configSpace(shape), mediated(MDEV));
}

/** A host on which the device itself was opened. */
function opened(shape: Shape): Facts {
  const config = { kind: "realize", bytes: configSpace(shape), source: "vfio-region" } as const;
  const bars = [0x100000, 0, 0, 0, 0, 0];
  const devices = [{ ...mediated(MDEV), config, bars, romSize: 0 }];
  return { premigrate: "facts/1", host: HOST, devices };
}

function ask(source: Facts, destination: Facts, registry: Registry): DetailedAnswer {
  const host = { qemu: new QemuVersion(10, 0, 0), machineTypes: ["pc-q35-9.0"] };
  return judge({
    registry,
    source: { ...source, host: { ...host, name: "hosta", uuid: "a" } },
    destination: {
      ...destination,
      host: { ...host, name: "hostb", uuid: "b" },
      // Free again, since.
      devices: destination.devices.map((device) => ({ ...device, inUse: false })),
    },
    machine: "pc-q35-9.0",
  });
}

const SAME: Shape = { serial: 7 };
const OTHERS: readonly (readonly [name: string, shape: Shape])[] = [
  ["MSI-X vectors", { ...SAME, vectors: 32 }],
  ["a capability's place", { ...SAME, msixAt: 0xb0 }],
  ["way to be reset (PCIe)", { ...SAME, express: 0x42 }],
];

for (const side of ["source", "destination"] as const) {
  const place = async (shape: Shape): Promise<[Facts, Facts]> =>
    side === "source" ? [await standIn(shape), opened(SAME)] : [opened(SAME), await standIn(shape)];
  const codes = async (shape: Shape): Promise<string[]> => {
    const [source, destination] = await place(shape);
    const registry = new Registry().use(restoreCheck);
    const { verdict } = ask(source, destination, registry);
    return [verdict.decision, ...verdict.findings.map(({ code }) => code)];
  };

  Deno.test(`a stand-in on the ${side}: equal bytes are as expected, not certain`, async () => {
    const [decision, ...found] = await codes(SAME);
    assertEquals([decision, found.includes("will-pass")], ["allow", false]);
    assertEquals(found.includes("as-expected"), true);
  });

  for (const [name, shape] of OTHERS) {
    Deno.test(`a stand-in on the ${side}: another's ${name} is no veto, and no allow`, async () => {
      const [decision] = await codes(shape);
      assertEquals(decision, "undecided");
    });
  }

  Deno.test(`a stand-in on the ${side}: told to plugins, and shown`, async () => {
    const [source, destination] = await place(SAME);
    const { pairs: [pair], migration } = ask(source, destination, new Registry());
    if (pair === undefined) throw new Error("there is no pair");
    const told = readQuestion(JSON.parse(JSON.stringify(writeQuestion({ pair, migration }))));
    assertEquals(told.pair?.[side].config?.derived, true);
    const other = side === "source" ? "destination" : "source";
    assertEquals(told.pair?.[other].config?.derived, undefined);
    const shown = deviceFacts(pair).find(({ name }) => name === "Config space");
    assertStringIncludes(shown?.[side] ?? "", "of another device of its kind");
  });

  Deno.test(`a stand-in on the ${side}: its ids meet no wish of the site's`, async () => {
    const [source, destination] = await place(SAME);
    const site = sitePolicy("ids", {
      title: "ids are known",
      severity: "veto",
      message: "It has none",
      remedy: "Find it out.",
      match: {},
      require: [{ fact: "device", is: "present", side }],
    });
    const { verdict } = ask(source, destination, new Registry().use(site));
    assertEquals(verdict.findings.map(({ code }) => code), ["not-known"]);
  });
}
