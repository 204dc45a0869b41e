import { BUILT_IN } from "../../plugins/mod.ts";
import { Registry } from "../policy/mod.ts";

/** The registry of the command line: the built-in policies with their default options. */
export function builtInRegistry(): Registry {
  const registry = new Registry();
  for (const policy of BUILT_IN) registry.use(policy);
  return registry;
}
