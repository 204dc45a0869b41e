import { findOtherHooks } from "../host_steps.ts";
import { type Daemon, findDaemon, findLibvirtVersion, hasHookFolders } from "../libvirt_daemon.ts";
import type { HostIo } from "../host_io.ts";
import { type Check, type Outcome, readTextOf } from "./check.ts";

/** What libvirt does with the hook. */
export const LIBVIRT_CHECKS: readonly Check[] = [
  {
    area: "LIBVIRT",
    title: "for version 6.5 or later, which runs qemu.d",
    async run({ host }): Promise<Outcome> {
      const version = await findLibvirtVersion(host);
      if (version === undefined) return ["WARN", "cannot be checked: no libvirt tells its version"];
      const text = version.join(".");
      return hasHookFolders(version) ? ["PASS", text] : ["FAIL", `found ${text}`];
    },
  },
  {
    area: "LIBVIRT",
    title: "that the daemon knows of hooks",
    async run({ host, root, paths, manifest }): Promise<Outcome> {
      if (root !== "") return ["WARN", "cannot be checked below another root"];
      const daemon = await findDaemon(host);
      if (daemon === undefined) {
        return ["WARN", "cannot be checked: neither virtqemud nor libvirtd runs"];
      }
      const { started, isUnit } = await startOf(host, daemon);
      if (started === undefined) {
        return ["WARN", `cannot be checked: it is not known when ${daemon.name} was started`];
      }
      const hook = await host.stat(paths.hook);
      const since = [
        ...hook === undefined ? [] : [manifest?.hookSince ?? hook.changed],
        ...await Promise.all(
          (await findOtherHooks(host, root)).map(async (path) =>
            (await host.stat(path))?.changed ?? Infinity
          ),
        ),
      ];
      if (since.some((time) => time <= started)) return ["PASS"];
      const { name, pid } = daemon;
      return isUnit
        ? [
          "FAIL",
          `${name} was started or reloaded before the first hook: systemctl reload ${name}`,
        ]
        : [
          "WARN",
          `cannot be checked: ${name} was started before the first hook, and only systemd would tell whether it was reloaded since: kill -HUP ${pid} reloads it`,
        ];
    },
  },
  {
    area: "LIBVIRT",
    title: "for confinement by AppArmor",
    async run(installation): Promise<Outcome> {
      const enabled = await readTextOf(installation, "/sys/module/apparmor/parameters/enabled");
      if (enabled?.trim() !== "Y") return ["PASS", "it is not in use"];
      const profiles = await readTextOf(installation, "/sys/kernel/security/apparmor/profiles");
      if (profiles === undefined) return ["WARN", "cannot be checked: its profiles cannot be read"];
      const [, profile] =
        /^((?:\/usr\/sbin\/)?(?:virtqemud|libvirtd)) \(enforce\)$/m.exec(profiles) ?? [];
      // The profiles start whatever is in /usr/bin unconfined (PUx), and the hook starts all by that.
      return profile === undefined
        ? ["PASS", "it does not confine libvirt"]
        : ["PASS", `profile ${profile}: timeout in /usr/bin starts Deno unconfined`];
    },
  },
  {
    area: "LIBVIRT",
    title: "for confinement by SELinux",
    async run(installation): Promise<Outcome> {
      const { host, paths } = installation;
      const enforce = await readTextOf(installation, "/sys/fs/selinux/enforce");
      if (enforce === undefined) return ["PASS", "it is not in use"];
      if (enforce.trim() === "0") return ["PASS", "it is permissive"];
      const { stdout } = await host.run("stat", ["-c", "%C", paths.hook]);
      if (!stdout.includes(":virt_hook_t:")) {
        return [
          "WARN",
          `found label ${stdout.trim()}, wanted virt_hook_t: restorecon ${paths.hook}`,
        ];
      }
      if ((await findDaemon(host))?.name !== "virtqemud") return ["PASS"];
      const { stdout: found } = await host.run("getsebool", ["virt_hooks_unconfined"]);
      return /--> on\s*$/.test(found) ? ["PASS"] : [
        "WARN",
        "if migrations end with status 126: setsebool -P virt_hooks_unconfined on",
      ];
    },
  },
];

const TICKS = 100; // a second, USER_HZ

/**
 * When a daemon was started or, where systemd can tell, last reloaded. The time of its state is that
 * of its last change between active and reloading.
 */
async function startOf(
  host: HostIo,
  { name, pid }: Daemon,
): Promise<{ readonly started: number | undefined; readonly isUnit: boolean }> {
  const text = async (path: string): Promise<string> =>
    new TextDecoder().decode(await host.read(path));
  const uptime = Number.parseFloat(await text("/proc/uptime"));
  // The program's name may hold spaces and parentheses; the 20th after it is `starttime` (proc(5)).
  const stat = (await text(`/proc/${pid}/stat`)).replace(/^.*\) /s, "").split(" ");
  const process = Number(stat[19]) / TICKS;
  const { stdout } = await host.run("systemctl", [
    "show",
    name,
    "--property=MainPID,StateChangeTimestampMonotonic",
  ]);
  const isUnit = stdout.split("\n").includes(`MainPID=${pid}`);
  const change = Number(/^StateChangeTimestampMonotonic=(\d+)$/m.exec(stdout)?.[1] ?? 0) / 1e6;
  const seconds = isUnit ? Math.max(change, process) : process;
  const started = host.now() - (uptime - seconds) * 1000;
  return { started: Number.isNaN(started) ? undefined : started, isUnit };
}
