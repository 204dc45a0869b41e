/** Values beside JSON Schemas. */
import { assert, assertEquals } from "@std/assert";

/** The part of JSON Schema that the schemas here are written in. */
export interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

const KEYWORDS = new Set([
  ...["type", "const", "enum", "properties", "required", "additionalProperties", "propertyNames"],
  ...[
    "anyOf",
    "items",
    "minItems",
    "maxItems",
    "maxProperties",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
  ],
  // They say nothing about what is accepted.
  ...["description", "format", "default", "$schema"],
]);

/** Whether a value fits a schema, as the specification of JSON Schema (draft 7) has it. */
export function fits(schema: JsonSchema, value: unknown): boolean {
  for (const keyword of Object.keys(schema)) assert(KEYWORDS.has(keyword), keyword);
  const { minimum = -Infinity, maximum = Infinity } = schema;
  if ("const" in schema && value !== schema.const) return false;
  if (schema.enum?.includes(value) === false) return false;
  if (schema.anyOf?.some((other) => fits(other, value)) === false) return false;
  switch (schema.type) {
    case "string":
      return typeof value === "string" && value.length >= (schema.minLength ?? 0) &&
        value.length <= (schema.maxLength ?? Infinity) &&
        new RegExp(schema.pattern ?? "", "u").test(value);
    case "null":
      return value === null;
    case "boolean":
      return typeof value === "boolean";
    case "number":
      return typeof value === "number" && value >= minimum && value <= maximum;
    case "integer":
      return Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum;
    case "array":
      return Array.isArray(value) && value.length >= (schema.minItems ?? 0) &&
        value.length <= (schema.maxItems ?? Infinity) &&
        value.every((item) => fits(schema.items ?? {}, item));
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value) &&
        Object.keys(value).length <= (schema.maxProperties ?? Infinity) &&
        (schema.required ?? []).every((name) => Object.hasOwn(value, name)) &&
        Object.entries(value).every(([name, member]) => fitsMember(schema, name, member));
    default:
      assertEquals(schema.type, undefined);
      return true;
  }
}

function fitsMember(schema: JsonSchema, name: string, member: unknown): boolean {
  const { properties = {}, additionalProperties = true, propertyNames = {} } = schema;
  const own = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
  return fits(propertyNames, name) && (typeof own === "object" ? fits(own, member) : own === true);
}

/** The members of a value that fits that the schema says nothing of. */
export function undescribed(schema: JsonSchema, value: unknown, path = ""): string[] {
  if (schema.anyOf !== undefined) {
    const fitting = schema.anyOf.filter((other) => fits(other, value));
    return fitting[0] === undefined ? [path] : undescribed(fitting[0], value, path);
  }
  if (Array.isArray(value)) {
    return value.flatMap((item, index) =>
      undescribed(schema.items ?? {}, item, `${path}[${index}]`)
    );
  }
  if (typeof value !== "object" || value === null) return [];
  const { properties = {}, additionalProperties } = schema;
  return Object.entries(value).flatMap(([name, member]) => {
    const own = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    return typeof own === "object"
      ? undescribed(own, member, `${path}.${name}`)
      : [`${path}.${name}`];
  });
}
