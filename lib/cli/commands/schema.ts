import { Command, EnumType, ValidationError } from "@cliffy/command";
import { FactsSchema } from "../../facts/mod.ts";
import { ConfigSchema } from "../../config/config.ts";
import { jsonSchemaOf } from "../../config/yaml_file.ts";
import { SiteFileSchema } from "../../site/file.ts";
import { printJson } from "../output.ts";
import { AuditSchema, ReportSchema, VerdictSchema } from "../output_schemas.ts";

const SCHEMAS = {
  facts: FactsSchema,
  config: ConfigSchema,
  policy: SiteFileSchema,
  verdict: VerdictSchema,
  report: ReportSchema,
  audit: AuditSchema,
} as const;
const KINDS = ["facts", "config", "policy", "verdict", "report", "audit"] as const;

/** `schema`: what files and output look like. */
export const schema = new Command<{ json?: true }>()
  .description("Print the JSON Schema of a kind of file, or of what premigrate writes.")
  .type("kind", new EnumType(KINDS))
  .arguments("[kind:kind]")
  .example("For an editor", "premigrate schema facts > facts.schema.json")
  .example("What check --json prints", "premigrate schema verdict")
  .action((_options, kind) => {
    if (kind === undefined) {
      throw new ValidationError(`Wanted a kind of file: ${KINDS.join(", ")}`);
    }
    // Where a text is read as a version or number, JSON Schema has the text's pattern alone.
    printJson(jsonSchemaOf(SCHEMAS[kind]));
  });
