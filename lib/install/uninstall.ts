import { PremigrateError } from "../error/mod.ts";
import { below } from "../config/below.ts";
import { metricsFile } from "../config/paths.ts";
import { readApplied } from "../config/read_applied.ts";
import { readEntry } from "./file_entry.ts";
import { LAYOUT, PRIVATE_FOLDERS } from "./layout.ts";
import { MANIFEST, readManifest, refusePackaged } from "./manifest.ts";
import type { Change } from "./plan.ts";

/** What the operator may have changed, and keeps then. */
const CHOICES: readonly string[] = [LAYOUT.config, LAYOUT.logrotate];

/**
 * Removes what the installation's list names, the hook first: it may not be there without what it
 * runs. With `purge` also the operator's choices, and what was recorded. `prepare` comes before.
 *
 * @throws {PremigrateError} When there is no such list.
 * @throws {PremigrateError} When it is damaged.
 * @throws {PremigrateError} When a package is installed.
 */
export async function uninstall(
  root: string,
  { purge, prepare }: { readonly purge: boolean; readonly prepare?: () => Promise<void> },
): Promise<Change[]> {
  const manifest = await readManifest(root);
  if (manifest === undefined) {
    const problem = `found no ${root}${MANIFEST}, so that nothing is known to be installed`;
    throw new PremigrateError("not-installed", "Cannot uninstall", problem);
  }
  refusePackaged(manifest, "Cannot uninstall");
  await prepare?.();
  const changes: Change[] = [];
  const { agent } = await readApplied(await below(root, LAYOUT.applied));
  const metrics = agent.metrics === undefined ? [] : [metricsFile(LAYOUT, agent.metrics)];
  const paths = Object.keys(manifest.files).filter((path) => path !== LAYOUT.hook);
  for (const path of [LAYOUT.hook, ...paths, ...metrics, ...purge ? CHOICES : []]) {
    const change = await removeFile(root, path, manifest.files[path], purge);
    if (change !== undefined) changes.push(change);
  }
  // The cache holds nothing that cannot be asked again.
  for (const folder of purge ? PRIVATE_FOLDERS : [LAYOUT.cache]) {
    const path = await below(root, folder);
    if ((await readEntry(path)).kind !== "folder") continue;
    await Deno.remove(path, { recursive: true });
    changes.push({ path: `${root}${folder}`, what: "removed" });
  }
  await Deno.remove(await below(root, MANIFEST));
  changes.push({ path: `${root}${MANIFEST}`, what: "removed" });
  for (const folder of manifest.folders.toReversed()) {
    const change = await removeFolder(root, folder);
    // Nobody needs to be told that /etc is still in use.
    const isOurs = folder.includes("/premigrate");
    if (change?.what === "removed" || (change !== undefined && isOurs)) changes.push(change);
  }
  return changes;
}

async function removeFile(
  root: string,
  path: string,
  mark: string | undefined,
  purge: boolean,
): Promise<Change | undefined> {
  const entry = await readEntry(await below(root, path));
  if (entry.kind === "missing") return undefined;
  const isSame = "mark" in entry && entry.mark === mark;
  if (!isSame && CHOICES.includes(path) && !purge) {
    return { path: `${root}${path}`, what: "kept", why: "it was changed since it was installed" };
  }
  if (entry.kind !== "file" && entry.kind !== "link") {
    return { path: `${root}${path}`, what: "kept", why: "it is no file" };
  }
  await Deno.remove(await below(root, path));
  const isGenerated = path === LAYOUT.applied || mark === undefined;
  return {
    path: `${root}${path}`,
    what: "removed",
    ...isSame || isGenerated || CHOICES.includes(path)
      ? {}
      : { why: "it had been changed since it was installed" },
  };
}

async function removeFolder(root: string, folder: string): Promise<Change | undefined> {
  const path = `${root}${folder}`;
  try {
    await Deno.remove(await below(root, folder, { follow: true }));
    return { path, what: "removed" };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (!(error instanceof Error)) throw error;
    // Deno has no class of its own for ENOTEMPTY.
    return { path, what: "kept", why: "it is not empty" };
  }
}
