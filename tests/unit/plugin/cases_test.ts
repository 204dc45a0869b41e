import { assertEquals } from "@std/assert";
import {
  type CaseFinding,
  type Finding,
  type PolicyCase,
  runCase,
} from "../../../lib/policy/mod.ts";
import example, { CASES as EXAMPLE_CASES } from "../../../plugins/example/revision/policy.ts";
import { BUILT_IN } from "../../../plugins/mod.ts";
import { PLUGIN_CASES } from "../../cases/plugins.ts";

/** A finding as the case has it: without the data that the case does not speak of. */
function likeExpected({ code, severity, offset, data }: Finding, expected?: CaseFinding): unknown {
  const told = Object.keys(expected?.[3] ?? {}).map((key) => [key, data[key]]);
  return { code, severity, offset, data: Object.fromEntries(told) };
}

const ALL_CASES: Readonly<Record<string, readonly PolicyCase[]>> = {
  ...PLUGIN_CASES,
  [example.id]: EXAMPLE_CASES,
};

for (const policy of [...BUILT_IN, example]) {
  for (const given of ALL_CASES[policy.id] ?? []) {
    Deno.test(`${policy.id}: ${given.name}`, () => {
      const { decision, findings, ran } = runCase(policy, given);
      assertEquals(ran, [{ policy: policy.id, device: "device" }]);
      assertEquals(
        findings.map((finding, index) => likeExpected(finding, given.findings[index])),
        given.findings.map(([code, severity, offset, data = {}]) => ({
          code,
          severity,
          offset,
          data,
        })),
      );
      assertEquals(decision, given.decision);
    });
  }
}
