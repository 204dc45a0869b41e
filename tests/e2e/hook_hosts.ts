/**
 * Two hosts with premigrate installed, and guests that have host devices for the hook alone: there is
 * no VFIO here, so a hook of qemu.d before premigrate's adds to the incoming XML what
 * {@linkcode HookHosts.give} gave the guest, and one behind it takes it away again. All else is real.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { decodeHex } from "@std/encoding/hex";
import { type Facts, parseFacts, type StampedDevice, writeStamp } from "premigrate";
import { type AuditLine, dist } from "../unit/hook_tree.ts";
import { FakeSysfs } from "../unit/probe_tree.ts";
import { canRun, type Hosts, type Output, startHosts } from "./hosts.ts";

/** A machine with libvirt. */
export type Host = "a" | "b";

/** The device of the source, and of the same address on the destination. */
export const DEVICE = "0000:3b:00.4";
/** Another of the destination's. */
export const OTHER_DEVICE = "0000:3b:00.5";

/** The config space that the guest has where it comes from. */
export const SOURCE_BYTES = readHex("source");
/** One that QEMU refuses to restore it to: another driver's. */
export const OTHER_BYTES = readHex("destination");

const HOOKS = "/etc/libvirt/hooks/qemu.d";
const FILES = "/run/hook"; // of the neighbours
/** The Deno of the hook. */
export const DENO = "/run/deno";

// What an installation writes is seen by this machine alone; sysfs has two more devices. $1 has those.
const LAYERS = `
rm -rf /etc/premigrate /etc/libvirt/hooks # those of the machine itself
for folder in /usr /var/lib /var/log; do
  layer=/run/layers$folder
  mkdir -p "$layer/upper" "$layer/work" "$layer/libvirt"
  [ "$folder" = /usr ] || mount --bind "$folder/libvirt" "$layer/libvirt"
  mount -t overlay -o "lowerdir=$folder,upperdir=$layer/upper,workdir=$layer/work" overlay "$folder"
  [ "$folder" = /usr ] || mount --bind "$layer/libvirt" "$folder/libvirt"
  rm -rf "$folder/premigrate" "$folder/lib/premigrate" "$folder/bin/premigrate"
done
mkdir -p /run/layers/sys/work ${FILES}
touch ${FILES}/events ${FILES}/journal
cp -a "$1" /run/layers/sys/upper
mount -t overlay -o lowerdir=/sys,upperdir=/run/layers/sys/upper,workdir=/run/layers/sys/work \\
  overlay /sys
ln -s "$2" ${DENO}
# There is no journal here.
cat > /usr/bin/logger << 'END'
#!/bin/sh
cat >> ${FILES}/journal
END
chmod +x /usr/bin/logger
`;

// The hooks around premigrate's. They hand on every byte.
const NEIGHBOURS = `
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
cat > ${HOOKS}/../daemon << 'END'
#!/bin/sh
touch ${FILES}/$2
END
chmod +x ${HOOKS}/* ${HOOKS}/../daemon
`;

/** Declares a test that gets two such hosts; where there can be none it is left out, and says why. */
export function testWithHook(
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
      await Promise.all([hooked.install("a"), hooked.install("b")]);
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
}

export class HookHosts {
  readonly #hosts: Hosts;

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
  }

  run(host: Host, argv: readonly string[], stdin = ""): Promise<Output> {
    return this.#hosts.run(host, argv, { stdin });
  }

  /** Runs a script that must succeed; the arguments are $1 and on. */
  async sh(host: Host, script: string, ...args: string[]): Promise<string> {
    const argv = ["sh", "-ec", script, "sh", ...args];
    const { code, stdout, stderr } = await this.run(host, argv);
    assertEquals([code, stderr], [0, ""], script);
    return stdout;
  }

  async write(host: Host, path: string, text: string): Promise<void> {
    const { code, stderr } = await this.run(host, ["sh", "-c", 'cat > "$0"', path], text);
    assertEquals([code, stderr], [0, ""], path);
  }

  /** Runs virsh, which must succeed. */
  async virsh(host: Host, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(host, ["virsh", "-q", ...args]);
    assertEquals([code, stderr], [0, ""], args.join(" "));
    return stdout.trimEnd();
  }

  /** Runs the command that is installed, which must succeed. */
  async premigrate(host: Host, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(host, ["premigrate", ...args]);
    assertEquals([code, stderr], [0, ""], args.join(" "));
    return stdout;
  }

  /** Installs the build as an operator does, with the hook's neighbours beside it. */
  async install(host: Host): Promise<void> {
    const sysfs = makeSysfs();
    await this.sh(host, LAYERS, sysfs.root, Deno.execPath());
    sysfs.remove();
    const main = `${await dist()}/premigrate.js`;
    const rights = ["--allow-read", "--allow-write", "--allow-run"];
    const deno = [DENO, "run", "--quiet", "--no-prompt", ...rights, main];
    const installed = await this.run(host, [...deno, "install", "--deno", DENO]);
    assertEquals([installed.code, installed.stderr], [0, ""]);
    await this.sh(host, NEIGHBOURS);
    await this.reload(host);
  }

  /** As `systemctl reload libvirtd` does; libvirt looks for hooks, then runs the daemon's own. */
  async reload(host: Host): Promise<void> {
    const untilDone = `until [ -e ${FILES}/reload ]; do sleep 0.05; done`;
    await this.sh(host, `kill -HUP $(cat /run/libvirtd.pid); timeout 60 sh -c '${untilDone}'`);
  }

  /** Makes these choices those that the hook of host b runs by. */
  async apply(config: unknown, host: Host = "b"): Promise<void> {
    await this.write(host, "/etc/premigrate/config.yaml", JSON.stringify(config));
    await this.premigrate(host, "config", "apply");
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

  /** Runs virsh with a domain's XML, which must succeed. */
  async feed(host: Host, args: readonly string[], xml: string): Promise<void> {
    const run = await this.run(host, ["virsh", "-q", ...args, "/dev/stdin"], xml);
    assertEquals([run.code, run.stderr], [0, ""], args.join(" "));
  }

  /** The guest comes to a host with devices and a stamp from now on; given again, with others. */
  async give(
    uuid: string,
    { devices = [DEVICE], age = 0 }: Given = {},
    to: Host = "b",
  ): Promise<void> {
    const stamped = devices.map((source, index) => ({ guest: `0000:0${index + 1}:00.0`, source }));
    const metadata = age === null ? "" : await stampOf(uuid, stamped, { age });
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

  /** Migrates from a host to the other. */
  migrate(
    name: string,
    options: readonly string[] = ["--live"],
    from: Host = "a",
  ): Promise<Output> {
    const to = `qemu+tcp://host${from === "a" ? "b" : "a"}/system`;
    const domain = ["--domain", name, "--desturi", to];
    return this.run(from, ["virsh", "-q", "migrate", ...options, ...domain]);
  }

  /** A migration that must go through; the guest runs there afterwards, and comes back. */
  async thereAndBack(name: string): Promise<void> {
    assertEquals(await this.migrate(name), { code: 0, stdout: "", stderr: "" });
    assertEquals(await this.states(name), { a: undefined, b: "running" });
    assertEquals(await this.migrate(name, ["--live"], "b"), { code: 0, stdout: "", stderr: "" });
  }

  /** The guest's state on each host. */
  async states(name: string): Promise<Record<Host, string | undefined>> {
    const of = async (host: Host): Promise<string | undefined> => {
      const { stdout } = await this.run(host, ["virsh", "-q", "domstate", "--domain", name]);
      return stdout.trim() || undefined;
    };
    return { a: await of("a"), b: await of("b") };
  }

  /** The lifecycle events of a guest that libvirt told the hooks of since this was last called. */
  async events(name: string, host: Host = "b"): Promise<string[]> {
    const text = await this.sh(host, `cat ${FILES}/events; : > ${FILES}/events`);
    return text.split("\n").filter((line) => line.startsWith(`${name} `))
      .map((line) => line.slice(name.length + 1));
  }

  /** The audit's lines. */
  async audit(host: Host = "b"): Promise<AuditLine[]> {
    const text = await this.sh(host, "cat /var/log/premigrate/audit.jsonl 2> /dev/null || true");
    return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
  }

  /** What the journal was told. */
  journal(host: Host = "b"): Promise<string> {
    return this.sh(host, `cat ${FILES}/journal`);
  }
}

/** What virsh says of a migration, without the environment that libvirt runs hooks in. */
export function said({ stderr }: Output): string {
  return stderr.replace(/(?<=Child process \()LC_ALL=C .*? (?=\/etc\/libvirt)/, "").trimEnd();
}

/** How that begins where a hook failed; `end` is `exit status 1` or `fatal signal 9`. */
export function hookFailed(name: string, end = "exit status 1"): string {
  return "error: Hook script execution failed: internal error: " +
    `Child process (${HOOKS}/90-premigrate ${name} migrate begin -) unexpected ${end}: `;
}

/** A stamp that was made some time ago on a host that there is not, but for its UUID. */
export async function stampOf(
  guest: string,
  devices: readonly StampedDevice[],
  { age, host = crypto.randomUUID() }: { readonly age: number; readonly host?: string },
): Promise<string> {
  const time = new Date(Date.now() - age * 1000).toISOString();
  return await writeStamp({ guest, time, devices, facts: sourceFacts(host, devices) });
}

/** The example's device, on a host that there is not. */
function sourceFacts(uuid: string, stamped: readonly StampedDevice[]): Facts {
  const example = parseFacts(Deno.readTextFileSync("examples/source.json"));
  const devices = stamped.flatMap(({ source }) =>
    example.devices.map((device) => ({ ...device, address: source }))
  );
  return { ...example, host: { ...example.host, uuid }, devices };
}

/** As it is in a domain's XML. */
export function hostDevice({ guest, source }: StampedDevice): string {
  const [domain, bus, slot, fn] = source.split(/[:.]/);
  const [, guestBus] = guest.split(":");
  return `<hostdev mode='subsystem' type='pci' managed='yes'><driver name='vfio'/><source>` +
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
    const iommuGroup = `${7 + index}`;
    sysfs.addFunction(address, { config, driver: "nvidia", iommuGroup, physfn: [physical, index] });
  }
  return sysfs;
}

/** Small, emulated, without an operating system, and with ports for devices. */
export function guestXml(name: string, uuid: string): string {
  return `<domain type="qemu">
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  <memory unit="MiB">16</memory>
  <os><type arch="x86_64" machine="pc-q35-7.2">hvm</type></os>
  <cpu mode="custom" match="exact" check="none"><model fallback="forbid">qemu64</model></cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type="pci" index="0" model="pcie-root"/>
    <controller type="pci" index="1" model="pcie-root-port"/>
    <controller type="pci" index="2" model="pcie-root-port"/>
    <controller type="usb" model="none"/>
    <memballoon model="none"/>
  </devices>
</domain>
`;
}

function readHex(example: string): Uint8Array {
  return decodeHex(Deno.readTextFileSync(`examples/${example}.hex`).replace(/\s/g, ""));
}
