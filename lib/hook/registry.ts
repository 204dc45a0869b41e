import { BUILT_IN } from "../../plugins/mod.ts";
import { Registry } from "../policy/mod.ts";
import { sitePolicies } from "../site/mod.ts";
import type { Config } from "./config.ts";

type Choices = Pick<Config, "policies" | "site">;

/**
 * The registry that the operator chose: the built-in policies, with the configured options, and the
 * site's own.
 *
 * @throws {PolicyOptionsError} When options do not fit their policy.
 */
export function configuredRegistry({ policies, site = {} }: Choices): Registry {
  const registry = new Registry();
  for (const policy of [...BUILT_IN, ...sitePolicies(site)]) {
    const { mode, options } = policies[policy.id] ?? {};
    if (mode !== "off") registry.use(policy, options);
  }
  return registry;
}

/**
 * The same without the policies that are only observed: their findings keep no device from being
 * chosen.
 *
 * @throws {PolicyOptionsError} When options do not fit their policy.
 */
export function decidingRegistry({ policies, site }: Choices): Registry {
  const deciding = Object.entries(policies).map(([id, choice]) =>
    [id, choice.mode === "observe" ? { ...choice, mode: "off" as const } : choice] as const
  );
  return configuredRegistry({ policies: Object.fromEntries(deciding), site });
}
