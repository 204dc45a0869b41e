/**
 * Two hosts with premigrate installed, and guests that have host devices for the hook alone: there is
 * no VFIO here, so a hook of qemu.d before premigrate's adds to the incoming XML what
 * {@linkcode HookHosts.give} gave the guest, and one behind it takes it away again. All else is real.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { decodeHex } from "@std/encoding/hex";
import { type CapturedDevice, type Facts, parseFacts } from "premigrate";
import { type StampedDevice, writeStamp } from "../../lib/facts/mod.ts";
import { dist } from "../helpers/hook_tree.ts";
import { FakeSysfs, OFFERS, RESOURCE } from "../helpers/probe_tree.ts";
import { canRun, startHosts } from "./hosts.ts";
import { FILES, guestXml, HOOKS, type Host, InstalledHosts } from "./installed_hosts.ts";

export { guestXml, hookFailed, type Host, said } from "./installed_hosts.ts";

/** The device of the source, and of the same address on the destination. */
export const DEVICE = "0000:3b:00.4";
/** Another of the destination's. */
export const OTHER_DEVICE = "0000:3b:00.5";

/** The config space that the guest has where it comes from. */
export const SOURCE_BYTES = readHex("source");
/** One that QEMU refuses to restore it to: another driver's. */
export const OTHER_BYTES = readHex("destination");

/** The Deno of the hook. */
export const DENO = "/run/deno";

// The QEMU that is installed may be older than migration of VFIO devices, and no device migrates here.
export const POLICIES = { "generic/vfio": { options: { qemu: "7.2" } } };

// Sysfs has two more devices; $1 has those.
const DEVICES = `
mkdir -p /run/layers/sys/work
cp -a "$1" /run/layers/sys/upper
mount -t overlay -o lowerdir=/sys,upperdir=/run/layers/sys/upper,workdir=/run/layers/sys/work \\
  overlay /sys
ln -s "$2" ${DENO}
`;

// The hooks around premigrate's. They hand on every byte.
const NEIGHBOURS = `
touch ${FILES}/events
mkdir -p ${HOOKS}
cat > ${HOOKS}/10-add << 'END'
#!/bin/sh
echo "$1 $2 $3" >> ${FILES}/events
[ "$2/$3" = migrate/begin ] || exit 0
cat > ${FILES}/came.$$
uuid=$(sed -n 's|.*<uuid>\\(.*\\)</uuid>.*|\\1|p' ${FILES}/came.$$ | head -n 1)
[ -e ${FILES}/$uuid.add ] || { rm ${FILES}/came.$$; exit 0; }
mv ${FILES}/came.$$ ${FILES}/$uuid.came
sed -f ${FILES}/$uuid.add ${FILES}/$uuid.came | tee ${FILES}/$uuid.given
END
cat > ${HOOKS}/95-remove << 'END'
#!/bin/sh
[ "$2/$3" = migrate/begin ] || exit 0
cat > ${FILES}/received.$$
uuid=$(sed -n 's|.*<uuid>\\(.*\\)</uuid>.*|\\1|p' ${FILES}/received.$$ | head -n 1)
mv ${FILES}/received.$$ ${FILES}/$uuid.received
[ ! -e ${FILES}/$uuid.add ] || cat ${FILES}/$uuid.came
END
chmod +x ${HOOKS}/*
`;

/** Declares a test that gets two such hosts; where there can be none it is left out, and says why. */
export function testWithHook(
  name: string,
  fn: (hosts: HookHosts, t: Deno.TestContext) => Promise<void>,
): void {
  testBeforeHook(name, async (hosts, t) => {
    await Promise.all([hosts.install("a"), hosts.install("b")]);
    await Promise.all([hosts.apply({}, "a"), hosts.apply({}, "b")]);
    await fn(hosts, t);
  });
}

/** The same for hosts on which nothing of premigrate is installed yet. */
export function testBeforeHook(
  name: string,
  fn: (hosts: HookHosts, t: Deno.TestContext) => Promise<void>,
): void {
  const reason = canRun() ?? canLayer();
  Deno.test({
    name: reason === undefined ? name : `${name} (left out: ${reason})`,
    ignore: reason !== undefined,
    async fn(t): Promise<void> {
      await using hosts = await startHosts();
      const hooked = new HookHosts(hosts);
      await Promise.all([hooked.prepare("a"), hooked.prepare("b")]);
      await fn(hooked, t);
    },
  });
}

function canLayer(): string | undefined {
  const known = Deno.readTextFileSync("/proc/filesystems");
  return /\toverlay$/m.test(known) ? undefined : "the kernel has no overlay filesystem";
}

/** What the hook is to believe of a guest. */
export interface Given {
  /** Its devices on the source; one unless given. */
  readonly devices?: readonly string[];
  /** Seconds since its stamp was made; `null`: it has none. */
  readonly age?: number | null;
  /** Sysfs attributes of its devices there. */
  readonly attributes?: CapturedDevice["attributes"];
}

export class HookHosts extends InstalledHosts {
  /** The host's devices, and the hook's neighbours. */
  async prepare(host: Host): Promise<void> {
    await this.layer(host);
    const sysfs = makeSysfs();
    await this.sh(host, DEVICES, sysfs.root, Deno.execPath());
    sysfs.remove();
    await this.sh(host, NEIGHBOURS);
    await this.reload(host);
  }

  /** Installs the build as an operator does. */
  async install(host: Host): Promise<void> {
    const main = `${await dist()}/premigrate.js`;
    const rights = ["--allow-read", "--allow-write", "--allow-run"];
    const deno = [DENO, "run", "--quiet", "--no-prompt", ...rights, main];
    const installed = await this.run(host, [...deno, "install", "--deno", DENO]);
    assertEquals([installed.code, installed.stderr], [0, ""]);
  }

  override apply(config: Readonly<Record<string, unknown>>, host: Host = "b"): Promise<void> {
    return super.apply({ policies: POLICIES, ...config }, host);
  }

  /** Gives a device of host b other bytes. */
  async setBytes(bytes: Uint8Array, device = DEVICE): Promise<void> {
    const octal = Array.from(bytes, (byte) => `\\0${byte.toString(8)}`).join("");
    const path = `/sys/bus/pci/devices/${device}/config`;
    await this.sh("b", 'printf %b "$2" > "$1"', path, octal);
  }

  /** Starts a guest on host a, which forgets it when it goes; its name as it is in XML. */
  async start(name: string, uuid: string): Promise<void> {
    await this.feed("a", ["create"], guestXml(name, uuid));
  }

  /** The guest comes to a host with devices and a stamp from now on; given again, with others. */
  async give(
    uuid: string,
    { devices = [DEVICE], age = 0, attributes }: Given = {},
    to: Host = "b",
  ): Promise<void> {
    const stamped = devices.map((source, index) => ({ guest: `0000:0${index + 1}:00.0`, source }));
    const metadata = age === null ? "" : await stampOf(uuid, stamped, { age, attributes });
    const edits = [
      ...stamped.map((device) => `s|</devices>|${hostDevice(device)}</devices>|`),
      ...metadata === "" ? [] : [`s|</uuid>|</uuid><metadata>${metadata}</metadata>|`],
    ];
    await this.write(to, `${FILES}/${uuid}.add`, `${edits.join("\n")}\n`);
  }

  /** What a neighbour of the hook saw of the guest's XML: the one before it, or the one behind it. */
  seen(uuid: string, which: "given" | "received", host: Host = "b"): Promise<string> {
    return this.sh(host, `cat ${FILES}/${uuid}.${which}`);
  }

  /** A migration that must go through; the guest runs there afterwards, and comes back. */
  async thereAndBack(name: string): Promise<void> {
    assertEquals(await this.migrate(name), { code: 0, stdout: "", stderr: "" });
    assertEquals(await this.states(name), { a: undefined, b: "running" });
    assertEquals(await this.migrate(name, ["--live"], "b"), { code: 0, stdout: "", stderr: "" });
  }

  /** The lifecycle events of a guest that libvirt told the hooks of since this was last called. */
  async events(name: string, host: Host = "b"): Promise<string[]> {
    const text = await this.sh(host, `cat ${FILES}/events; : > ${FILES}/events`);
    return text.split("\n").filter((line) => line.startsWith(`${name} `))
      .map((line) => line.slice(name.length + 1));
  }
}

/** A stamp that was made some time ago on a host that there is not, but for its UUID. */
export async function stampOf(
  guest: string,
  devices: readonly StampedDevice[],
  { age, host = crypto.randomUUID(), attributes }: {
    readonly age: number;
    readonly host?: string;
    readonly attributes?: CapturedDevice["attributes"];
  },
): Promise<string> {
  const time = new Date(Date.now() - age * 1000).toISOString();
  return await writeStamp({ guest, time, devices, facts: sourceFacts(host, devices, attributes) });
}

/** The example's device, on a host that there is not. */
function sourceFacts(
  uuid: string,
  stamped: readonly StampedDevice[],
  attributes: CapturedDevice["attributes"],
): Facts {
  const example = parseFacts(Deno.readTextFileSync("examples/source.json"));
  const devices = stamped.flatMap(({ source }) =>
    example.devices.map((device) => ({
      ...device,
      address: source,
      mdevType: undefined,
      attributes,
    }))
  );
  return { ...example, host: { ...example.host, uuid }, devices };
}

/** As it is in a domain's XML. */
export function hostDevice({ guest, source }: StampedDevice): string {
  const [domain, bus, slot, fn] = source.split(/[:.]/);
  const [, guestBus] = guest.split(":");
  return `<hostdev mode='subsystem' type='pci' managed='no'><driver name='vfio'/><source>` +
    `<address domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${fn}'/></source>` +
    `<address type='pci' domain='0x0000' bus='0x${guestBus}' slot='0x00' function='0x0'/></hostdev>`;
}

/** A physical function with the two devices. */
function makeSysfs(): FakeSysfs {
  const sysfs = new FakeSysfs();
  const config = SOURCE_BYTES;
  const physical = DEVICE.replace(/.$/, "0");
  sysfs.addFunction(physical, { config, driver: "nvidia", iommuGroup: "1" });
  for (const [index, address] of [DEVICE, OTHER_DEVICE].entries()) {
    sysfs.addFunction(address, {
      config,
      driver: "nvidia",
      iommuGroup: `${7 + index}`,
      offers: OFFERS,
      files: { resource: RESOURCE },
      physfn: [physical, index],
    });
  }
  return sysfs;
}

function readHex(example: string): Uint8Array {
  return decodeHex(Deno.readTextFileSync(`examples/${example}.hex`).replace(/\s/g, ""));
}
