import { BUILT_IN } from "../../plugins/mod.ts";
import { pathsBelow } from "../hook/paths.ts";
import { readSiteFolder } from "../install/site_folder.ts";
import { type Policy, Registry } from "../policy/mod.ts";
import { sitePolicies } from "../site/mod.ts";

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
  const site = await readSiteFolder(folder ?? pathsBelow().policies, {
    wanted: folder !== undefined,
  });
  return registryOf([...BUILT_IN, ...sitePolicies(site)]);
}

function registryOf(policies: readonly Policy[]): Registry {
  const registry = new Registry();
  for (const policy of policies) registry.use(policy);
  return registry;
}
