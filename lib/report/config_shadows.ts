import {
  BUS_KINDS,
  type BusKind,
  type DeviceFacts,
  type DevicePair,
  type HostFacts,
  type Migration,
  propertiesOf,
  QemuPropertyError,
  type RealizedDevice,
  regionsOf,
  romFileSize,
  shadowOf,
  skipsVscCheck,
} from "../policy/mod.ts";
import type { GridSides } from "./config_picture.ts";

/** What a picture shows of a device pair. */
export interface ConfigShadows extends GridSides {
  /** Facts that are not known: the picture shows what it is with each of their values. */
  readonly assumed: readonly ("bus" | "skip-vsc-check")[];
}

/**
 * The shadows that both hosts' QEMU would hold, for a picture; `undefined` where a needed fact is
 * missing or QEMU would not hold the device: then a finding says so.
 *
 * @example
 * ```ts
 * import { parseMachine, parseQemuVersion } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * const config = { kind: "realize", bytes: new Uint8Array(256) } as const;
 * const device = { address: "0000:3b:00.4", config };
 * const host = { name: "a", qemu: parseQemuVersion("9.1") };
 * const shadows = shadowsOf(
 *   { name: "hostdev0", guest: { properties: {} }, source: device, destination: device },
 *   { machine: parseMachine("pc-q35-9.1"), source: host, destination: host, bytesOnly: true },
 * );
 * assertEquals(shadows?.source.length, 256);
 * assertEquals(shadows?.assumed, ["bus"]);
 * ```
 */
export function shadowsOf(pair: DevicePair, migration: Migration): ConfigShadows | undefined {
  const { bus } = pair.guest;
  const skips = skipsVscCheck(pair, migration);
  const shadow = (
    facts: DeviceFacts,
    host: HostFacts,
    bus: BusKind,
    skipVscCheck: boolean,
  ): RealizedDevice | undefined => {
    // What a sysfs view most likely stands for comes last.
    const view = regionsOf(facts).at(-1);
    const { qemu } = host;
    if (view === undefined || qemu === undefined) return undefined;
    const properties = propertiesOf(pair.guest.properties, qemu);
    const { bars, romSize } = facts;
    const device = shadowOf(view, {
      qemu,
      skipVscCheck,
      bus,
      bars,
      romSize,
      romFileSize: romFileSize(pair, host) ?? undefined,
      properties,
    });
    return device.ok ? device : undefined;
  };
  try {
    const sides = (bus: BusKind, skipVscCheck: boolean): GridSides | undefined => {
      // What it is on the source changes nothing that is sent.
      const source = shadow(pair.source, migration.source, bus, true);
      const destination = shadow(pair.destination, migration.destination, bus, skipVscCheck);
      return source && destination && { source: source.shadow, destination };
    };
    const buses = bus === undefined ? BUS_KINDS : [bus];
    const [likely, ...others] = buses.flatMap((bus) =>
      (skips === undefined ? [true, false] : [skips]).map((skips) => sides(bus, skips))
    );
    if (likely === undefined) return undefined;
    return {
      ...likely,
      others: others.filter((sides) => sides !== undefined),
      assumed: [
        ...bus === undefined ? ["bus"] as const : [],
        ...skips === undefined ? ["skip-vsc-check"] as const : [],
      ],
    };
  } catch (error) {
    if (error instanceof QemuPropertyError) return undefined;
    throw error;
  }
}
