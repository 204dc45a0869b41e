import * as v from "valibot";
import { definePolicy, type Finding, type Policy, type PolicyFinding } from "../policy/mod.ts";
import type { DescribedPlugin, FailedPlugin } from "./describe.ts";
import { type Question, type QuestionMessage, writeQuestion } from "./message.ts";
import { askPlugin, PluginError, type ProcessOptions, readMessage } from "./process.ts";
import { answersSchema } from "./schema.ts";

/** Plugins as policies, and the findings of those that failed. */
export interface PluginPolicies {
  readonly policies: readonly Policy[];
  readonly findings: readonly Finding[];
}

/** A judgement with plugins as policies; it must be pure. */
export type Judge<T> = (plugins: PluginPolicies) => T;

/**
 * Judges with code plugins. What they are asked is learnt by judging without their answers; then they
 * are asked, in processes side by side, and it is judged anew.
 *
 * @param judge It is called again as long as it asks a plugin something new.
 */
export async function judgeWithPlugins<T>(
  plugins: readonly (DescribedPlugin | FailedPlugin)[],
  judge: Judge<T>,
  options: ProcessOptions,
): Promise<T> {
  const asked = plugins.map((plugin) => new AskedPlugin(plugin));
  for (;;) {
    const result = judge({
      policies: asked.flatMap(({ policy }) => "missing" in policy ? [] : [policy]),
      findings: asked.flatMap(({ policy }) => "missing" in policy ? [policy.missing.finding] : []),
    });
    if (!asked.some(({ isAsked }) => isAsked)) return result;
    await Promise.all(asked.map((plugin) => plugin.answer(options)));
  }
}

/** A plugin, with what it is to be asked and what it answered so far. */
class AskedPlugin {
  readonly #plugin: DescribedPlugin | undefined;
  readonly #answers = new Map<string, readonly PolicyFinding[]>();
  readonly #asked = new Map<string, QuestionMessage>();
  #policy: Policy | FailedPlugin;

  constructor(plugin: DescribedPlugin | FailedPlugin) {
    const failed = "missing" in plugin;
    this.#plugin = failed ? undefined : plugin;
    this.#policy = failed ? plugin : this.#define(plugin);
  }

  get policy(): Policy | FailedPlugin {
    return this.#policy;
  }

  get isAsked(): boolean {
    return this.#asked.size > 0;
  }

  async answer(options: ProcessOptions): Promise<void> {
    if (this.#plugin === undefined || !this.isAsked) return;
    const { description: { id, codes }, ...plugin } = this.#plugin;
    const questions = [...this.#asked.values()];
    const request = { kind: "evaluate", options: plugin.options ?? {}, questions } as const;
    const schema = answersSchema(Object.keys(codes), questions.length);
    try {
      const answer = await askPlugin({ ...plugin, name: id }, request, options);
      const findings = readMessage(id, schema, answer);
      for (const [index, key] of [...this.#asked.keys()].entries()) {
        this.#answers.set(key, findings[index] ?? []);
      }
    } catch (error) {
      if (!(error instanceof PluginError)) throw error;
      this.#policy = { missing: error };
    }
    this.#asked.clear();
  }

  #define({ description: { ofGuest, ...description } }: DescribedPlugin): Policy {
    return definePolicy({
      ...description,
      // The plugin itself holds them against its schema.
      options: v.record(v.string(), v.unknown()),
      evaluate: (pair, migration) => this.#find({ pair, migration }),
      ...ofGuest ? { evaluateGuest: (migration) => this.#find({ migration }) } : {},
    });
  }

  #find(question: Question): readonly PolicyFinding[] {
    const message = writeQuestion(question);
    const key = JSON.stringify(message);
    const answer = this.#answers.get(key);
    if (answer === undefined) this.#asked.set(key, message);
    return answer ?? [];
  }
}
