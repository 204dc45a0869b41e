/** Guests that arrive at composed hosts: their XML, their stamps, and what the probe prints there. */
import { decodeHex, encodeHex } from "@std/encoding/hex";
import { type CapturedDevice, type Facts, parseDomain, parseFacts } from "premigrate";
import { setMetadata } from "premigrate/domain";
import { STAMP_NAMESPACE, writeStamp } from "../../lib/facts/mod.ts";
import * as v from "valibot";
import type { Arrival } from "../../lib/hook/arrival.ts";
import { type Config, ConfigSchema } from "../../lib/config/config.ts";
import { keptHost } from "./kept_host.ts";
import { runScript } from "./probe_shells.ts";
import { FakeSysfs, OFFERS, RESOURCE } from "./probe_tree.ts";

export const GUEST = "4dea22b3-1d52-48f3-a516-782e98ab3fa0";
export const EMULATOR = "/bin/sh";
/** When everything happens. */
export const NOW = Date.parse("2026-03-01T12:00:00Z");

/** Addresses of a device in the guest and on a host. */
export interface Place {
  readonly guest: string;
  readonly source: string;
}
/** The one device of most guests here. */
export const FIRST: Place = { guest: "0000:01:00.0", source: "0000:3b:00.4" };
/** Another. */
export const SECOND: Place = { guest: "0000:02:00.0", source: "0000:3b:00.5" };

/** An example's config space: one that QEMU before 9.1 does not take for the other. */
export function bytesOf(example: "source" | "destination"): Uint8Array<ArrayBuffer> {
  return decodeHex(Deno.readTextFileSync(`examples/${example}.hex`).replace(/\s/g, ""));
}

/** The host that guests arrive at here. */
const HOST = "8a3a7a5e-6f43-4b52-9d0f-1f6a2d1c0a03";

/** How a guest is written. */
export interface GuestOptions {
  /** Before 9.1 QEMU compares the byte in which the examples differ. */
  readonly machine?: string;
  readonly emulator?: string;
  /** Put before `<devices>`. */
  readonly before?: string;
  /** Put at its end. */
  readonly devices?: string;
}

/** A guest with the devices, as libvirt writes it for a hook. */
export function guestXml(places: readonly Place[], options: GuestOptions = {}): string {
  const { machine = "pc-q35-9.1", emulator = EMULATOR, before = "", devices = "" } = options;
  const ports = [1, 2, 3].map((index) =>
    `<controller type='pci' index='${index}' model='pcie-root-port'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x0${index}' function='0x0'/>
    </controller>`
  );
  return `<domain type='kvm'>
  <name>vm1</name>
  <uuid>${GUEST}</uuid>
  <os>
    <type arch='x86_64' machine='${machine}'>hvm</type>
  </os>
  ${before}
  <devices>
    <emulator>${emulator}</emulator>
    <controller type='pci' index='0' model='pcie-root'/>
    ${[...ports, ...places.map(hostDevice), devices].join("\n    ")}
  </devices>
</domain>
`;
}

function hostDevice({ guest, source }: Place): string {
  const from = isMdev(source) ? `<address uuid='${source}'/>` : addressElement(source, "");
  const type = isMdev(source) ? "type='mdev' model='vfio-pci'" : "type='pci' managed='no'";
  return `<hostdev mode='subsystem' ${type}>
      <source>${from}</source>
      ${guest === "" ? "" : addressElement(guest, "type='pci' ")}
    </hostdev>`;
}

function isMdev(address: string): boolean {
  return address.length === 36;
}

function addressElement(address: string, type: string): string {
  const [domain, bus, slot, fn] = address.split(/[:.]/);
  return `<address ${type}domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${fn}'/>`;
}

/** The example's source, with devices like its first at these addresses. */
export function sourceFacts(addresses: readonly string[]): Facts {
  const facts = parseFacts(Deno.readTextFileSync("examples/source.json"));
  const [{ mdevType, ...device } = { address: "" }] = facts.devices;
  return {
    ...facts,
    devices: addresses.map((address): CapturedDevice => ({
      ...device,
      address,
      migration: { offered: true, features: OFFERS },
      mdevType: isMdev(address) ? mdevType : undefined,
    })),
  };
}

/** The same guest with a stamp. */
export async function stamped(
  xml: string,
  places: readonly Place[],
  { age = 0, facts = sourceFacts(places.map(({ source }) => source)), guest = GUEST }: {
    readonly age?: number;
    readonly facts?: Facts;
    readonly guest?: string;
  } = {},
): Promise<string> {
  const time = new Date(NOW - age * 1000).toISOString();
  const element = await writeStamp({ guest, time, devices: places, facts });
  return setMetadata(xml, parseDomain(xml), STAMP_NAMESPACE, element);
}

/** All that a hook may do. */
export function configOf(choices: unknown = {}): Config {
  return v.parse(ConfigSchema, choices);
}

/** A host to arrive at, with a cache that knows its emulator. */
export class FakeHost implements Disposable {
  readonly sysfs = new FakeSysfs();
  readonly root = Deno.makeTempDirSync({ prefix: "premigrate-host-" });
  readonly paths = { cache: this.root, realize: `${this.root}/realize` };

  /** What the probe prints when asked so. */
  async probe(...args: readonly string[]): Promise<string> {
    const { stdout } = await runScript(["sh"], [
      ...["--sysfs", this.sysfs.root, "--identify"],
      ...args,
    ]);
    return stdout;
  }

  /** Adds functions with the destination's config space. */
  addFunctions(...addresses: readonly string[]): this {
    for (const [index, address] of addresses.entries()) {
      const config = bytesOf("destination");
      const iommuGroup = `${index}`;
      const files = { resource: RESOURCE };
      const bound = { driver: "nvidia", iommuGroup, offers: OFFERS };
      this.sysfs.addFunction(address, { config, files, ...bound });
    }
    return this;
  }

  /** Fills the cache with what libvirt and QEMU said. */
  async know(path = EMULATOR): Promise<this> {
    const probed = await this.probe("--emulator", path);
    await Deno.writeTextFile(`${this.root}/host.json`, keptHost(probed, path, HOST));
    return this;
  }

  /** An arrival here, as the launcher puts it together; `ask` is what it extracts from the XML. */
  async arrival(
    xml: string,
    ask: readonly string[] = ["--emulator", EMULATOR, FIRST.source],
    changes: Partial<Arrival> = {},
  ): Promise<Arrival> {
    const signal = AbortSignal.timeout(30_000);
    return {
      xml,
      probed: await this.probe(...ask),
      regions: new Map(),
      round: 1,
      seconds: 30,
      now: NOW,
      paths: this.paths,
      plugins: { runner: "/none", ends: performance.now() + 30_000, signal },
      signal,
      ...changes,
    };
  }

  [Symbol.dispose](): void {
    this.sysfs.remove();
    Deno.removeSync(this.root, { recursive: true });
  }
}

/** What lib/facts/vfio/region_main.ts prints of a device. */
export function vfioAnswer(bytes: Uint8Array): string {
  return JSON.stringify({
    result: "read",
    config: encodeHex(bytes),
    bars: [16777216, 268435456, 0, 33554432, 0, 0],
    romSize: 0,
  });
}
