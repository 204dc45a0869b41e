import {
  definePolicy,
  DuplicatePolicyError,
  type Policy,
  type PolicyFinding,
  Registry,
  v,
} from "../policy/mod.ts";
import { describePlugin } from "./describe.ts";
import { type Description, type Question, type QuestionMessage, writeQuestion } from "./message.ts";
import {
  askPlugin,
  type CodePlugin,
  PluginError,
  type ProcessOptions,
  readMessage,
} from "./process.ts";
import { answersSchema } from "./schema.ts";

/** How long a plugin's process may take: one describes it, another has its answers. */
export const PLUGIN_SECONDS = 2;

/** A judgement with the policies of a registry; it must be pure. */
export type Judge<T> = (registry: Registry) => T;

/**
 * Judges with policies and code plugins. What the plugins are asked is learnt by judging without
 * their answers; then they are asked, in processes side by side, and it is judged anew.
 *
 * @param judge It is called again as long as it asks a plugin something new.
 */
export async function judgeWithPlugins<T>(
  policies: readonly Policy[],
  plugins: readonly CodePlugin[],
  judge: Judge<T>,
  seconds = PLUGIN_SECONDS,
): Promise<T> {
  if (plugins.length === 0) return judge(registryOf(policies, []));
  const folder = await Deno.makeTempDir({ prefix: "premigrate-plugins-" });
  try {
    const options = { folder, seconds };
    const running = await Promise.all(plugins.map((plugin) => PluginPolicy.start(plugin, options)));
    for (;;) {
      const result = judge(registryOf(policies, running));
      if (!running.some((plugin) => plugin.isAsked)) return result;
      await Promise.all(running.map((plugin) => plugin.answer(options)));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function registryOf(policies: readonly Policy[], plugins: readonly PluginPolicy[]): Registry {
  const registry = new Registry();
  for (const policy of policies) registry.use(policy);
  for (const plugin of plugins) plugin.addTo(registry);
  return registry;
}

/** A plugin: what it said of itself, and what it answered so far. */
class PluginPolicy {
  readonly #plugin: CodePlugin;
  readonly #answers = new Map<string, readonly PolicyFinding[]>();
  readonly #asked = new Map<string, QuestionMessage>();
  #policy: Policy | PluginError;

  private constructor(plugin: CodePlugin, described: Description | PluginError) {
    this.#plugin = plugin;
    this.#policy = described instanceof PluginError ? described : this.#define(described);
  }

  static async start(plugin: CodePlugin, options: ProcessOptions): Promise<PluginPolicy> {
    const { name } = plugin;
    const described = await failureOf(async () => {
      const description = await describePlugin(plugin, options);
      if (description.id.startsWith("site/")) throw claims(name, description.id);
      return description;
    });
    return new PluginPolicy(plugin, described);
  }

  get isAsked(): boolean {
    return this.#asked.size > 0;
  }

  addTo(registry: Registry): void {
    const policy = this.#policy;
    if (policy instanceof PluginError) {
      registry.note(policy.finding);
      return;
    }
    try {
      registry.use(policy);
    } catch (error) {
      if (!(error instanceof DuplicatePolicyError)) throw error;
      this.#fail(claims(this.#plugin.name, policy.id));
      this.addTo(registry);
    }
  }

  async answer(options: ProcessOptions): Promise<void> {
    const policy = this.#policy;
    if (!this.isAsked || policy instanceof PluginError) return;
    const { id, codes } = policy;
    const questions = [...this.#asked.values()];
    const schema = answersSchema(Object.keys(codes), questions.length);
    const plugin = { ...this.#plugin, name: id };
    const answers = await failureOf(async () =>
      readMessage(id, schema, await askPlugin(plugin, { kind: "evaluate", questions }, options))
    );
    if (answers instanceof PluginError) return this.#fail(answers);
    for (const [index, key] of [...this.#asked.keys()].entries()) {
      this.#answers.set(key, answers[index] ?? []);
    }
    this.#asked.clear();
  }

  #fail(error: PluginError): void {
    this.#policy = error;
    this.#asked.clear();
  }

  #define({ ofGuest, ...description }: Description): Policy {
    return definePolicy({
      ...description,
      options: v.strictObject({}),
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

function claims(id: string, claimed: string): PluginError {
  return new PluginError("plugin-claims-id", { id, claimed });
}

async function failureOf<T>(ask: () => Promise<T>): Promise<T | PluginError> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof PluginError) return error;
    throw error;
  }
}
