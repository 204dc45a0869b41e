import { oneLine } from "../facts/one_line.ts";
import { agentState, renewAgent } from "./agent_unit.ts";
import type { Installed } from "./install.ts";
import { LAYOUT, PRIVATE_FOLDERS } from "./layout.ts";
import { findDaemon, findLibvirtVersion, hasHookFolders } from "./libvirt_daemon.ts";
import type { HostIo } from "./host_io.ts";

/** What was found when this host was made ready. */
export interface HostSteps {
  readonly warnings: readonly string[];
  readonly done: readonly string[];
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
 * QEMU, the agent that runs. Nothing of this keeps the hook from its work, so nothing of it is an error.
 */
export async function makeReady(
  host: HostIo,
  { changes, isFirst, mode }: Installed,
): Promise<HostSteps> {
  const warnings: string[] = [];
  const done: string[] = [];
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
  try {
    const isChanged = changes.some(({ what }) => what !== "unchanged" && what !== "kept");
    const renewed = isChanged ? await renewAgent(host) : undefined;
    if (renewed !== undefined) done.push(renewed);
  } catch (error) {
    warnings.push(error instanceof Error ? error.message : String(error));
  }
  if (await agentState(host) !== "active") {
    next.push(
      "systemctl enable --now premigrate-agent: it tells the destinations of this host's guests",
    );
  }
  next.push("premigrate doctor");
  if (mode === "observe") {
    next.push(
      `mode: enforce in ${LAYOUT.config}, then premigrate config apply: until then nothing is refused`,
    );
  }
  return { warnings, done, next };
}
