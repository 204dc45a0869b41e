import { oneLine } from "../facts/one_line.ts";
import { LAYOUT, PRIVATE_FOLDERS } from "./layout.ts";
import { findDaemon, findLibvirtVersion, hasHookFolders } from "./libvirt_daemon.ts";
import type { HostIo } from "./host_io.ts";

/** What was found when this host was made ready. */
export interface HostSteps {
  readonly warnings: readonly string[];
  /** What the operator is to do. */
  readonly next: readonly string[];
}

const HOOKS = "/etc/libvirt/hooks";

/** The other executable hooks of guests, in the order in which libvirt runs them. */
export async function findOtherHooks(host: HostIo, root: string): Promise<string[]> {
  const folder = `${root}${HOOKS}`;
  const names = await host.list(`${folder}/qemu.d`) ?? [];
  const paths = [`${folder}/qemu`, ...names.map((name) => `${folder}/qemu.d/${name}`)];
  const found: string[] = [];
  for (const path of paths) {
    if (path === `${root}${LAYOUT.hook}`) continue;
    const stat = await host.stat(path).catch(() => undefined);
    if (stat?.kind === "file" && (stat.mode & 0o111) !== 0) found.push(path);
  }
  return found;
}

/**
 * After an installation on this very host: SELinux's labels, what libvirt is, what is known of its
 * QEMU. Nothing of this keeps the hook from its work, so nothing of it is an error.
 */
export async function makeReady(
  host: HostIo,
  { isFirst }: { readonly isFirst: boolean },
): Promise<HostSteps> {
  const warnings: string[] = [];
  const next: string[] = [];
  const labels = [LAYOUT.lib, LAYOUT.command, LAYOUT.hook, LAYOUT.unit, "/etc/premigrate"];
  const paths = [...labels, LAYOUT.logrotate, ...PRIVATE_FOLDERS];
  const { kind, code, stderr } = await host.run("restorecon", ["-R", ...paths]);
  if (kind !== "not-started" && code !== 0) {
    warnings.push(`restorecon ended with ${code}: ${oneLine(stderr)}`);
  }
  const version = await findLibvirtVersion(host);
  if (version === undefined) {
    warnings.push("There is no libvirt here that tells its version");
  } else if (!hasHookFolders(version)) {
    warnings.push(
      `libvirt ${
        version.join(".")
      } runs no hooks of qemu.d, wanted 6.5: call ${LAYOUT.hook} from ${HOOKS}/qemu`,
    );
  }
  try {
    await host.fillCache(LAYOUT);
  } catch (error) {
    const said = oneLine(error instanceof Error ? error.message : String(error));
    warnings.push(`${LAYOUT.cache} is not filled: ${said}`);
  }
  // libvirt looks for hooks when it starts or is reloaded; once it has found one it looks each time
  // (virHookInitialize, virHooksFound).
  if (isFirst && (await findOtherHooks(host, "")).length === 0) {
    const daemon = await findDaemon(host);
    next.push(
      daemon === undefined
        ? "systemctl reload virtqemud (or libvirtd), if it runs: it does not know of hooks yet"
        : `systemctl reload ${daemon.name}: it does not know of hooks yet`,
    );
  }
  next.push("premigrate doctor");
  return { warnings, next };
}
