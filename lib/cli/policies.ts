import { ValidationError } from "@cliffy/command";
import { pathsBelow } from "../config/paths.ts";
import { policySet, TAKEN_IDS } from "../config/policy_set.ts";
import { readSiteFolder } from "../config/site_folder.ts";
import { inputError } from "../facts/files.ts";
import { HOST_IO } from "../install/host_io.ts";
import { readPluginFile } from "../plugin/file.ts";
import {
  type CodePlugin,
  type DescribedPlugin,
  describePlugins,
  type FailedPlugin,
  judgeWithPlugins,
  OWN_RUNNER,
} from "../plugin/mod.ts";
import type { Registry } from "../policy/mod.ts";
import { attributesOf } from "../policy/attributes.ts";

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

/** What a command was told of the policies. */
export interface PolicyChoices {
  /** The folder of the site's, where it is another than that of the hook. */
  readonly policies?: string | undefined;
  /** Code plugins. */
  readonly plugin?: readonly string[] | undefined;
}

/** All policies, those of the code plugins included. */
export interface AllPolicies {
  /** The sysfs attributes that they declare. */
  readonly attributes: readonly string[];
  /** Judges with them; what is given must be pure. */
  readonly judge: <T>(judge: (registry: Registry) => T) => Promise<T>;
}

/**
 * The policies of a command that judges: the built-in ones, the site's, and the code plugins.
 *
 * @throws {PremigrateError} When a file of the site's cannot be read.
 * @throws {PremigrateError} When a plugin is another than the one that is listed; none is run then.
 */
export async function loadAll(choices: PolicyChoices): Promise<AllPolicies> {
  const { chosen, plugins } = await loadPolicies(choices);
  const own = policySet(chosen).policies.map(({ policy }) => policy);
  const described = plugins.flatMap((plugin) => "missing" in plugin ? [] : [plugin.description]);
  return {
    attributes: attributesOf([...own, ...described]),
    judge: (judge) =>
      judgeWithPlugins(plugins, (plugins) => judge(policySet(chosen, plugins)), OWN_RUNNER),
  };
}

/**
 * The registry of a command that tells of policies.
 *
 * @throws {PremigrateError} When a file of the site's cannot be read.
 * @throws {PremigrateError} When a plugin is another than the one that is listed.
 * @throws {PluginError} When a plugin does not say what it is.
 */
export async function loadRegistry(choices: PolicyChoices): Promise<Registry> {
  const { chosen, plugins } = await loadPolicies(choices);
  const failed = plugins.find((plugin) => "missing" in plugin);
  if (failed !== undefined) throw failed.missing;
  return await judgeWithPlugins(plugins, (plugins) => policySet(chosen, plugins), OWN_RUNNER);
}

async function loadPolicies({ policies: folder, plugin }: PolicyChoices): Promise<{
  readonly chosen: Parameters<typeof policySet>[0];
  readonly plugins: readonly (DescribedPlugin | FailedPlugin)[];
}> {
  const site = await readSiteFolder(folder ?? pathsBelow().policies, {
    wanted: folder !== undefined,
  });
  const plugins = await describePlugins(await loadPlugins(plugin), TAKEN_IDS, OWN_RUNNER);
  return { chosen: { policies: {}, site }, plugins };
}

/**
 * Reads the plugins that are named by `--plugin`.
 *
 * @throws {PremigrateError} When one is another than its digest says.
 */
function loadPlugins(options: readonly string[] = []): Promise<CodePlugin[]> {
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
