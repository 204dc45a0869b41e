import type { Description } from "./message.ts";
import { askPlugin, type CodePlugin, type ProcessOptions, readMessage } from "./process.ts";
import { DescriptionSchema } from "./schema.ts";

/**
 * Asks a plugin what it is.
 *
 * @throws {PluginError} Whatever goes wrong.
 */
export async function describePlugin(
  plugin: CodePlugin,
  options: ProcessOptions,
): Promise<Description> {
  const answer = await askPlugin(plugin, { kind: "describe" }, options);
  return readMessage(plugin.name, DescriptionSchema, answer);
}
