import { BUILT_IN } from "../../plugins/mod.ts";
import { Registry } from "../policy/mod.ts";
import type { Config } from "./config.ts";

/**
 * The registry that the operator chose: the built-in policies, with the configured options.
 *
 * @throws {PolicyOptionsError} When options do not fit their policy.
 */
export function configuredRegistry({ policies }: Pick<Config, "policies">): Registry {
  const registry = new Registry();
  for (const policy of BUILT_IN) {
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
export function decidingRegistry({ policies }: Pick<Config, "policies">): Registry {
  const deciding = Object.entries(policies).map(([id, choice]) =>
    [id, choice.mode === "observe" ? { ...choice, mode: "off" as const } : choice] as const
  );
  return configuredRegistry({ policies: Object.fromEntries(deciding) });
}
