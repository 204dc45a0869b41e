import { decodeBase64 } from "@std/encoding/base64";
import { type Judge, judgeWithPlugins } from "../plugin/apply.ts";
import type { DescribedPlugin } from "../plugin/describe.ts";
import { type Config, parseDuration } from "./config.ts";

type Choices = Pick<Config, "deadline" | "policies" | "loaded">;

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

/** How long a plugin may take, as long as there is time: a tenth of the deadline, as all else that is read. */
export function pluginSeconds({ deadline }: Pick<Config, "deadline">): number {
  return Math.max(LEAST_SECONDS, (parseDuration(deadline) ?? 0) / 10);
}

/** The plugins that are applied, as they were when the configuration was applied. */
export function pluginsOf({ policies, loaded = {} }: Omit<Choices, "deadline">): DescribedPlugin[] {
  return Object.entries(loaded).flatMap(([name, { description, code }]) => {
    const { mode, options = {} } = policies[name] ?? {};
    return mode === "off" ? [] : [{ name, description, code: decodeBase64(code), options }];
  });
}

/** Judges with the plugins that the operator chose; each has half of the time that is left at most. */
export function judgeWithChosen<T>(
  choices: Choices,
  { runner, ends, signal }: PluginTerms,
  judge: Judge<T>,
): Promise<T> {
  const left = (ends - performance.now()) / 2000;
  const seconds = Math.round(Math.max(0, Math.min(pluginSeconds(choices), left)) * 10) / 10;
  return judgeWithPlugins(pluginsOf(choices), judge, { runner: [runner], seconds, signal });
}
