import { Command } from "@cliffy/command";
import { toJsonSchema } from "@valibot/to-json-schema";
import { print, printJson } from "../io.ts";
import { builtInRegistry } from "../policies.ts";

/** `policies`: the registry. */
export const policies = new Command<{ json?: true }>()
  .description("List the policies that are applied.")
  .example("With their options and codes", "premigrate policies --json")
  .action(({ json }) => {
    const registered = builtInRegistry().policies.map(({ policy }) => policy);
    if (json !== true) {
      print(registered.map(({ id, title }) => `${id.padEnd(24)} ${title}\n`).join(""));
      return;
    }
    printJson(registered.map(({ id, title, match, needs, options, codes }) => ({
      id,
      title,
      match,
      needs,
      options: toJsonSchema(options, { typeMode: "input" }),
      codes: Object.fromEntries(
        Object.entries(codes).map(([code, { severity, title }]) => [code, { severity, title }]),
      ),
    })));
  });
