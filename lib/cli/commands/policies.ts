import { Command } from "@cliffy/command";
import { type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import { policySet } from "../../config/policy_set.ts";
import type { OptionsSchema } from "../../policy/mod.ts";
import { policiesPage } from "../../report/policies_page.ts";
import { factsPage } from "../../site/facts_page.ts";
import { OWN } from "../../hook/codes.ts";
import { print, printJson } from "../output.ts";
import { loadRegistry, PLUGIN_OPTION, POLICIES_OPTION } from "../policies.ts";

/** `policies`: the registry. */
export const policies = new Command<{ json?: true }>()
  .description("List the policies: those that are built in, and the site's own.")
  .option(...POLICIES_OPTION)
  .option(...PLUGIN_OPTION)
  .option("--markdown", "Write them as a page in Markdown, each with its codes.")
  .option("--facts", "Write the page of all facts that a policy can ask for.")
  .example("With their options and codes", "premigrate policies --json")
  .action(async ({ json, markdown, facts, ...choices }) => {
    if (facts === true) return print(factsPage());
    // The page is the same on every host, but for what is named.
    const isSame = markdown === true && choices.policies === undefined &&
      choices.plugin === undefined;
    const { policies } = isSame ? policySet({ policies: {} }) : await loadRegistry(choices);
    if (markdown === true) return print(policiesPage(policies, OWN));
    const registered = policies.map(({ policy }) => policy);
    if (json !== true) {
      print(registered.map(({ id, title }) => `${id.padEnd(24)} ${title}\n`).join(""));
      return;
    }
    printJson(registered.map(({ id, title, match, judgesBytesAlone = false, options, codes }) => ({
      id,
      title,
      match,
      judgesBytesAlone,
      options: optionsJsonSchema(options),
      codes: Object.fromEntries(
        Object.entries(codes).map(([code, { severity, title }]) => [code, { severity, title }]),
      ),
    })));
  });

/** The JSON Schema of a policy's options; where another library than valibot made them, any. */
export function optionsJsonSchema(options: OptionsSchema<unknown>): JsonSchema {
  return isValibot(options) ? toJsonSchema(options, { typeMode: "input" }) : {};
}

function isValibot(schema: OptionsSchema<unknown>): schema is GenericSchema {
  return "~run" in schema;
}
