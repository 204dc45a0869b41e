import { version } from "./version.ts";
import { type Applied, writeApplied } from "../config/config.ts";
import { readConfig } from "../config/apply.ts";
import { below } from "../config/below.ts";
import { chooseDeno } from "./choose_deno.ts";
import { readEntry, writeEntry } from "./entry.ts";
import { findMissing, foldersAbove, makeFolder } from "./folders.ts";
import { itemsOf, LAYOUT, PRIVATE_FOLDERS } from "./layout.ts";
import { MANIFEST, readManifest, writeManifest } from "./manifest.ts";
import { type Change, type Item, planStep, type Step } from "./plan.ts";

/** What is installed, and where. */
export interface InstallRequest {
  /** The build. */
  readonly dist: string;
  /** Without a slash at its end; empty for this host's own. */
  readonly root: string;
  /** The Deno that the hook will run; the one that runs now where it is not given. */
  readonly deno?: string | undefined;
  /** Keep a copy of it. */
  readonly copyDeno?: boolean | undefined;
}

/** What an installation did. */
export interface Installed {
  readonly changes: readonly Change[];
  readonly warnings: readonly string[];
  /** The hook was not there before. */
  readonly isFirst: boolean;
}

/**
 * Installs a build below a root. Whatever stands against it is found before anything is changed.
 *
 * @throws {PremigrateError} When something else is where a file is to be.
 * @throws {PremigrateError} When the operator's configuration, the site's policies or code plugins, cannot be applied.
 * @throws {PremigrateError} When there is no such Deno.
 * @throws {PremigrateError} When the list that the installation before left is damaged.
 */
export async function install(request: InstallRequest): Promise<Installed> {
  const { dist, root } = request;
  const manifest = await readManifest(root);
  // A copy that was asked for once is kept, and renewed.
  const hasCopy = request.deno === undefined && Object.hasOwn(manifest?.files ?? {}, LAYOUT.deno);
  const deno = await chooseDeno(root, {
    path: request.deno,
    copy: request.copyDeno === true || hasCopy,
  });
  const items = await itemsOf(dist, deno.isKept ? deno.source : undefined);
  const steps: Step[] = [];
  for (const item of items) steps.push(await planStep(root, item, manifest));

  const applied: Item = {
    path: LAYOUT.applied,
    content: new TextEncoder().encode(writeApplied(await readChoices(root, steps, deno.path))),
    mode: 0o644,
    kind: "program",
  };
  // Before the hook.
  steps.splice(-1, 0, await planStep(root, applied, manifest));

  const above = [...new Set(items.flatMap(({ path }) => foldersAbove(path)))];
  const parents = PRIVATE_FOLDERS.flatMap(foldersAbove)
    .filter((folder) => !PRIVATE_FOLDERS.includes(folder));
  const folders = [...new Set([...parents, ...above, LAYOUT.policies])];
  const missing = await findMissing(root, folders);
  const missingPrivate = await findMissing(root, PRIVATE_FOLDERS);

  // From here on something is changed.
  await Deno.mkdir(root === "" ? "/" : root, { recursive: true, mode: 0o755 });
  const changes: Change[] = [];
  for (const folder of missing) await makeFolder(root, folder, 0o755);
  for (const folder of PRIVATE_FOLDERS) {
    changes.push(await makePrivate(root, folder, missingPrivate.includes(folder)));
  }
  const files: Record<string, string> = {};
  for (const { item, mark } of steps) if (mark !== undefined) files[item.path] = mark;
  const stale = await findStale(root, manifest?.files ?? {}, files);
  const made = [...missing, ...missingPrivate];
  const isFirst = steps.at(-1)?.what === "made";
  const hookSince = isFirst ? Date.now() : manifest?.hookSince;
  const next = writeManifest({
    version,
    files,
    ...root !== "" || hookSince === undefined ? {} : { hookSince },
    folders: [...(manifest?.folders ?? []).filter((folder) => !made.includes(folder)), ...made],
  });
  const list: Item = {
    path: MANIFEST,
    content: new TextEncoder().encode(next),
    mode: 0o644,
    kind: "program",
  };
  const known = { version, files: { [MANIFEST]: "" }, folders: [] };
  steps.splice(-1, 0, await planStep(root, list, known));
  for (const { item: { path, content, mode }, what } of steps) {
    if (what === "made" || what === "changed") {
      writeEntry(await below(root, path), content, mode);
    }
    changes.push({
      path: `${root}${path}`,
      what,
      ...what === "kept" ? { why: "it is not as it was installed, and may be yours" } : {},
    });
  }
  for (const path of stale) {
    await Deno.remove(await below(root, path));
    changes.push({ path: `${root}${path}`, what: "removed", why: "it is no part of this version" });
  }
  return {
    changes,
    warnings: deno.warning === undefined ? [] : [deno.warning],
    isFirst,
  };
}

/** The choices that will be in force: of the file that stays, else of the one that is installed. */
async function readChoices(root: string, steps: readonly Step[], deno: string): Promise<Applied> {
  const step = steps.find(({ item }) => item.path === LAYOUT.config);
  const content = step?.item.content;
  const text = step?.what !== "kept" && content instanceof Uint8Array
    ? new TextDecoder().decode(content)
    : await Deno.readTextFile(await below(root, LAYOUT.config, { follow: true }));
  return { deno, config: await readConfig(root, { text }) };
}

async function makePrivate(root: string, folder: string, isMissing: boolean): Promise<Change> {
  const path = `${root}${folder}`;
  if (isMissing) {
    await makeFolder(root, folder, 0o700);
    return { path, what: "made" };
  }
  const found = await below(root, folder, { follow: true });
  const { mode } = await Deno.stat(found);
  if (((mode ?? 0) & 0o7777) === 0o700) return { path, what: "unchanged" };
  await Deno.chmod(found, 0o700);
  return { path, what: "changed" };
}

/** What an older version installed, is as it was then, and is no part of this one. */
async function findStale(
  root: string,
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, mark] of Object.entries(before)) {
    if (Object.hasOwn(now, path)) continue;
    const entry = await readEntry(await below(root, path));
    if ("mark" in entry && entry.mark === mark) stale.push(path);
  }
  return stale;
}
