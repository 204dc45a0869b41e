import { Command, EnumType } from "@cliffy/command";
import { toJsonSchema } from "@valibot/to-json-schema";
import { FactsSchema } from "../../facts/mod.ts";
import { CONFIG_JSON_SCHEMA } from "../../install/config_file.ts";
import { printJson } from "../io.ts";

/** `schema`: what the files look like. */
export const schema = new Command<{ json?: true }>()
  .description("Print the JSON Schema of a kind of file.")
  .type("kind", new EnumType(["facts", "config"]))
  .arguments("<kind:kind>")
  .example("For an editor", "premigrate schema facts > facts.schema.json")
  .action((_options, kind) => {
    if (kind === "config") return printJson(CONFIG_JSON_SCHEMA);
    // Where a text is read as a version or number, JSON Schema has the text's pattern alone.
    printJson(toJsonSchema(FactsSchema, { typeMode: "input", errorMode: "ignore" }));
  });
