import { assertEquals, assertStringIncludes } from "@std/assert";
import { policySet } from "../../../lib/config/policy_set.ts";
import { OWN } from "../../../lib/hook/codes.ts";
import { policiesPage } from "../../../lib/report/policies_page.ts";

const { policies } = policySet({ policies: {} });
const PAGE = policiesPage(policies, OWN);

Deno.test("docs/policies.md is what the registry says (else: deno task docs)", () => {
  assertEquals(Deno.readTextFileSync("docs/policies.md"), PAGE);
});

Deno.test("the page has a section for every policy and every code, and no other of their rank", () => {
  const sections = [
    ...policies.map(({ policy: { id, codes } }) => ({ id, codes })),
    OWN.policy,
  ];
  const headings = PAGE.match(/^###? .*$/gm)?.filter((line) =>
    !line.startsWith("### ") || line.includes("`")
  );
  assertEquals(
    headings,
    sections.flatMap(({ id, codes }) => [
      `## ${id}`,
      ...Object.entries(codes).map(([code, { severity }]) => `### \`${code}\` (${severity})`),
    ]),
  );
  for (const { policy } of policies) assertStringIncludes(PAGE, `**${policy.title}**`);
});
