import { assertEquals } from "@std/assert";
import {
  type DeviceFacts,
  type HostFacts,
  identify,
  type Identity,
  parseMachine,
  parseQemuVersion,
  skipsVscCheck,
} from "premigrate/policy";
import { spaceOf } from "../../cases/pci/space.ts";

const BYTES = spaceOf({ 0x00: "de 10 b8 1e", 0x08: "a1 01 02 03" });
const VF = spaceOf({ 0x00: "ff ff ff ff", 0x08: "a1 01 02 03" });

function viewOf(bytes: Uint8Array): Pick<DeviceFacts, "config"> {
  return { config: { kind: "sysfs", bytes } };
}

const UNKNOWN: Identity = { vendor: undefined, device: undefined, class: undefined };
const IDENTITIES: readonly (readonly [name: string, Omit<DeviceFacts, "address">, Identity])[] = [
  ["nothing is known", {}, UNKNOWN],
  ["its bytes", viewOf(BYTES), { vendor: 0x10de, device: 0x1eb8, class: 0x030201 }],
  ["the header alone", viewOf(BYTES.subarray(0, 64)), {
    vendor: 0x10de,
    device: 0x1eb8,
    class: 0x030201,
  }],
  ["less than a header", viewOf(BYTES.subarray(0, 63)), UNKNOWN],
  ["no bytes", viewOf(new Uint8Array(0)), UNKNOWN],
  ["a virtual function's bytes", viewOf(VF), UNKNOWN],
  ["a virtual function the kernel knows", { ...viewOf(VF), vendor: 0x15b3, device: 0x101e }, {
    vendor: 0x15b3,
    device: 0x101e,
    class: undefined,
  }],
  ["facts alone", { vendor: 0x8086, class: 0x020000 }, {
    vendor: 0x8086,
    device: undefined,
    class: 0x020000,
  }],
  ["facts come before bytes", { ...viewOf(BYTES), device: 0, class: 0 }, {
    vendor: 0x10de,
    device: 0,
    class: 0,
  }],
];
for (const [name, facts, identity] of IDENTITIES) {
  Deno.test(`identify: ${name}`, () => {
    assertEquals(identify({ address: "0000:3b:00.4", ...facts }), identity);
  });
}

interface SkipCase {
  readonly machine?: string;
  readonly source?: string;
  readonly destination?: string;
  readonly properties?: Readonly<Record<string, string>>;
  /** What the destination's QEMU says of its machine types. */
  readonly compat?: Readonly<Record<string, boolean>>;
  readonly skips: boolean | undefined;
}

const SKIPS: readonly SkipCase[] = [
  { machine: "pc-q35-9.0", destination: "9.1", skips: false },
  { machine: "pc-q35-9.1", destination: "9.1", skips: true },
  { machine: "pc-q35-9.1", destination: "11.1", skips: true },
  // The device's own property comes first.
  {
    machine: "pc-q35-9.0",
    destination: "9.1",
    properties: { "skip-vsc-check": "on" },
    skips: true,
  },
  {
    machine: "pc-q35-9.1",
    destination: "9.1",
    properties: { "skip-vsc-check": "off" },
    skips: false,
  },
  { destination: "9.1", properties: { "skip-vsc-check": "off" }, skips: false },
  // Before 9.1 all is compared, and there is no such property.
  { machine: "pc-q35-9.0", destination: "9.0", skips: false },
  { destination: "8.2", skips: false },
  { destination: "8.2", properties: { "skip-vsc-check": "on" }, skips: false },
  // What is not known is not guessed.
  { machine: "pc-q35-9.1", skips: undefined },
  { machine: "pc-q35-9.1", properties: { "skip-vsc-check": "on" }, skips: undefined },
  { destination: "9.1", skips: undefined },
  { machine: "pc-q35-rhel9.4.0", destination: "9.1", skips: undefined },
  // The binary's own word comes before the name's.
  {
    machine: "pc-q35-rhel9.4.0",
    destination: "9.1",
    compat: { "pc-q35-rhel9.4.0": false },
    skips: false,
  },
  {
    machine: "pc-q35-rhel9.6.0",
    destination: "9.1",
    compat: { "pc-q35-rhel9.6.0": true },
    skips: true,
  },
  { machine: "pc-q35-9.0", destination: "9.1", compat: { "pc-q35-9.0": true }, skips: true },
  { machine: "pc-q35-9.0", destination: "9.1", compat: { "pc-q35-9.1": true }, skips: false },
  {
    machine: "pc-q35-9.1",
    destination: "9.1",
    compat: { "pc-q35-9.1": true },
    properties: { "skip-vsc-check": "off" },
    skips: false,
  },
  { machine: "constructor", destination: "9.1", compat: {}, skips: undefined },
  // An alias stands for what it was where the guest was started.
  { machine: "q35", source: "9.0", destination: "9.1", skips: false },
  { machine: "q35", source: "9.1", destination: "9.2", skips: true },
  { machine: "q35", destination: "9.2", skips: undefined },
  // Properties that cannot be read make the question moot.
  {
    machine: "pc-q35-9.1",
    destination: "9.1",
    properties: { "skip-vsc-check": "maybe" },
    skips: undefined,
  },
  { machine: "pc-q35-9.1", destination: "9.1", properties: { ats: "off" }, skips: undefined },
];
for (const { machine, source, destination, properties = {}, compat, skips } of SKIPS) {
  const given = Object.entries({ ...properties, ...compat }).map((entry) => entry.join("="));
  const name = [machine ?? "any machine", source ?? "?", destination ?? "?", ...given].join(" ");
  Deno.test(`skipsVscCheck: ${name}: ${skips}`, () => {
    const device = { address: "0000:3b:00.4" };
    const hostOf = (name: string, qemu: string | undefined): HostFacts => ({
      name,
      qemu: qemu === undefined ? undefined : parseQemuVersion(qemu),
    });
    assertEquals(
      skipsVscCheck(
        { name: "d", guest: { properties }, source: device, destination: device },
        {
          machine: machine === undefined ? undefined : parseMachine(machine),
          source: hostOf("a", source),
          destination: { ...hostOf("b", destination), skipVscCheck: compat },
          bytesOnly: false,
        },
      ),
      skips,
    );
  });
}
