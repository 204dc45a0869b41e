import { BUILT_IN } from "../../plugins/mod.ts";
import { pathsBelow } from "../hook/paths.ts";
import { readSiteFolder } from "../install/site_folder.ts";
import { describePlugins, judgeWithPlugins, OWN_RUNNER } from "../plugin/mod.ts";
import { type Policy, Registry } from "../policy/mod.ts";
import { sitePolicies } from "../site/mod.ts";
import { loadPlugins } from "./plugins.ts";

/** `--policies`, for every command that applies policies. */
export const POLICIES_OPTION = [
  "--policies <dir:file>",
  "The site's policies (default: /etc/premigrate/policies.d).",
] as const;

/** The registry of the built-in policies alone, with their default options. */
export function builtInRegistry(): Registry {
  return registryOf(BUILT_IN);
}

/**
 * The registry of the command line: the built-in policies, and the site's.
 *
 * @param folder The site's, where it is another than that of the hook.
 * @throws {ConfigError} When a file there cannot be read.
 */
export async function loadRegistry(folder: string | undefined): Promise<Registry> {
  return registryOf(await loadPolicies(folder));
}

/** Judges with all policies, those of the code plugins included; it must be pure. */
export type JudgeWithAll = <T>(judge: (registry: Registry) => T) => Promise<T>;

/**
 * The policies of a command that judges: the built-in ones, the site's, and the code plugins.
 *
 * @throws {ConfigError} When a file of the site's cannot be read.
 * @throws {InputError} When a plugin is another than the one that is listed; none is run then.
 */
export async function loadJudge(
  { policies: folder, plugin }: {
    readonly policies?: string | undefined;
    readonly plugin?: readonly string[] | undefined;
  },
): Promise<JudgeWithAll> {
  const own = await loadPolicies(folder);
  const taken = own.map(({ id }) => id);
  const plugins = await describePlugins(await loadPlugins(plugin), taken, OWN_RUNNER);
  return (judge) =>
    judgeWithPlugins(plugins, ({ policies, findings }) => {
      const registry = registryOf([...own, ...policies]);
      for (const finding of findings) registry.note(finding);
      return judge(registry);
    }, OWN_RUNNER);
}

async function loadPolicies(folder: string | undefined): Promise<Policy[]> {
  const site = await readSiteFolder(folder ?? pathsBelow().policies, {
    wanted: folder !== undefined,
  });
  return [...BUILT_IN, ...sitePolicies(site)];
}

function registryOf(policies: readonly Policy[]): Registry {
  const registry = new Registry();
  for (const policy of policies) registry.use(policy);
  return registry;
}
