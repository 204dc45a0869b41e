import { decodeBase64 } from "@std/encoding/base64";
import { type Judge, judgeWithPlugins } from "../plugin/apply.ts";
import type { DescribedPlugin } from "../plugin/describe.ts";
import type { Config } from "./config.ts";

type Choices = Pick<Config, "policies" | "loaded">;

/** How plugins are run. */
export interface PluginTerms {
  /** Becomes the Deno without permissions that a plugin runs in. */
  readonly runner: string;
  /** The deadline, as `performance.now()` has it. */
  readonly ends: number;
  /** The deadline. */
  readonly signal: AbortSignal;
}

const MOST_SECONDS = 2;

/** The plugins that are applied, as they were when the configuration was applied. */
export function pluginsOf({ policies, loaded = {} }: Choices): DescribedPlugin[] {
  return Object.entries(loaded).flatMap(([name, { description, code }]) => {
    const { mode, options = {} } = policies[name] ?? {};
    return mode === "off" ? [] : [{ name, description, code: decodeBase64(code), options }];
  });
}

/** Judges with the plugins that the operator chose. A plugin may take half of the time that is left. */
export function judgeWithChosen<T>(
  choices: Choices,
  { runner, ends, signal }: PluginTerms,
  judge: Judge<T>,
): Promise<T> {
  const left = (ends - performance.now()) / 2000;
  const seconds = Math.round(Math.max(0, Math.min(MOST_SECONDS, left)) * 10) / 10;
  return judgeWithPlugins(pluginsOf(choices), judge, { runner: [runner], seconds, signal });
}
