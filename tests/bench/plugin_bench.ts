/** What a code plugin costs: its two processes, for 1 and 10 plugins at once, and 1,000 devices. */
import { evaluate } from "../../lib/policy/mod.ts";
import { buildPlugin } from "../../lib/plugin/mod.ts";
import { BUILT_IN } from "../../plugins/mod.ts";
import { caseQuestion } from "../../lib/policy/case.ts";
import { CASES } from "../../plugins/example/revision/policy.ts";
import { judgeWith } from "../helpers/plugin_judge.ts";

const plugin = await buildPlugin("plugins/example/revision/policy.ts");
const [question] = CASES.map(caseQuestion);
if (question === undefined) throw new Error("There are no cases");
const { pair, migration } = question;

for (const devices of [1, 1000]) {
  const pairs = Array.from({ length: devices }, (_, index) => ({ ...pair, name: `gpu${index}` }));
  for (const plugins of [0, 1, 10]) {
    const listed = Array.from({ length: plugins }, (_, index) => renamed(index));
    Deno.bench(`${devices} devices, the built-in policies, ${plugins} plugins`, async () => {
      await judgeWith(
        BUILT_IN,
        listed,
        (registry) => evaluate(pairs, migration, registry),
        30,
      );
    });
  }
}

function renamed(index: number): typeof plugin {
  const text = new TextDecoder().decode(plugin.code);
  const code = new TextEncoder().encode(text.replaceAll("example/revision", `example/r${index}`));
  return { ...plugin, code };
}
