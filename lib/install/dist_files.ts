/** The files of every build, which is also what is below `/usr/lib/premigrate`. */
export const DIST_FILES = [
  "config.yaml",
  "deno.LICENSE",
  "hook.js",
  "hook.js.sha256",
  "launcher.sh",
  "logrotate.conf",
  "plugin.sh",
  "plugin_child.js",
  "premigrate",
  "premigrate-agent.service",
  "premigrate.1.gz",
  "premigrate.bash",
  "premigrate.fish",
  "premigrate.js",
  "premigrate.zsh",
  "probe.sh",
  "vfio_region_main.js",
] as const;

/** A file of a build. */
export type DistFile = typeof DIST_FILES[number];

/** The Deno of a build; there is none in one that was made without. */
export const DIST_DENO = "deno";

/** Those that a shell or the kernel starts. */
export const EXECUTABLES: readonly DistFile[] = ["plugin.sh", "premigrate", "probe.sh"];
