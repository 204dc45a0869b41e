/** An installed hook below a temporary root, with a host of its own to judge. */
import { decodeHex, encodeHex } from "@std/encoding/hex";
import { parseDomain, parseFacts } from "premigrate";
import { setMetadata } from "premigrate/domain";
import { STAMP_NAMESPACE, writeStamp } from "../../lib/facts/mod.ts";
import { v } from "premigrate/policy";
import type { CapturedDevice } from "../../lib/facts/mod.ts";
import { type Config, ConfigSchema, writeApplied } from "../../lib/config/config.ts";
import { build } from "../../lib/install/build.ts";
import type { SitePolicies } from "../../lib/site/mod.ts";
import { keptHost } from "./kept_host.ts";
import { runScript } from "./probe_shells.ts";
import { FakeSysfs, OFFERS, RESOURCE } from "./probe_tree.ts";
import { type Finished, runProgram } from "./run_program.ts";

/** The source's and the destination's device of the examples. */
export const DEVICE = "0000:3b:00.4";
/** The guest of the examples. */
export const GUEST = "4dea22b3-1d52-48f3-a516-782e98ab3fa0";

/** A line of the audit file. */
export type AuditLine = Readonly<Record<string, unknown>>;

let built: Promise<string> | undefined;

/** A build, made once; it is removed when the process ends. */
export function dist(): Promise<string> {
  return built ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "premigrate-dist-" });
    globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    await build(folder);
    return folder;
  })();
}

export class HookTree implements Disposable {
  readonly root: string;
  readonly sysfs: FakeSysfs;
  #config: unknown = {};
  #deno = Deno.execPath();

  private constructor(root: string, sysfs: FakeSysfs) {
    this.root = root;
    this.sysfs = sysfs;
  }

  /** @param bytes The destination device's config space; that of the example unless given. */
  static async make(
    config: unknown = {},
    { bytes, deno = Deno.execPath() }: { bytes?: Uint8Array; deno?: string } = {},
  ): Promise<HookTree> {
    const tree = new HookTree(
      await Deno.makeTempDir({ prefix: "premigrate-root-" }),
      new FakeSysfs(),
    );
    const { root } = tree;
    for (
      const folder of ["etc/premigrate", "usr/lib/premigrate", "etc/libvirt/hooks/qemu.d"].concat(
        ["log", "cache", "lib"].map((kind) => `var/${kind}/premigrate`),
        ["var/log/premigrate/reports", "var/lib/premigrate/waivers"],
      )
    ) await Deno.mkdir(`${root}/${folder}`, { recursive: true });
    const lib = `${root}/usr/lib/premigrate`;
    for (
      const name of ["hook.js", "hook.js.sha256", "plugin.sh", "plugin_child.js", "probe.sh"]
    ) {
      await Deno.copyFile(`${await dist()}/${name}`, `${lib}/${name}`);
    }
    await Deno.rename(`${lib}/probe.sh`, `${lib}/real-probe.sh`);
    await tree.script(
      "usr/lib/premigrate/probe.sh",
      `exec sh ${lib}/real-probe.sh --sysfs ${tree.sysfs.root} "$@"`,
    );
    const launcher = await Deno.readTextFile(`${await dist()}/launcher.sh`);
    const mdevs = `mdevs=${tree.sysfs.root}/bus/mdev/devices`;
    await Deno.writeTextFile(tree.hook, launcher.replace(/^mdevs=.*$/m, mdevs), { mode: 0o755 });
    await tree.script("emulator", "exit 1");
    const hex = await Deno.readTextFile("examples/destination.hex");
    tree.sysfs.addFunction(DEVICE, {
      config: bytes ?? decodeHex(hex.replace(/\s/g, "")),
      driver: "nvidia",
      iommuGroup: "7",
      offers: OFFERS,
      files: { resource: RESOURCE },
    });
    await tree.apply(config, deno);
    await tree.#fillCache();
    return tree;
  }

  /** The launcher. */
  get hook(): string {
    return `${this.root}/etc/libvirt/hooks/qemu.d/90-premigrate`;
  }

  /**
   * Puts another configuration in force, or another Deno; what is not given stays. Where no deadline is
   * given there is the longest, which no load of the machine makes part of the test.
   */
  async apply(
    config: unknown = this.#config,
    deno: string = this.#deno,
    site: SitePolicies = {},
  ): Promise<void> {
    this.#config = config;
    this.#deno = deno;
    const choices = { deadline: "10m", ...Object(config) };
    await this.applyWhole({ ...v.parse(ConfigSchema, choices), site });
  }

  /** Puts a configuration in force with what stands in files of their own. */
  async applyWhole(config: Config): Promise<void> {
    const text = writeApplied({ deno: this.#deno, config });
    await Deno.writeTextFile(`${this.root}/etc/premigrate/applied.conf`, text);
  }

  /** Writes a program of sh. */
  async script(path: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.root}/${path}`, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }

  /** Puts another bundle in place, with the digest that fits it. */
  async replaceBundle(text: string): Promise<void> {
    const path = `${this.root}/usr/lib/premigrate/hook.js`;
    await Deno.writeTextFile(path, text);
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    await Deno.writeTextFile(`${path}.sha256`, `${encodeHex(digest)}\n`);
  }

  /** The example's guest on the machine type, with a stamp of the age in seconds. */
  async xml(
    { machine = "pc-q35-9.0", age = 0, stamp = true, attributes, device: changes }: {
      machine?: string;
      age?: number;
      stamp?: boolean;
      attributes?: CapturedDevice["attributes"];
      device?: Partial<CapturedDevice>;
    } = {},
  ): Promise<string> {
    const plain = guestXml(machine, `${this.root}/emulator`);
    if (!stamp) return plain;
    const domain = parseDomain(plain);
    const text = await Deno.readTextFile("examples/source.json");
    const example = parseFacts(text.replaceAll(/"address": ".*"/g, `"address": "${DEVICE}"`));
    const [device] = example.devices;
    const facts = {
      ...example,
      devices: device === undefined
        ? []
        : [{ ...device, mdevType: undefined, attributes, ...changes }],
    };
    const devices = domain.hostDevices.flatMap((device) =>
      device.kind === "pci" && device.address?.type === "pci"
        ? [{ guest: device.address.bdf, source: device.source }]
        : []
    );
    const time = new Date(Date.now() - age * 1000).toISOString();
    const element = await writeStamp({ guest: GUEST, time, devices, facts });
    return setMetadata(plain, domain, STAMP_NAMESPACE, element);
  }

  /** Runs the hook as libvirt does: with its three variables. */
  async run(
    event: readonly [operation: string, sub: string],
    stdin: string | Uint8Array<ArrayBuffer>,
    { name = "vm1", env = {} }: { name?: string; env?: Readonly<Record<string, string>> } = {},
  ): Promise<Finished> {
    return await runProgram(this.hook, {
      args: [name, ...event, "-"],
      clearEnv: true,
      env: { LC_ALL: "C", PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env },
      cwd: "/",
    }, stdin);
  }

  /** Asks for the verdict. */
  migrate(stdin: string | Uint8Array<ArrayBuffer>, name = "vm1"): Promise<Finished> {
    return this.run(["migrate", "begin"], stdin, { name });
  }

  /** The lines of the audit file. */
  async audit(): Promise<AuditLine[]> {
    const path = `${this.root}/var/log/premigrate/audit.jsonl`;
    const text = await Deno.readTextFile(path).catch(() => "");
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.root, { recursive: true });
    this.sysfs.remove();
  }

  async #fillCache(): Promise<void> {
    const path = `${this.root}/emulator`;
    const { stdout } = await runScript(["sh"], ["--emulator", path, "--identify"]);
    const cache = keptHost(stdout, path, crypto.randomUUID());
    await Deno.writeTextFile(`${this.root}/var/cache/premigrate/host.json`, cache);
  }
}

/** As libvirt writes it for a hook: without aliases. */
function guestXml(machine: string, emulator: string): string {
  return `<domain type='kvm'>
  <name>vm1</name>
  <uuid>${GUEST}</uuid>
  <memory unit='KiB'>8388608</memory>
  <os>
    <type arch='x86_64' machine='${machine}'>hvm</type>
  </os>
  <devices>
    <emulator>${emulator}</emulator>
    <controller type='pci' index='0' model='pcie-root'/>
    <controller type='pci' index='1' model='pcie-root-port'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0'/>
    </controller>
    <hostdev mode='subsystem' type='pci' managed='no'>
      <driver name='vfio'/>
      <source>
        <address domain='0x0000' bus='0x3b' slot='0x00' function='0x4'/>
      </source>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </hostdev>
  </devices>
</domain>
`;
}
