import type { Description } from "./message.ts";
import {
  askPlugin,
  type CodePlugin,
  PluginError,
  type ProcessOptions,
  readMessage,
} from "./process.ts";
import { DescriptionSchema } from "./schema.ts";

/** A plugin that said what it is. */
export interface DescribedPlugin extends CodePlugin {
  /** All of a policy but its rules. */
  readonly description: Description;
}

/** A plugin that is not there to be asked, and why. */
export interface FailedPlugin {
  readonly missing: PluginError;
}

/**
 * Asks plugins what they are, side by side. An id is the first's that has it.
 *
 * @param taken The ids of other policies; those of a site are nobody else's anyway.
 */
export async function describePlugins(
  plugins: readonly CodePlugin[],
  taken: readonly string[],
  options: ProcessOptions,
): Promise<(DescribedPlugin | FailedPlugin)[]> {
  const described = await Promise.all(plugins.map(async (plugin) => {
    try {
      return await describePlugin(plugin, options);
    } catch (error) {
      if (error instanceof PluginError) return { missing: error };
      throw error;
    }
  }));
  const ids = new Set(taken);
  return described.map((plugin) => {
    if ("missing" in plugin) return plugin;
    const { name, description: { id } } = plugin;
    if (ids.has(id) || id.startsWith("site/")) {
      return { missing: new PluginError("plugin-claims-id", { id: name, claimed: id }) };
    }
    ids.add(id);
    return plugin;
  });
}

/**
 * Asks a plugin what it is.
 *
 * @throws {PluginError} Whatever goes wrong; also where its options do not fit.
 */
export async function describePlugin(
  plugin: CodePlugin,
  options: ProcessOptions,
): Promise<DescribedPlugin> {
  const request = { kind: "describe", options: plugin.options ?? {} } as const;
  const answer = await askPlugin(plugin, request, options);
  return { ...plugin, description: readMessage(plugin.name, DescriptionSchema, answer) };
}
