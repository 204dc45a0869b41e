import type { HostIo } from "./host_io.ts";

/** The daemon that runs hooks of guests. */
export interface Daemon {
  readonly name: "virtqemud" | "libvirtd";
  readonly pid: number;
}

/** Those that run now: the modular daemon, the monolithic one, or neither. */
export async function findDaemon(host: HostIo): Promise<Daemon | undefined> {
  for (const name of ["virtqemud", "libvirtd"] as const) {
    const bytes = await host.read(`/run/${name}.pid`);
    const pid = Number(new TextDecoder().decode(bytes).trim());
    if (!Number.isSafeInteger(pid) || pid <= 0) continue;
    const comm = await host.read(`/proc/${pid}/comm`);
    if (new TextDecoder().decode(comm).trim() === name) return { name, pid };
  }
  return undefined;
}

/** A version of libvirt: major and minor. */
export type LibvirtVersion = readonly [major: number, minor: number];

/** The version of the installed libvirt, by its daemon or else by virsh; `undefined` without. */
export async function findLibvirtVersion(host: HostIo): Promise<LibvirtVersion | undefined> {
  for (
    const program of ["virtqemud", "libvirtd", "/usr/sbin/virtqemud", "/usr/sbin/libvirtd", "virsh"]
  ) {
    const { kind, code, stdout } = await host.run(program, ["--version"]);
    const [, major, minor] = /(\d+)\.(\d+)\.\d+\s*$/.exec(stdout) ?? [];
    if (kind === "ended" && code === 0 && major !== undefined) {
      return [Number(major), Number(minor)];
    }
  }
  return undefined;
}

/** Whether libvirt runs what is in `qemu.d`: since 6.5.0 ("virhook: Support hooks placed in several files"). */
export function hasHookFolders([major, minor]: LibvirtVersion): boolean {
  return major > 6 || (major === 6 && minor >= 5);
}
