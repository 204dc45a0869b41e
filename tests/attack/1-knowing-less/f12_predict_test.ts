/** `predict` says "completed" of nothing that `compare` would not allow by QEMU's own rules (F12). */
import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding/hex";
import fc from "fast-check";
import {
  type DevicePair,
  evaluate,
  parseMachine,
  parseQemuVersion,
  QemuVersionError,
  Registry,
  splitProperties,
} from "premigrate/policy";
import { decide } from "../../../lib/policy/engine.ts";
import { predictLine } from "../../../lib/cli/commands/predict.ts";
import restoreCheck from "../../../plugins/qemu/restore-check/policy.ts";
import { spaceOf } from "../../cases/pci/space.ts";

const HEX = encodeHex(spaceOf({
  0x00: "de 10 b8 1e 06 05 10 00 a1 00 00 03",
  0x34: "60",
  0x60: "05 00 80 00",
}, 256));
const PAIR = { machine: "pc-q35-9.1", source: HEX, destination: HEX };

function predicted(line: Record<string, unknown>): string {
  return predictLine(JSON.stringify({ ...PAIR, ...line })).result;
}

Deno.test("F12: two equal devices complete", () => assertEquals(predicted({}), "completed"));

const DOUBTED: Record<string, Record<string, unknown>> = {
  "MSI-X moved to a BAR": { properties: "x-msix-relocation=bar2" },
  "a BAR of QEMU's choice": { properties: "x-msix-relocation=auto" },
  "an IGD's stolen memory": { properties: "x-igd-gms=1" },
  "the PASID capability's place": { properties: "x-vpasid-cap-offset=0x200", qemu: "11.1" },
  "one unmodelled property among others": { properties: "rombar=0,x-igd-gms=1,multifunction=on" },
  "migration that is off": { properties: "enable-migration=off" },
  "migration that is off in another word": { properties: "rombar=0,enable-migration=n" },
  "migration of a value that QEMU does not know": { properties: "enable-migration=maybe" },
  "machine 11.1 on QEMU 5.2": { machine: "pc-q35-11.1", qemu: "5.2" },
  "machine 9.2 on QEMU 9.1": { machine: "pc-i440fx-9.2", qemu: "9.1.3" },
  "Proxmox's machine 9.2 on QEMU 9.1": { machine: "pc-i440fx-9.2+pve1", qemu: "9.1.3" },
  "virt 10.0 on QEMU 9.2": { machine: "virt-10.0", qemu: "9.2" },
};
for (const [name, line] of Object.entries(DOUBTED)) {
  Deno.test(`F12: predict is undecided: ${name}`, () => {
    const answer = predictLine(JSON.stringify({ ...PAIR, ...line }));
    assertEquals(answer.result, "undecided");
    assert("reason" in answer && answer.reason.length > 10 && !answer.reason.includes("{"));
  });
}

const INVALID: Record<string, Record<string, unknown>> = {
  "machine none": { machine: "none", bus: "root" },
  "machine microvm": { machine: "microvm", bus: "pci" },
  "machine microvm of Proxmox": { machine: "microvm+pve0", bus: "pci" },
  "a version with a word": { qemu: "9.1evil" },
  "a version with a word behind a blank": { qemu: "9.1 evil" },
  "two versions": { qemu: "9.1\n11.0" },
  "half a bracket": { qemu: "9.1 (Debian" },
};
for (const [name, line] of Object.entries(INVALID)) {
  Deno.test(`F12: predict takes no ${name}`, () => assertEquals(predicted(line), "invalid"));
}

Deno.test("F12: of a property that is not known nothing is foretold", () => {
  for (const property of ["foo=bar", "x-no-such-thing=on", "enable_migration=on"]) {
    assertNotEquals(predicted({ properties: property }), "completed", property);
  }
});

Deno.test("F12: a machine of Proxmox VE is the one before the plus sign", () => {
  for (const machine of ["pc-q35-9.2+pve1", "pc-i440fx-10.1+pve0", "pc-i440fx-10.1+pve0.pxe"]) {
    assertEquals(predictLine(JSON.stringify({ ...PAIR, machine })), { result: "completed" });
  }
  const missing = {
    machine: parseMachine("pc-q35-9.2+pve1"),
    source: { name: "a", qemu: parseQemuVersion("10.1.2 (pve-qemu-kvm_10.1.2-3)") },
    destination: {
      name: "b",
      qemu: parseQemuVersion("10.1.2 (pve-qemu-kvm_10.1.2-3)"),
      machineTypes: ["pc-q35-9.2", "q35"],
    },
    bytesOnly: true,
  };
  assertEquals(judge(PAIR, missing).filter(({ code }) => code.startsWith("machine")), []);
});

Deno.test("F12: the reason names what is not modelled", () => {
  const answer = predictLine(JSON.stringify({ ...PAIR, properties: "x-igd-gms=1" }));
  assertStringIncludes("reason" in answer ? answer.reason : "", "x-igd-gms");
});

// What a line tells and two dumps do not.
const KNOWN = ["bar-may-fail", "extended-unknown", "may-fail"];

function judge(
  { source, destination, properties = "" }: {
    readonly source: string;
    readonly destination: string;
    readonly properties?: string;
  },
  migration: Parameters<typeof evaluate>[1],
): ReturnType<typeof evaluate>["findings"] {
  const registry = new Registry();
  registry.use(restoreCheck);
  const side = (address: string, hex: string): DevicePair["source"] => ({
    address,
    config: { kind: "realize", bytes: decodeHex(hex) },
    bars: [8, 8, 0, 0, 0, 0],
  });
  const pair: DevicePair = {
    name: "device",
    guest: { bus: "port", properties: splitProperties(properties) },
    source: side("a", source),
    destination: side("b", destination),
  };
  return evaluate([pair], migration, registry).findings.filter(({ code }) => !KNOWN.includes(code));
}

const config = fc.record({
  noise: fc.array(
    fc.tuple(fc.integer({ min: 0x40, max: 0xff }), fc.integer({ min: 0, max: 255 })),
    {
      maxLength: 3,
    },
  ),
  vendor: fc.constantFrom("de10", "8680", "ffff"),
  list: fc.constantFrom("60", "00"),
}).map(({ noise, vendor, list }) => {
  const bytes = decodeHex(HEX);
  bytes.set(decodeHex(vendor));
  bytes.set(decodeHex(list), 0x34);
  for (const [at, value] of noise) bytes[at] = value;
  return encodeHex(bytes);
});

Deno.test("F12: predict never completes what compare does not allow", () => {
  let completed = 0;
  fc.assert(
    fc.property(
      fc.record({
        source: config,
        destination: fc.option(config, { nil: undefined }),
        machine: fc.constantFrom(
          ...["pc-q35-9.0", "pc-q35-9.1", "pc-q35-11.1", "pc-i440fx-10.1+pve0", "virt-9.2"],
          ...["q35", "none", "microvm", "pc-q35-noble", "mine"],
        ),
        qemu: fc.constantFrom("5.2", "8.1", "9.1", "9.1evil", "10.2.1", "11.1.3", "12.0"),
        property: fc.constantFrom(
          ...["", "", "", "rombar=0", "foo=bar", "x-igd-gms=1", "x-msix-relocation=bar1"],
          ...["skip-vsc-check=on", "skip-vsc-check=maybe", "ats=off", "x-pci-vendor-id=0xffff"],
        ),
      }),
      ({ source, destination = source, machine, qemu, property: properties }) => {
        const line = { machine, qemu, properties, source, destination, bus: "port" };
        if (predictLine(JSON.stringify(line)).result !== "completed") return;
        completed++;
        try {
          const version = parseQemuVersion(qemu);
          const findings = judge(line, {
            machine: parseMachine(machine),
            source: { name: "a", qemu: version },
            destination: { name: "b", qemu: version },
            bytesOnly: true,
          });
          assertEquals(decide(findings), "allow", JSON.stringify({ line, findings }));
        } catch (error) {
          assert(!(error instanceof QemuVersionError), `${qemu} is no version`);
          throw error;
        }
      },
    ),
    { numRuns: 3000 },
  );
  assert(completed > 40, `${completed} completed`);
});
