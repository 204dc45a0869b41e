import { version } from "../config/version.ts";
import { type Config, type Mode, writeApplied } from "../config/config.ts";
import { readConfig } from "../config/apply.ts";
import { below } from "../config/below.ts";
import { chooseDeno } from "./choose_deno.ts";
import { DIST_DENO } from "./dist_files.ts";
import { readEntry, writeEntry } from "./file_entry.ts";
import { findMissing, foldersAbove, makeFolder } from "./folders.ts";
import { itemsOf, LAYOUT, PRIVATE_FOLDERS } from "./layout.ts";
import {
  MANIFEST,
  type Manifest,
  readManifest,
  refusePackaged,
  writeManifest,
} from "./manifest.ts";
import { type Change, type Item, planStep, type Step } from "./plan.ts";

/** What is installed, and where. */
export interface InstallRequest {
  /** The build. */
  readonly dist: string;
  /** Without a slash at its end; empty for this host's own. */
  readonly root: string;
  /** The Deno that the hook will run; the build's, or else the one that runs now, unless given. */
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
  /** What is in force. */
  readonly mode: Mode;
}

/**
 * Installs a build below a root. Whatever stands against it is found before anything is changed.
 *
 * @throws {PremigrateError} When something else is where a file is to be.
 * @throws {PremigrateError} When the operator's configuration, the site's policies or code plugins, cannot be applied.
 * @throws {PremigrateError} When there is no such Deno.
 * @throws {PremigrateError} When the list that the installation before left is damaged.
 * @throws {PremigrateError} When a package is installed.
 */
export async function install({ dist, root, ...request }: InstallRequest): Promise<Installed> {
  const before = await readManifest(root);
  refusePackaged(before, "Cannot install");
  // A copy that was asked for once is kept, and renewed.
  const hasCopy = request.deno === undefined && Object.hasOwn(before?.files ?? {}, LAYOUT.deno);
  const copy = request.copyDeno === true || hasCopy;
  const build = `${dist}/${DIST_DENO}`;
  const own = (await readEntry(build)).kind === "file" ? build : undefined;
  const deno = await chooseDeno(root, { path: request.deno, own, copy });
  const items = await itemsOf(dist, deno.isKept ? deno.source : undefined);
  const { steps, mode } = await planFiles(root, items, deno.path, before);
  const paths = [...PRIVATE_FOLDERS, ...items.map(({ path }) => path)];
  const above = new Set([...paths.flatMap(foldersAbove), LAYOUT.policies]);
  for (const folder of PRIVATE_FOLDERS) above.delete(folder);
  const missing = await findMissing(root, [...above]);
  const missingPrivate = await findMissing(root, PRIVATE_FOLDERS);

  // From here on something is changed.
  await Deno.mkdir(root === "" ? "/" : root, { recursive: true, mode: 0o755 });
  const changes: Change[] = [];
  for (const folder of missing) await makeFolder(root, folder, 0o755);
  for (const folder of PRIVATE_FOLDERS) {
    changes.push(await makePrivate(root, folder, missingPrivate.includes(folder)));
  }
  const isFirst = steps.at(-1)?.what === "made";
  const now = manifestOf(root, steps, [...missing, ...missingPrivate], before);
  const stale = await findStale(root, before?.files ?? {}, now.files);
  // It may have been there before.
  const known = { ...now, files: { [MANIFEST]: "" } };
  const list = await planStep(root, textItem(MANIFEST, writeManifest(now)), known);
  for (const step of [...steps.slice(0, -1), list, ...steps.slice(-1)]) {
    changes.push(await takeStep(root, step));
  }
  for (const path of stale) {
    await Deno.remove(await below(root, path));
    changes.push({ path: `${root}${path}`, what: "removed", why: "it is no part of this version" });
  }
  return { changes, warnings: deno.warning === undefined ? [] : [deno.warning], isFirst, mode };
}

/** What is to be done for each file, the hook last, and the mode that is in force then. */
async function planFiles(
  root: string,
  items: readonly Item[],
  deno: string,
  before: Manifest | undefined,
): Promise<{ readonly steps: readonly Step[]; readonly mode: Mode }> {
  const mode = await modeBefore(root, before);
  const steps: Step[] = [];
  for (const item of items) steps.push(await planStep(root, inMode(item, mode), before));
  const config = await readChoices(root, steps);
  const applied = textItem(LAYOUT.applied, writeApplied({ deno, config }));
  steps.splice(-1, 0, await planStep(root, applied, before));
  return { steps, mode: config.mode };
}

/** How the installation before decides; `undefined` where this is the first. */
async function modeBefore(root: string, before: Manifest | undefined): Promise<Mode | undefined> {
  const read = async (path: string): Promise<string | undefined> =>
    await Deno.readTextFile(await below(root, path, { follow: true })).catch(() => undefined);
  // What is not the template's stays, and is not asked.
  const text = await read(LAYOUT.config) ?? await read(LAYOUT.applied);
  if (before === undefined && text === undefined) return undefined;
  return /^mode:? observe$/m.test(text ?? "") ? "observe" : "enforce";
}

/** The template observes, as a first installation does; no later one may change what a host does. */
function inMode(item: Item, mode: Mode | undefined): Item {
  if (item.path !== LAYOUT.config || mode === undefined || !(item.content instanceof Uint8Array)) {
    return item;
  }
  const text = new TextDecoder().decode(item.content).replace(/^mode: .*$/m, `mode: ${mode}`);
  return { ...item, content: new TextEncoder().encode(text) };
}

function textItem(path: string, text: string): Item {
  return { path, content: new TextEncoder().encode(text), mode: 0o644, kind: "program" };
}

/** What is installed then. */
function manifestOf(
  root: string,
  steps: readonly Step[],
  made: readonly string[],
  before: Manifest | undefined,
): Manifest {
  const hookSince = steps.at(-1)?.what === "made" ? Date.now() : before?.hookSince;
  return {
    version,
    files: Object.fromEntries(
      steps.flatMap(({ item, mark }) => mark === undefined ? [] : [[item.path, mark]]),
    ),
    ...root !== "" || hookSince === undefined ? {} : { hookSince },
    folders: [...new Set(before?.folders).difference(new Set(made)), ...made],
  };
}

async function takeStep(root: string, { item, what }: Step): Promise<Change> {
  const { path, content, mode } = item;
  if (what === "made" || what === "changed") writeEntry(await below(root, path), content, mode);
  const why = what === "kept" ? { why: "it is not as it was installed, and may be yours" } : {};
  return { path: `${root}${path}`, what, ...why };
}

/** The choices that will be in force: of the file that stays, else of the one that is installed. */
async function readChoices(root: string, steps: readonly Step[]): Promise<Config> {
  const step = steps.find(({ item }) => item.path === LAYOUT.config);
  const content = step?.item.content;
  const text = step?.what !== "kept" && content instanceof Uint8Array
    ? new TextDecoder().decode(content)
    : await Deno.readTextFile(await below(root, LAYOUT.config, { follow: true }));
  return await readConfig(root, { text });
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
