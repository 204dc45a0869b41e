import { ValidationError } from "@cliffy/command";
import * as v from "valibot";
import { type Config, ConfigSchema, parseApplied } from "../config/config.ts";
import { parseConfig } from "../config/config_file.ts";
import { loadListed } from "../config/listed_plugins.ts";
import { pathsBelow } from "../config/paths.ts";
import { pluginsOf } from "../config/plugins.ts";
import { policySet, TAKEN_IDS } from "../config/policy_set.ts";
import { readSiteFolder } from "../config/site_folder.ts";
import { inputError, readText } from "../facts/files.ts";
import { HOST_IO } from "../install/host_io.ts";
import type { PluginPolicies } from "../plugin/apply.ts";
import { readPluginFile } from "../plugin/file.ts";
import {
  type CodePlugin,
  type DescribedPlugin,
  describePlugins,
  type FailedPlugin,
  judgeWithPlugins,
  OWN_RUNNER,
} from "../plugin/mod.ts";
import { attributesOf } from "../policy/attributes.ts";
import type { Policy, Registry } from "../policy/mod.ts";
import type { SitePolicies } from "../site/mod.ts";

/** `--policies`, for every command that applies policies. */
export const POLICIES_OPTION = [
  "--policies <dir:file>",
  "The site's policies (default: /etc/premigrate/policies.d).",
] as const;

/** `--plugin`, for every command that judges. */
export const PLUGIN_OPTION = [
  "--plugin <plugin:string>",
  "A code plugin as FILE=DIGEST, as `policy build` prints it.",
  { collect: true },
] as const;

/** `--config`, for a command that judges as a hook would. */
export const CONFIG_OPTION = [
  "--config <file:file>",
  "Judge by a config.yaml, with policies.d beside it, or by an applied.conf.",
] as const;

/** What a command was told of the policies. */
export interface PolicyChoices {
  /** The folder of the site's, where it is another than that of the hook. */
  readonly policies?: string | undefined;
  /** Code plugins. */
  readonly plugin?: readonly string[] | undefined;
  /** A configuration, where that of a destination is not to be taken. */
  readonly config?: string | undefined;
}

/** By what is judged. */
export interface Rules {
  /** What an operator chose, or what stands in for that. */
  readonly config: Config;
  /** The code plugins that are run. */
  readonly plugins: readonly (DescribedPlugin | FailedPlugin)[];
  /** What says so of those that are not. */
  readonly unasked: readonly Policy[];
}

/** What a command was told, with what this host has in the place of what it was not told. */
export interface OwnRules extends Rules {
  /** The sysfs attributes that its policies declare. */
  readonly attributes: readonly string[];
  /** What goes before what a destination has. */
  readonly told: {
    readonly config: string | undefined;
    readonly site: SitePolicies | undefined;
    readonly plugins: Rules["plugins"];
  };
}

/**
 * The rules of a command that judges: the built-in policies, the site's, and the code plugins, or those
 * of the configuration that it was told.
 *
 * @throws {PremigrateError} When a file cannot be read.
 * @throws {PremigrateError} When a plugin is another than the one that is listed; none is run then.
 */
export async function loadRules(choices: PolicyChoices): Promise<OwnRules> {
  const { policies: folder, config: file } = choices;
  const site = folder === undefined ? undefined : await readSiteFolder(folder, { wanted: true });
  const plugins = await describePlugins(await loadPlugins(choices), TAKEN_IDS, OWN_RUNNER);
  const told = { config: file, site, plugins };
  const rules = await withTold(
    file !== undefined
      ? await readConfigFile(file)
      : { ...v.parse(ConfigSchema, {}), site: await readSiteFolder(pathsBelow().policies) },
    told,
  );
  const described = rules.plugins.flatMap((plugin) =>
    "missing" in plugin ? [] : [plugin.description]
  );
  const policies = policySet(rules.config).policies.map(({ policy }) => policy);
  return { ...rules, attributes: attributesOf([...policies, ...described]), told };
}

/** A configuration as a command judges by it: what the command was told goes before. */
export async function withTold(config: Config, told: OwnRules["told"]): Promise<Rules> {
  const chosen = told.site === undefined ? config : { ...config, site: told.site };
  const ids = told.plugins.map(idOf);
  const listed = (await pluginsOf(chosen)).filter((plugin) => !ids.includes(idOf(plugin)));
  const own = told.plugins.map((plugin) =>
    "missing" in plugin
      ? plugin
      : { ...plugin, options: chosen.policies[idOf(plugin) ?? ""]?.options ?? {} }
  );
  return { config: chosen, plugins: [...listed, ...own], unasked: [] };
}

/** The id of a plugin's policy. */
export function idOf(plugin: DescribedPlugin | FailedPlugin): string | undefined {
  return "missing" in plugin ? plugin.missing.finding.about : plugin.description.id;
}

/** Judges by rules; what is given must be pure. */
export async function judgeBy<T>(
  { plugins, unasked }: Rules,
  judge: (plugins: PluginPolicies) => T,
): Promise<T> {
  return await judgeWithPlugins(
    plugins,
    ({ policies, findings }) => judge({ policies: [...policies, ...unasked], findings }),
    OWN_RUNNER,
  );
}

/**
 * The registry of a command that tells of policies.
 *
 * @throws {PremigrateError} When a file of the site's cannot be read.
 * @throws {PremigrateError} When a plugin is another than the one that is listed.
 * @throws {PluginError} When a plugin does not say what it is.
 */
export async function loadRegistry(choices: PolicyChoices): Promise<Registry> {
  const rules = await loadRules(choices);
  const failed = rules.plugins.find((plugin) => "missing" in plugin);
  if (failed !== undefined) throw failed.missing;
  return await judgeBy(rules, (plugins) => policySet(rules.config, plugins));
}

async function readConfigFile(file: string): Promise<Config> {
  const text = await readText(file);
  if (text.startsWith("premigrate ")) return parseApplied(text);
  const beside = `${file.replace(/[^/]*$/, "")}policies.d`;
  const site = file === "-" ? {} : await readSiteFolder(beside);
  return await loadListed({ path: file, text, root: "" }, parseConfig(file, text, site));
}

/**
 * Reads the plugins that are named by `--plugin`.
 *
 * @throws {PremigrateError} When one is another than its digest says.
 */
function loadPlugins({ plugin: options = [] }: PolicyChoices): Promise<CodePlugin[]> {
  return Promise.all(options.map(async (option) => {
    const [, file, digest] = /^(.+)=([0-9a-f]{64})$/s.exec(option) ?? [];
    if (file === undefined || digest === undefined) {
      throw new ValidationError(`Cannot use --plugin "${option}": wanted FILE=DIGEST`);
    }
    const found = await readPluginFile(file, digest, HOST_IO);
    if ("missing" in found) throw inputError(file, found.missing);
    return { name: file.slice(file.lastIndexOf("/") + 1), code: found.code };
  }));
}
