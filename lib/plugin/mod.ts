/**
 * Code plugins: policies that others wrote, each in a process of its own without any permission.
 *
 * @module
 */
export { type Judge, judgeWithPlugins } from "./apply.ts";
export { buildPlugin, type BuiltPlugin, PluginBuildError } from "./build.ts";
export type { CodePlugin } from "./process.ts";
