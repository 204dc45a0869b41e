import { PremigrateError } from "../error/mod.ts";
import { toJsonSchema } from "@valibot/to-json-schema";
import { closestString } from "@std/text/closest-string";
import { parse } from "@std/yaml/parse";
import * as v from "valibot";
import { oneLine } from "../facts/one_line.ts";
import { findPlace, type Place } from "./yaml_place.ts";

/** A configuration that cannot be applied; `problem` ends the message. */
export function configError(
  file: string,
  place: Place | undefined,
  problem: string,
): PremigrateError {
  const where = place === undefined ? "" : `: line ${place.line}, column ${place.column}`;
  return new PremigrateError("config", `${file}${where}`, problem);
}

/** The path of a value in a document. */
export type Path = readonly (string | number)[];

/** What is wanted of a file. */
export interface YamlForm<Schema extends v.GenericSchema> {
  readonly schema: Schema;
  /** `failsafe`: every value is a text, so that 9.10 is no number. */
  readonly values: "core" | "failsafe";
  /** In characters. */
  readonly longest: number;
}

type JsonSchema = ReturnType<typeof toJsonSchema>;

const MOST_VALUES = 200_000;
const DEEPEST = 16;

/** The JSON Schema of what a file may hold, for editors. */
export function jsonSchemaOf(schema: v.GenericSchema): JsonSchema {
  return toJsonSchema(schema, { typeMode: "input", errorMode: "ignore" });
}

/**
 * Reads a YAML file by its schema. `file` names it in messages; an empty one has no keys.
 *
 * @throws {PremigrateError} With the place.
 */
export function parseYamlFile<Schema extends v.GenericSchema>(
  file: string,
  text: string,
  { schema, values, longest }: YamlForm<Schema>,
): v.InferOutput<Schema> {
  if (text.length > longest) {
    const problem = `found ${text.length} characters, wanted ${longest} at most`;
    throw configError(file, undefined, problem);
  }
  const value = parseYaml(file, text, values);
  if (Array.isArray(value)) throw errorAt(file, text, [], "found a list, wanted keys");
  const parsed = v.safeParse(schema, value ?? {});
  if (parsed.success) return parsed.output;
  // A misspelt key is an unknown one, and may be a missing one, too.
  const issue = parsed.issues.find(isUnknownKey) ?? parsed.issues[0];
  const path = pathOf(issue);
  if (isUnknownKey(issue)) {
    throw errorAt(file, text, path, describeUnknown(jsonSchemaOf(schema), path));
  }
  if (isKeyIssue(issue)) throw errorAt(file, text, path, "it is missing");
  if (issue.type === "picklist") {
    const values = schemaAt(jsonSchemaOf(schema), path)?.enum?.map(String) ?? [];
    throw errorAt(file, text, path, describeValue(issue.input, values));
  }
  // Of the forms that a value can have, the one that it has says what is wrong with it.
  const inner = issue.issues?.find(({ kind }) => kind === "validation");
  throw inner === undefined
    ? errorAt(file, text, path, issue.message)
    : errorAt(file, text, [...path, ...pathOf(inner)], inner.message);
}

function pathOf({ path }: v.BaseIssue<unknown>): Path {
  return (path ?? []).map(({ key }) => typeof key === "number" ? key : String(key));
}

function isKeyIssue({ type, expected }: v.BaseIssue<unknown>): boolean {
  return type === "strict_object" && expected !== "Object";
}

function isUnknownKey(issue: v.BaseIssue<unknown>): boolean {
  return isKeyIssue(issue) && issue.expected === "never";
}

/** The error of a value of a file. */
export function errorAt(file: string, text: string, path: Path, problem: string): PremigrateError {
  const where = path.length === 0 ? "" : `at ${path.join(".")}: `;
  return configError(file, findPlace(text, path), oneLine(`${where}${problem}`));
}

/** What might have been meant. */
export function suggest(given: string, known: readonly string[]): string {
  return `the nearest is ${closestString(given, known)}`;
}

function parseYaml(file: string, text: string, schema: "core" | "failsafe"): unknown {
  let value: unknown;
  try {
    // Without timestamps, binary data and merges, which no schema here has a place for.
    value = parse(text, { schema });
  } catch (error) {
    // Too deep for the parser's stack: RangeError.
    const said = error instanceof Error ? error.message : String(error);
    const [, line, column] = /at line (\d+), column (\d+)/.exec(said) ?? [];
    const [reason = ""] = said.split(/ at line \d+, column \d+|\n/, 1);
    throw configError(
      file,
      line === undefined ? undefined : { line: Number(line), column: Number(column) },
      `it is no YAML: ${oneLine(reason)}`,
    );
  }
  // The parser shares what an alias stands for; whoever walks it meets all copies, or no end.
  let left = MOST_VALUES;
  const count = (value: unknown, path: Path): void => {
    left -= 1;
    if (left < 0 || path.length > DEEPEST) {
      throw configError(
        file,
        undefined,
        `wanted ${MOST_VALUES} values at most, nested ${DEEPEST} deep at most`,
      );
    }
    if (typeof value !== "object" || value === null) return;
    for (const [key, member] of Object.entries(value)) {
      if (isUnseen(key)) throw errorAt(file, text, [...path, key], "there is no such key");
      count(member, [...path, key]);
    }
  };
  count(value, []);
  return value;
}

/** A key that every object has, or that valibot's records leave out: no schema would ever miss it. */
function isUnseen(key: string): boolean {
  return key in Object.prototype || key === "prototype";
}

function describeUnknown(root: JsonSchema, path: Path): string {
  const known = Object.keys(schemaAt(root, path.slice(0, -1))?.properties ?? {});
  return `there is no such key; ${suggest(String(path.at(-1)), known)}`;
}

const MOST_LISTED = 8;

function describeValue(input: unknown, values: readonly string[]): string {
  const given = typeof input === "string" ? input.slice(0, 64) : "";
  const wanted = values.length > MOST_LISTED
    ? suggest(given, values)
    : `wanted ${values.join(" or ")}`;
  return `found ${typeof input === "string" ? JSON.stringify(given) : "no text"}; ${wanted}`;
}

function schemaAt(root: JsonSchema, path: Path): JsonSchema | undefined {
  let schema: JsonSchema | boolean | undefined = root;
  for (const key of path) {
    if (typeof schema !== "object") break;
    const items: JsonSchema["items"] = schema.items;
    schema = typeof key === "number"
      ? Array.isArray(items) ? undefined : items
      : schema.properties?.[key] ?? schema.additionalProperties;
  }
  return typeof schema === "object" ? schema : undefined;
}
