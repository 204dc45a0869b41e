import { Command, EnumType } from "@cliffy/command";
import { FactsSchema } from "../../facts/mod.ts";
import { ConfigSchema } from "../../config/config.ts";
import { jsonSchemaOf } from "../../config/yaml_file.ts";
import { SiteFileSchema } from "../../site/file.ts";
import { printJson } from "../output.ts";

const SCHEMAS = { facts: FactsSchema, config: ConfigSchema, policy: SiteFileSchema } as const;

/** `schema`: what the files look like. */
export const schema = new Command<{ json?: true }>()
  .description("Print the JSON Schema of a kind of file.")
  .type("kind", new EnumType(["facts", "config", "policy"] as const))
  .arguments("<kind:kind>")
  .example("For an editor", "premigrate schema facts > facts.schema.json")
  .action((_options, kind) => {
    // Where a text is read as a version or number, JSON Schema has the text's pattern alone.
    printJson(jsonSchemaOf(SCHEMAS[kind]));
  });
