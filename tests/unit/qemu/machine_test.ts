import { assertEquals } from "@std/assert";
import {
  hasExpressRoot,
  isMachineTooNew,
  type Machine,
  machineSkipsVscCheck,
  parseMachine,
  parseQemuVersion,
  resolveAlias,
} from "premigrate/policy";

const NAMES:
  readonly (readonly [name: string, Machine["family"], Machine["version"], express: boolean])[] = [
    ["pc-q35-9.0", "q35", { major: 9, minor: 0 }, true],
    ["pc-q35-10.2", "q35", { major: 10, minor: 2 }, true],
    ["pc-i440fx-7.2", "i440fx", { major: 7, minor: 2 }, false],
    ["virt-9.1", "virt", { major: 9, minor: 1 }, true],
    ["pseries-8.1", "pseries", { major: 8, minor: 1 }, false],
    ["s390-ccw-virtio-9.2", "s390-ccw", { major: 9, minor: 2 }, false],
    ["pc-q35-4.0.1", "q35", { major: 4, minor: 0 }, true],
    // Aliases follow the binary.
    ["q35", "q35", "newest", true],
    ["pc", "i440fx", "newest", false],
    ["virt", "virt", "newest", true],
    ["pseries", "pseries", "newest", false],
    ["s390-ccw-virtio", "s390-ccw", "newest", false],
    ["microvm", "other", "newest", false],
    ["none", "other", "newest", false],
    // Distributions' own.
    ["pc-q35-rhel9.4.0", "q35", "unknown", true],
    ["pc-q35-noble", "q35", "unknown", true],
    ["pc-i440fx-jammy-hpb", "i440fx", "unknown", false],
    ["virt-rhel9.6.0", "virt", "unknown", true],
    ["pseries-rhel8.6.0", "pseries", "unknown", false],
    ["pc-q35-9", "q35", "unknown", true],
    ["pc-q35-9.0.", "q35", "unknown", true],
    ["pc-q35-9.0.1", "q35", "unknown", true],
    ["pc-q35-14.0.1", "q35", "unknown", true],
    ["pc-q35-9.0x", "q35", "unknown", true],
    ["pc-q35-", "q35", "unknown", true],
    ["xenfv", "other", "unknown", false],
    ["Q35", "other", "unknown", false],
    ["toString", "other", "unknown", false],
    ["", "other", "unknown", false],
  ];
for (const [name, family, version, express] of NAMES) {
  Deno.test(`parseMachine: ${JSON.stringify(name)}`, () => {
    const machine = parseMachine(name);
    assertEquals(machine, { name, type: name, family, version });
    assertEquals(hasExpressRoot(machine), express);
  });
}

const PROXMOX: readonly (readonly [name: string, type: string, version: Machine["version"]])[] = [
  ["pc-q35-9.2+pve1", "pc-q35-9.2", { major: 9, minor: 2 }],
  ["pc-i440fx-10.1+pve0", "pc-i440fx-10.1", { major: 10, minor: 1 }],
  ["pc-i440fx-10.1+pve0.pxe", "pc-i440fx-10.1", { major: 10, minor: 1 }],
  ["pc-q35-4.0.1+pve12", "pc-q35-4.0.1", { major: 4, minor: 0 }],
  ["virt-9.1+pve0", "virt-9.1", { major: 9, minor: 1 }],
  ["q35+pve0", "q35", "newest"],
  ["pc-q35-noble+pve0", "pc-q35-noble", "unknown"],
  // Nobody's.
  ["pc-q35-9.2+", "pc-q35-9.2+", "unknown"],
  ["pc-q35-9.2+pve", "pc-q35-9.2+pve", "unknown"],
  ["pc-q35-9.2+pve1x", "pc-q35-9.2+pve1x", "unknown"],
  ["pc-q35-9.2+pve1+pve2", "pc-q35-9.2+pve1", "unknown"],
  ["pc-q35-9.2.pxe", "pc-q35-9.2.pxe", "unknown"],
];
for (const [name, type, version] of PROXMOX) {
  Deno.test(`parseMachine: Proxmox VE: ${name}`, () => {
    const machine = parseMachine(name);
    assertEquals([machine.name, machine.type, machine.version], [name, type, version]);
  });
}

const SKIPS: readonly (readonly [machine: string, qemu: string, skips: boolean | undefined])[] = [
  ["pc-q35-9.0", "11.1", false],
  ["pc-q35-9.1", "11.1", true],
  ["pc-q35-10.0", "11.1", true],
  ["pc-q35-7.2", "9.1", false],
  ["pc-i440fx-9.0", "9.1", false],
  ["pc-i440fx-9.2", "9.2", true],
  ["virt-9.0", "10.0", false],
  ["virt-9.1", "10.0", true],
  ["pseries-9.0", "9.2", false],
  ["s390-ccw-virtio-9.1", "9.2", true],
  ["microvm", "9.1", true],
  ["q35", "9.1", true],
  // Before 9.1 there is no such property.
  ["pc-q35-9.0", "9.0", false],
  ["q35", "9.0.4", false],
  ["pc-q35-noble", "8.2", false],
  ["unheard-of", "8.2", false],
  // Only the binary knows a distribution's compat.
  ["pc-q35-noble", "9.1", undefined],
  ["pc-q35-rhel9.4.0", "9.1", undefined],
  ["unheard-of", "9.1", undefined],
];
for (const [machine, qemu, skips] of SKIPS) {
  Deno.test(`machineSkipsVscCheck: ${machine} on ${qemu}: ${skips}`, () => {
    assertEquals(machineSkipsVscCheck(parseMachine(machine), parseQemuVersion(qemu)), skips);
  });
}

const TOO_NEW: readonly (readonly [machine: string, qemu: string, tooNew: boolean])[] = [
  ["pc-q35-9.1", "9.0", true],
  ["pc-q35-9.1", "9.1", false],
  ["pc-q35-9.1", "9.1.2", false],
  ["pc-q35-9.1", "9.0.50", false],
  ["pc-q35-10.0", "9.2", true],
  ["q35", "5.2", false],
  ["pc-q35-noble", "5.2", false],
];
for (const [machine, qemu, tooNew] of TOO_NEW) {
  Deno.test(`isMachineTooNew: ${machine} on ${qemu}: ${tooNew}`, () => {
    assertEquals(isMachineTooNew(parseMachine(machine), parseQemuVersion(qemu)), tooNew);
  });
}

const ALIASES: readonly (readonly [
  machine: string,
  qemu: string | undefined,
  name: string,
  Machine["version"],
])[] = [
  ["q35", "9.0.2", "pc-q35-9.0", { major: 9, minor: 0 }],
  ["pc", "10.1", "pc-i440fx-10.1", { major: 10, minor: 1 }],
  ["virt", "9.0.50", "virt-9.1", { major: 9, minor: 1 }],
  ["pseries", "9.1", "pseries-9.1", { major: 9, minor: 1 }],
  ["s390-ccw-virtio", "9.1", "s390-ccw-virtio-9.1", { major: 9, minor: 1 }],
  // Which QEMU started the guest is not known, so neither is what the alias stood for.
  ["q35", undefined, "q35", "unknown"],
  // No aliases.
  ["pc-q35-8.2", "9.1", "pc-q35-8.2", { major: 8, minor: 2 }],
  ["pc-q35-noble", "9.1", "pc-q35-noble", "unknown"],
  ["microvm", "9.1", "microvm", "newest"],
];
for (const [machine, qemu, name, version] of ALIASES) {
  Deno.test(`resolveAlias: ${machine} started by ${qemu ?? "an unknown QEMU"}`, () => {
    const resolved = resolveAlias(
      parseMachine(machine),
      qemu === undefined ? undefined : parseQemuVersion(qemu),
    );
    assertEquals([resolved.name, resolved.version], [name, version]);
    assertEquals(resolved.family, parseMachine(machine).family);
  });
}
