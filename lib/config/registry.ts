import { BUILT_IN } from "../../plugins/mod.ts";
import { Registry } from "../policy/mod.ts";
import { sitePolicies } from "../site/mod.ts";
import type { PluginPolicies } from "../plugin/apply.ts";
import type { Choice, Config } from "./config.ts";

type Choices = Pick<Config, "policies" | "site">;

const NO_PLUGINS: PluginPolicies = { policies: [], findings: [] };

/**
 * The registry that the operator chose: the built-in policies, with the configured options, the
 * site's own, and the code plugins.
 *
 * @throws {PolicyOptionsError} When options do not fit their policy.
 */
export function configuredRegistry(
  { policies, site = {} }: Choices,
  plugins: PluginPolicies = NO_PLUGINS,
): Registry {
  const registry = new Registry();
  for (const policy of [...BUILT_IN, ...sitePolicies(site), ...plugins.policies]) {
    const { mode, options, codes = {} } = policies[policy.id] ?? {};
    if (mode !== "off") registry.use(policy, options, Object.keys(codes));
  }
  for (const finding of plugins.findings) registry.note(finding);
  return registry;
}

/**
 * The same without the policies that are only observed, and without what failed where that is let
 * pass: neither keeps a device from being chosen.
 *
 * @param onFailed What becomes of a guest where a policy failed.
 * @throws {PolicyOptionsError} When options do not fit their policy.
 */
export function decidingRegistry(
  { policies, site }: Choices,
  plugins: PluginPolicies,
  onFailed: Choice,
): Registry {
  const isObserved = (id: string): boolean => policies[id]?.mode === "observe";
  const deciding = Object.entries(policies).map(([id, choice]) =>
    [id, isObserved(id) ? { ...choice, mode: "off" as const } : choice] as const
  );
  const findings = plugins.findings.filter(({ about = "" }) =>
    onFailed === "closed" && !isObserved(about)
  );
  return configuredRegistry({ policies: Object.fromEntries(deciding), site }, {
    ...plugins,
    findings,
  });
}
