/**
 * Code plugins: policies that others wrote, each in a process of its own without any permission.
 *
 * @module
 */
export { type Judge, judgeWithPlugins, type PluginPolicies } from "./apply.ts";
export { buildPlugin, type BuiltPlugin } from "./build.ts";
export { type CaseOutcome, type TestedPolicy, testPlugin } from "./cases.ts";
export { type DescribedPlugin, describePlugins, type FailedPlugin } from "./describe.ts";
export { OWN_RUNNER } from "./own_runner.ts";
export { type CodePlugin, PluginError, type ProcessOptions } from "./process.ts";
