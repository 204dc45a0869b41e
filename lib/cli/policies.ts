import { BUILT_IN } from "../../plugins/mod.ts";
import { pathsBelow } from "../config/paths.ts";
import { readSiteFolder } from "../config/site_folder.ts";
import {
  type DescribedPlugin,
  describePlugins,
  judgeWithPlugins,
  OWN_RUNNER,
  PluginError,
  type PluginPolicies,
} from "../plugin/mod.ts";
import { attributesOf, type Policy, Registry } from "../policy/mod.ts";
import { sitePolicies } from "../site/mod.ts";
import { loadPlugins } from "./plugins.ts";

/** `--policies`, for every command that applies policies. */
export const POLICIES_OPTION = [
  "--policies <dir:file>",
  "The site's policies (default: /etc/premigrate/policies.d).",
] as const;

/** The registry of the built-in policies alone, with their default options. */
export function builtInRegistry(): Registry {
  return Registry.from(BUILT_IN);
}

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
 * @throws {ConfigError} When a file of the site's cannot be read.
 * @throws {InputError} When a plugin is another than the one that is listed; none is run then.
 */
export async function loadAll(choices: PolicyChoices): Promise<AllPolicies> {
  const { own, plugins } = await loadPolicies(choices);
  const described = plugins.flatMap((plugin) =>
    plugin instanceof PluginError ? [] : [plugin.description]
  );
  return {
    attributes: attributesOf([...own, ...described]),
    judge: (judge) =>
      judgeWithPlugins(plugins, ({ policies, findings }) => {
        const registry = Registry.from([...own, ...policies]);
        for (const finding of findings) registry.note(finding);
        return judge(registry);
      }, OWN_RUNNER),
  };
}

/**
 * The registry of a command that tells of policies.
 *
 * @throws {ConfigError} When a file of the site's cannot be read.
 * @throws {InputError} When a plugin is another than the one that is listed.
 * @throws {PluginError} When a plugin does not say what it is.
 */
export async function loadRegistry(choices: PolicyChoices): Promise<Registry> {
  const { own, plugins } = await loadPolicies(choices);
  const failed = plugins.find((plugin) => plugin instanceof PluginError);
  if (failed !== undefined) throw failed;
  const registerAll = ({ policies }: PluginPolicies): Registry =>
    Registry.from([...own, ...policies]);
  return await judgeWithPlugins(plugins, registerAll, OWN_RUNNER);
}

async function loadPolicies({ policies: folder, plugin }: PolicyChoices): Promise<{
  readonly own: readonly Policy[];
  readonly plugins: readonly (DescribedPlugin | PluginError)[];
}> {
  const site = await readSiteFolder(folder ?? pathsBelow().policies, {
    wanted: folder !== undefined,
  });
  const own = [...BUILT_IN, ...sitePolicies(site)];
  const ids = own.map(({ id }) => id);
  return { own, plugins: await describePlugins(await loadPlugins(plugin), ids, OWN_RUNNER) };
}
