import { decodeBase64 } from "@std/encoding/base64";
import { type Judge, judgeWithPlugins } from "../plugin/apply.ts";
import type { DescribedPlugin, FailedPlugin } from "../plugin/describe.ts";
import { sha256 } from "../facts/sha256.ts";
import { PluginError } from "../plugin/process.ts";
import { type Config, parseDuration } from "./config.ts";

type Choices = Pick<Config, "deadline" | "policies" | "plugins" | "loaded">;

/** How plugins are run. */
export interface PluginTerms {
  /** Becomes the Deno without permissions that a plugin runs in. */
  readonly runner: string;
  /** The deadline, as `performance.now()` has it. */
  readonly ends: number;
  /** The deadline. */
  readonly signal: AbortSignal;
}

const LEAST_SECONDS = 2;

/** How long a plugin may take, where so much time is left: a tenth of the deadline. */
export function pluginSeconds({ deadline }: Pick<Config, "deadline">): number {
  return Math.max(LEAST_SECONDS, (parseDuration(deadline) ?? 0) / 10);
}

/**
 * The plugins that are applied, as they were when the configuration was applied. One that is only
 * observed vouches for no device: what it says counts as little as if it were not there.
 */
export async function pluginsOf(
  { policies, plugins, loaded = {} }: Omit<Choices, "deadline">,
): Promise<(DescribedPlugin | FailedPlugin)[]> {
  const chosen = Object.entries(loaded).filter(([id]) => policies[id]?.mode !== "off");
  return await Promise.all(chosen.map(async ([name, { description, code }]) => {
    const { mode, options = {} } = policies[name] ?? {};
    const bytes = decodeBase64(code);
    const found = await sha256(bytes);
    if (found !== plugins[name]?.digest) {
      const problem = `its SHA-256 digest is ${found}, listed is ${plugins[name]?.digest}`;
      return { missing: new PluginError("plugin-not-started", { id: name, problem }) };
    }
    const match = mode === "observe"
      ? { ...description.match, vouches: false as const }
      : description.match;
    return { name, description: { ...description, match }, code: bytes, options };
  }));
}

/** Judges with the plugins that the operator chose; each has half of the time that is left at most. */
export async function judgeWithChosen<T>(
  choices: Choices,
  { runner, ends, signal }: PluginTerms,
  judge: Judge<T>,
): Promise<T> {
  const plugins = await pluginsOf(choices);
  const left = (ends - performance.now()) / 2000;
  const seconds = Math.round(Math.max(0, Math.min(pluginSeconds(choices), left)) * 10) / 10;
  return await judgeWithPlugins(plugins, judge, { runner: [runner], seconds, signal });
}
