import { PremigrateError } from "../error/mod.ts";
import { readText, writeText } from "../facts/files.ts";
import { appliedError, type Config, parseApplied, writeApplied } from "./config.ts";
import { pathsBelow } from "./paths.ts";
import { below, filesBelow } from "./below.ts";
import { parseConfig } from "./config_file.ts";
import { loadListed } from "./listed_plugins.ts";
import { readSiteFolder } from "./site_folder.ts";

/** A choice that is another now. */
export interface ChangedChoice {
  /** The path of its key, with dots. */
  readonly key: string;
  /** `undefined` where there was none. */
  readonly from: unknown;
  /** `undefined` where there is none now. */
  readonly to: unknown;
}

/** What became of `applied.conf`. */
export interface Application {
  readonly path: string;
  readonly changes: readonly ChangedChoice[];
  /** Why the one before could not be read; then nothing is known of changes. */
  readonly damage: string | undefined;
}

/**
 * Makes the applied configuration of what the operator wrote, whole or not at all. The Deno stays
 * that of the one before.
 *
 * @throws {PremigrateError} When it cannot be applied.
 * @throws {PremigrateError} When there is none before that names a Deno.
 */
export async function applyConfig(root: string): Promise<Application> {
  const { applied: path } = pathsBelow(root);
  const config = await readConfig(root);
  const place = await below(root, path.slice(root.length));
  const before = await readText(place);
  const deno = denoOf(before);
  if (deno === undefined) {
    throw appliedError("it names no Deno; run `premigrate install` again");
  }
  await writeText(place, writeApplied({ deno, config }), { mode: 0o644 });
  try {
    return { path, changes: compareConfigs(parseApplied(before), config), damage: undefined };
  } catch (error) {
    if (!(error instanceof PremigrateError)) throw error;
    return { path, changes: [], damage: error.message };
  }
}

/**
 * What the operator wrote: the configuration, the site's policies, and the code plugins.
 *
 * @param given The configuration, where it is another than that below the root: its file, or its text.
 * @throws {PremigrateError} When it cannot be applied.
 */
export async function readConfig(
  root: string,
  given: { readonly file?: string | undefined; readonly text?: string } = {},
): Promise<Config> {
  const { config, policies } = pathsBelow(root);
  const { file: path = config } = given;
  const site = await readSiteFolder(policies, { files: filesBelow(root) });
  const text = given.text ??
    await readText(given.file ?? await below(root, pathsBelow().config, { follow: true }));
  return await loadListed({ path, text, root }, parseConfig(path, text, site));
}

/** The Deno that an applied configuration names, also where the rest of it is damaged. */
export function denoOf(applied: string): string | undefined {
  return /^deno (\/[!-~]*)$/m.exec(applied)?.[1];
}

/**
 * The choices that differ.
 *
 * @example
 * ```ts
 * import { compareConfigs } from "./apply.ts";
 * import { ConfigSchema } from "./config.ts";
 * import { v } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * const [before, after] = [{}, { mode: "observe" }].map((it) => v.parse(ConfigSchema, it));
 * assertEquals(before && after && compareConfigs(before, after), [
 *   { key: "mode", from: "enforce", to: "observe" },
 * ]);
 * ```
 */
export function compareConfigs(before: Config, after: Config): ChangedChoice[] {
  const [old, now] = [flattenConfig(before), flattenConfig(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((key) => ({ key, from: old.get(key), to: now.get(key) }))
    .filter(({ from, to }) => JSON.stringify(from) !== JSON.stringify(to));
}

/** Every single choice, by the path of its key with dots. Lists are one choice. */
export function flattenConfig({ loaded: _, ...config }: Config): Map<string, unknown> {
  const choices = new Map<string, unknown>();
  const add = (value: unknown, path: readonly string[]): void => {
    const isLeaf = typeof value !== "object" || value === null || Array.isArray(value);
    if (isLeaf) choices.set(path.join("."), value);
    else for (const [key, member] of Object.entries(value)) add(member, [...path, key]);
  };
  add(config, []);
  return choices;
}
