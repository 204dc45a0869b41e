/**
 * Code plugins: policies that others wrote, each in a process of its own without any permission.
 *
 * @module
 */
export { judgeWithPlugins } from "./apply.ts";
export type { CodePlugin } from "./process.ts";
