/** Where everything of an installation is. */
export interface Paths {
  /** What all of them are below. */
  readonly root: string;
  /** The programs. */
  readonly lib: string;
  /** What the installation consists of. */
  readonly manifest: string;
  /** The Deno that is kept with it. */
  readonly deno: string;
  readonly command: string;
  /** The launcher, as libvirt finds it. */
  readonly hook: string;
  /** What the operator writes. */
  readonly config: string;
  /** The site's policies, a file for each. */
  readonly policies: string;
  /** What `config apply` makes of both: all that the hook reads. */
  readonly applied: string;
  /** All that is recorded of guests and devices. */
  readonly state: string;
  /** A file for each guest that passes for a time, whatever is found. */
  readonly waivers: string;
  /** What was read of a guest's devices when it was started. */
  readonly started: string;
  /** Config regions of devices, by their kind. */
  readonly realize: string;
  /** What this host's libvirt and QEMU said of themselves. */
  readonly cache: string;
  /** What QEMUs, other hosts' too, said of themselves. */
  readonly emulators: string;
  /** What this host's libvirt networks are. */
  readonly networks: string;
  /** Libvirt's own: `NAME.xml` for each network that is active. */
  readonly networkStates: string;
  /** All that is told of decisions. */
  readonly log: string;
  /** A file for each decision. */
  readonly reports: string;
  /** A line for each decision. */
  readonly audit: string;
  /** The agent's unit. */
  readonly unit: string;
  /** For the audit file. */
  readonly logrotate: string;
  /** The manual page. */
  readonly manual: string;
  /** What the shells complete by. */
  readonly completions: Readonly<Record<"bash" | "fish" | "zsh" | "zshOfFedora", string>>;
}

/**
 * The paths below a root.
 *
 * @example
 * ```ts
 * import { pathsBelow } from "./paths.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pathsBelow("/mnt").hook, "/mnt/etc/libvirt/hooks/qemu.d/90-premigrate");
 * ```
 */
export function pathsBelow(root = ""): Paths {
  return {
    root,
    lib: `${root}/usr/lib/premigrate`,
    manifest: `${root}/usr/lib/premigrate/manifest.json`,
    deno: `${root}/usr/lib/premigrate/deno`,
    command: `${root}/usr/bin/premigrate`,
    hook: `${root}/etc/libvirt/hooks/qemu.d/90-premigrate`,
    config: `${root}/etc/premigrate/config.yaml`,
    policies: `${root}/etc/premigrate/policies.d`,
    applied: `${root}/etc/premigrate/applied.conf`,
    state: `${root}/var/lib/premigrate`,
    waivers: `${root}/var/lib/premigrate/waivers`,
    started: `${root}/var/lib/premigrate/started`,
    realize: `${root}/var/lib/premigrate/realize`,
    cache: `${root}/var/cache/premigrate`,
    emulators: `${root}/var/cache/premigrate/emulators`,
    networks: `${root}/var/cache/premigrate/networks`,
    networkStates: `${root}/run/libvirt/network`,
    log: `${root}/var/log/premigrate`,
    reports: `${root}/var/log/premigrate/reports`,
    audit: `${root}/var/log/premigrate/audit.jsonl`,
    unit: `${root}/usr/lib/systemd/system/premigrate-agent.service`,
    logrotate: `${root}/etc/logrotate.d/premigrate`,
    manual: `${root}/usr/share/man/man1/premigrate.1.gz`,
    completions: {
      bash: `${root}/usr/share/bash-completion/completions/premigrate`,
      fish: `${root}/usr/share/fish/vendor_completions.d/premigrate.fish`,
      zsh: `${root}/usr/share/zsh/vendor-completions/_premigrate`,
      zshOfFedora: `${root}/usr/share/zsh/site-functions/_premigrate`,
    },
  };
}

/** What the agent writes in the folder of node_exporter's textfile collector. */
export function metricsFile({ root }: Pick<Paths, "root">, folder: string): string {
  return `${root}${folder}/premigrate.prom`;
}
