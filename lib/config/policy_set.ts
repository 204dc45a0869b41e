import { BUILT_IN, FORMER_IDS } from "../../plugins/mod.ts";
import type { PluginPolicies } from "../plugin/apply.ts";
import { Registry } from "../policy/mod.ts";
import { sitePolicies } from "../site/mod.ts";
import type { Choice, Config } from "./config.ts";

/** What no code plugin may call itself. */
export const TAKEN_IDS: readonly string[] = [...BUILT_IN.map(({ id }) => id), ...FORMER_IDS.keys()];

/**
 * The policies of a configuration: the built-in ones, with the chosen options, the site's own, and
 * the code plugins.
 *
 * @param plugins What became of the code plugins.
 * @param onFailed Of those that decide alone, without what is only observed: what becomes of a guest
 * where one failed. Neither keeps a device from being chosen.
 * @throws {PremigrateError} When options do not fit their policy.
 */
export function policySet(
  { policies, site = {} }: Pick<Config, "policies" | "site">,
  plugins: PluginPolicies = { policies: [], findings: [] },
  onFailed?: Choice,
): Registry {
  const isApplied = (id = ""): boolean => {
    const { mode = "enforce" } = policies[id] ?? {};
    return mode === "enforce" || (mode === "observe" && onFailed === undefined);
  };
  const registry = new Registry();
  for (const policy of [...BUILT_IN, ...sitePolicies(site), ...plugins.policies]) {
    const { options, codes = {} } = policies[policy.id] ?? {};
    if (isApplied(policy.id)) registry.use(policy, options, Object.keys(codes));
  }
  for (const finding of onFailed === "open" ? [] : plugins.findings) {
    if (isApplied(finding.about)) registry.note(finding);
  }
  return registry;
}
