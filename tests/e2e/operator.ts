/**
 * What an operator meets on bare hosts, and does there by ssh: nothing of Deno or Node, a systemd that
 * runs the agent, and guests that have devices.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { Finished } from "../helpers/run_program.ts";
import { DEVICE, type HookHosts, type Host, hostDevice } from "./hook_hosts.ts";

const AGENT = "premigrate-agent";

// systemd itself cannot run here. Of the agent's unit this knows what starts it, as systemd reads it.
const SYSTEMCTL = `#!/bin/sh
unit=/usr/lib/systemd/system/${AGENT}.service
wants=/etc/systemd/system/multi-user.target.wants/${AGENT}.service
main=/run/agent.pid
runs() { grep -q '^State:[^Z]*$' "/proc/$(cat $main)/status"; } 2> /dev/null
start() {
  $(sed -n s/^ExecStart=//p $unit) < /dev/null >> /run/agent.log 2>&1 &
  echo $! > $main
}
stop() {
  runs || return 0
  kill "$(cat $main)"
  while runs; do sleep 0.05; done
}
case "$*" in
  'is-active ${AGENT}') runs && echo active || { echo inactive; exit 3; } ;;
  'enable --now ${AGENT}') mkdir -p "\${wants%/*}"; ln -sf $unit $wants; runs || start ;;
  'disable --now ${AGENT}') rm -f $wants; stop ;;
  'restart ${AGENT}') stop; start ;;
  'reload libvirtd') kill -HUP "$(cat /run/libvirtd.pid)" ;;
  daemon-reload | show*) ;;
  *) echo "Unit not found: $*" >&2; exit 5 ;;
esac
`;

// Whoever asks virsh for a guest's XML sees it with a device, which libvirt itself does not know of.
const VIRSH = `#!/bin/sh
case "$*" in
  *dumpxml*) virsh.real "$@" | sed "s|</devices>|${
  hostDevice({ guest: "0000:01:00.0", source: DEVICE })
}</devices>|" ;;
  *) exec virsh.real "$@" ;;
esac
`;

// A home of the machine's own, for what is copied there, and a boot of its own: a stamp tells by that
// whether it was made on the destination.
const BARE = `
cat /proc/sys/kernel/random/uuid > /run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
mount -t tmpfs tmpfs /root
for name in deno node npx; do rm -f /usr/bin/$name /usr/local/bin/$name; done
mv /usr/bin/virsh /usr/bin/virsh.real
mv "$1/systemctl" "$1/virsh" /usr/bin
`;

/** Makes the hosts bare; what is to be on one of them comes from `files`, which are gone then. */
export async function makeBare(hosts: HookHosts): Promise<void> {
  for (const host of ["a", "b"] as const) {
    const files = await Deno.makeTempDir();
    await Deno.writeTextFile(`${files}/systemctl`, SYSTEMCTL, { mode: 0o755 });
    await Deno.writeTextFile(`${files}/virsh`, VIRSH, { mode: 0o755 });
    await hosts.sh(host, BARE, files);
    await Deno.remove(files, { recursive: true });
    assertEquals(await ssh(hosts, host, "command -v deno node npx || echo none"), "none\n");
  }
}

/** Runs a line on a host by ssh, which must succeed: what it prints. */
export async function ssh(hosts: HookHosts, host: Host, line: string): Promise<string> {
  const { code, stdout, stderr } = await hosts.run("operator", ["ssh", `root@host${host}`, line]);
  assertEquals(code, 0, `${line}\n${stdout}${stderr}`);
  return stdout;
}

/** Runs a line in a folder of the operator's machine. */
export function atHome(hosts: HookHosts, folder: string, line: string): Promise<Finished> {
  return hosts.run("operator", ["sh", "-c", 'cd "$1" && eval "$2"', "sh", folder, line]);
}

/** Waits until the guest carries a stamp. */
export async function untilStamped(hosts: HookHosts, host: Host, name: string): Promise<void> {
  const ask = `virsh metadata ${name} --live --uri urn:premigrate:stamp > /dev/null 2>&1`;
  const wait = `timeout 120 sh -c 'until ${ask}; do sleep 0.1; done'`;
  await ssh(hosts, host, `${wait} || { cat /run/agent.log; exit 1; }`);
}

/** Takes the guest's stamp away. */
export async function unstamp(hosts: HookHosts, host: Host, name: string): Promise<void> {
  await ssh(hosts, host, `virsh metadata ${name} --live --uri urn:premigrate:stamp --remove`);
}
