/**
 * Two hosts on which premigrate can be installed as on others, and what is done and seen there.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { AuditLine } from "../helpers/hook_tree.ts";
import type { Finished } from "../helpers/run_program.ts";
import type { Hosts, Machine } from "./hosts.ts";

/** A machine with libvirt. */
export type Host = "a" | "b";

/** Where libvirt looks for hooks of guests. */
export const HOOKS = "/etc/libvirt/hooks/qemu.d";
/** What the tests keep on a host. */
export const FILES = "/run/hook";

// What an installation writes is seen by this machine alone, and none is there yet. There is no
// journal here; libvirt runs the daemon's hook once it has looked for hooks anew.
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
mkdir -p ${FILES} /etc/libvirt/hooks
touch ${FILES}/journal
cat > /usr/bin/logger << 'END'
#!/bin/sh
cat >> ${FILES}/journal
END
cat > /etc/libvirt/hooks/daemon << 'END'
#!/bin/sh
touch ${FILES}/$2
END
chmod +x /usr/bin/logger /etc/libvirt/hooks/daemon
`;

export class InstalledHosts {
  readonly #hosts: Hosts;

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
  }

  run(host: Machine, argv: readonly string[], stdin = ""): Promise<Finished> {
    return this.#hosts.run(host, argv, { stdin });
  }

  /** Runs a script that must succeed; the arguments are $1 and on. */
  async sh(host: Machine, script: string, ...args: string[]): Promise<string> {
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

  /** Before an installation: what it writes goes with the host. */
  async layer(host: Host): Promise<void> {
    await this.sh(host, LAYERS);
  }

  /** As `systemctl reload libvirtd` does; libvirt looks for hooks, then runs the daemon's own. */
  async reload(host: Host): Promise<void> {
    const untilDone = `until [ -e ${FILES}/reload ]; do sleep 0.05; done`;
    await this.sh(host, `kill -HUP $(cat /run/libvirtd.pid); timeout 60 sh -c '${untilDone}'`);
  }

  /** Makes these choices those that the hook of host b runs by. */
  async apply(config: Readonly<Record<string, unknown>>, host: Host = "b"): Promise<void> {
    await this.write(host, "/etc/premigrate/config.yaml", JSON.stringify(config));
    await this.premigrate(host, "config", "apply");
  }

  /** Runs virsh with a domain's XML, which must succeed. */
  async feed(host: Host, args: readonly string[], xml: string): Promise<void> {
    const run = await this.run(host, ["virsh", "-q", ...args, "/dev/stdin"], xml);
    assertEquals([run.code, run.stderr], [0, ""], args.join(" "));
  }

  /** Migrates from a host to the other. */
  migrate(
    name: string,
    options: readonly string[] = ["--live"],
    from: Host = "a",
  ): Promise<Finished> {
    const to = `qemu+tcp://host${from === "a" ? "b" : "a"}/system`;
    const domain = ["--domain", name, "--desturi", to];
    return this.run(from, ["virsh", "-q", "migrate", ...options, ...domain]);
  }

  /** The guest's state on each host. */
  async states(name: string): Promise<Record<Host, string | undefined>> {
    const of = async (host: Host): Promise<string | undefined> => {
      const { stdout } = await this.run(host, ["virsh", "-q", "domstate", "--domain", name]);
      return stdout.trim() || undefined;
    };
    return { a: await of("a"), b: await of("b") };
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
export function said({ stderr }: Finished): string {
  return stderr.replace(/(?<=Child process \()LC_ALL=C .*? (?=\/etc\/libvirt)/, "").trimEnd();
}

/** How that begins where a hook failed; `end` is `exit status 1` or `fatal signal 9`. */
export function hookFailed(name: string, end = "exit status 1"): string {
  return "error: Hook script execution failed: internal error: " +
    `Child process (${HOOKS}/90-premigrate ${name} migrate begin -) unexpected ${end}: `;
}

/** What a guest has beside what all have. */
export interface GuestParts {
  /** Its machine type. */
  readonly machine?: string;
  /** More of its devices. */
  readonly devices?: string;
  /** Elements of libvirt's QEMU namespace. */
  readonly qemu?: string;
}

/** Small, emulated, without an operating system, and with ports for devices. */
export function guestXml(
  name: string,
  uuid: string,
  { machine = "pc-q35-7.2", devices = "", qemu = "" }: GuestParts = {},
): string {
  return `<domain type="qemu" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  <memory unit="MiB">16</memory>
  <os><type arch="x86_64" machine="${machine}">hvm</type></os>
  <cpu mode="custom" match="exact" check="none"><model fallback="forbid">qemu64</model></cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type="pci" index="0" model="pcie-root"/>
    <controller type="pci" index="1" model="pcie-root-port"/>
    <controller type="pci" index="2" model="pcie-root-port"/>
    <controller type="usb" model="none"/>
    <memballoon model="none"/>
    ${devices}
  </devices>
  ${qemu}
</domain>
`;
}
