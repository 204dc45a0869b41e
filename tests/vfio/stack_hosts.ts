/**
 * Two libvirt hosts with premigrate installed as its README says, and a guest's way between them.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseDomain } from "premigrate";
import { readStampMetadata, type Stamp } from "../../lib/facts/mod.ts";
import type { Finished } from "../helpers/run_program.ts";
import { guestXml, HOOKS, type Host, InstalledHosts } from "../e2e/installed_hosts.ts";
import type { Mdev } from "./mdev.ts";

// Everything is emulated, and slow: the start of a Deno takes seconds. No policy knows the module.
const CONFIG = {
  deadline: "5m",
  agent: { recordStarts: true },
  policies: { "generic/vfio": { options: { drivers: ["config_mdev"] } } },
};
const PLUGIN = "example/power";
const LONGEST_WAIT_MS = 120_000;

// Both hosts are of one kernel: each gets a boot id of its own, and sees its own devices alone.
const SEPARATE = `
cat /proc/sys/kernel/random/uuid > /run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
mkdir /run/mdevs
cd /sys/bus/mdev/devices
cp -P "$@" /run/mdevs
mount --bind /run/mdevs .
`;

/** A guest with one device. */
export interface Guest {
  readonly name: string;
  readonly uuid: string;
  /** Its machine type. */
  readonly machine: string;
  /** More of its device's properties, by an override. */
  readonly properties?: Readonly<Record<string, string>>;
  /** More arguments of its QEMU. */
  readonly args?: readonly string[];
}

/** Where a migration with `--xml` leads. */
export interface Target {
  /** The guest's device there. */
  readonly device: Mdev;
  /** The destination's QEMU compares the body of the Vendor Specific Capability. */
  readonly isStrict?: boolean;
}

export class StackHosts extends InstalledHosts {
  #config: Readonly<Record<string, unknown>> = CONFIG;

  /** Installs the build on a host that has these devices, and starts the agent. */
  async install(host: Host, dist: string, devices: readonly Mdev[]): Promise<void> {
    await this.layer(host);
    await this.sh(host, SEPARATE, ...devices.map(({ uuid }) => uuid));
    await this.sh(host, 'sh "$1/premigrate" install --copy-deno', dist);
    await this.reload(host);
    await this.sh(host, 'cp "$1/power.js" /etc/premigrate', dist);
    const [digest] = (await this.sh(host, "sha256sum /etc/premigrate/power.js")).split(" ");
    this.#config = { ...CONFIG, plugins: { [PLUGIN]: { file: "power.js", digest } } };
    await this.apply(this.#config, host);
    await this.sh(host, "premigrate agent > /run/agent.log 2>&1 &");
  }

  /** From now on the hook of host b chooses devices. */
  async rewrite(): Promise<void> {
    await this.apply({ ...this.#config, rewrite: true });
  }

  /** Starts a guest with a device on host a. */
  async start(
    { name, uuid, machine, properties = {}, args = [] }: Guest,
    device: Mdev,
  ): Promise<void> {
    const all = Object.entries({ "enable-migration": "on", ...properties }).map(([name, value]) =>
      `<qemu:property name="${name}" type="string" value="${value}"/>`
    );
    const xml = guestXml(name, uuid, {
      machine,
      devices: `<hostdev mode="subsystem" type="mdev" model="vfio-pci">
      <source><address uuid="${device.uuid}"/></source>
    </hostdev>`,
      qemu: `<qemu:commandline>${
        args.map((value) => `<qemu:arg value="${value}"/>`).join("")
      }</qemu:commandline><qemu:override><qemu:device alias="hostdev0"><qemu:frontend>
    ${all.join("\n    ")}
  </qemu:frontend></qemu:device></qemu:override>`,
    });
    await this.feed("a", ["create"], xml);
  }

  /** Migrates with `--xml`, as one must where the device has another UUID on the destination. */
  async migrateTo(
    name: string,
    { device, isStrict = false }: Target,
    from: Host = "a",
  ): Promise<Finished> {
    const strict = '<qemu:property name="skip-vsc-check" type="bool" value="false"/>';
    const xml = await this.virsh(from, "dumpxml", "--migratable", name);
    const changed = xml.replace(/(?<=<address uuid=')[^']+/, device.uuid)
      .replace(/(?=<\/qemu:frontend>)/, isStrict ? strict : "");
    await this.write(from, "/run/target.xml", changed);
    return await this.migrate(name, ["--live", "--xml", "/run/target.xml"], from);
  }

  /**
   * The same to host b without the hook there, which must fail.
   *
   * @returns What QEMU says of it; libvirt does not hand that on.
   */
  async failWithoutHook(name: string, target: Target): Promise<string> {
    const { run: { code, stderr }, log } = await this.withoutHook(name, target);
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /^error: operation failed: .* loading state .* '0000:00:01\.0:00\.0\/vfio'/,
    );
    assertEquals(await this.states(name), { a: "running", b: undefined });
    return /get_pci_config_device.*/.exec(log)?.[0] ?? "";
  }

  /** The same, whatever comes of it, and what QEMU said on host b. */
  async withoutHook(
    name: string,
    target: Target,
  ): Promise<{ readonly run: Finished; readonly log: string }> {
    const [on, off] = [`${HOOKS}/90-premigrate`, "/run/90-premigrate"];
    const log = `/var/log/libvirt/qemu/${name}.log`;
    await this.sh("b", 'mv "$1" "$2"; rm -f "$3"', on, off, log);
    try {
      const run = await this.migrateTo(name, target);
      return { run, log: await this.sh("b", 'cat "$1"', log) };
    } finally {
      await this.sh("b", 'mv "$1" "$2"', off, on);
    }
  }

  /** The UUID of the device that a guest has. */
  async deviceOf(name: string, host: Host): Promise<string | undefined> {
    const [device] = parseDomain(await this.virsh(host, "dumpxml", name)).hostDevices;
    return device?.kind === "mdev" ? device.source : undefined;
  }

  /** The stamp of this host, which its agent gives a guest that started or arrived. */
  async stamp(name: string, host: Host): Promise<Stamp> {
    for (const end = Date.now() + LONGEST_WAIT_MS;;) {
      const { metadataElements } = parseDomain(await this.virsh(host, "dumpxml", name));
      const found = await readStampMetadata(metadataElements);
      if (found.kind === "stamp" && found.stamp.facts.host.name === `host${host}`) {
        return found.stamp;
      }
      assert(Date.now() < end, `the agent says: ${await this.sh(host, "cat /run/agent.log")}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}
