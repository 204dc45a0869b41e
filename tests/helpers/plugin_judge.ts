/** A judgement as the command line makes it: plugins are described, and then they are asked. */
import {
  type CodePlugin,
  describePlugins,
  judgeWithPlugins,
  OWN_RUNNER,
} from "../../lib/plugin/mod.ts";
import { type Policy, Registry } from "../../lib/policy/mod.ts";

export async function judgeWith<T>(
  policies: readonly Policy[],
  plugins: readonly CodePlugin[],
  judge: (registry: Registry) => T,
  seconds: number = OWN_RUNNER.seconds,
): Promise<T> {
  const options = { ...OWN_RUNNER, seconds };
  const described = await describePlugins(plugins, policies.map(({ id }) => id), options);
  return await judgeWithPlugins(described, (answers) => {
    const registry = new Registry();
    for (const policy of [...policies, ...answers.policies]) registry.use(policy);
    for (const finding of answers.findings) registry.note(finding);
    return judge(registry);
  }, options);
}
