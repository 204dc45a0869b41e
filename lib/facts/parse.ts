import { PremigrateError } from "../error/mod.ts";
import * as v from "valibot";
import { AnyFactsSchema } from "./old_keys.ts";
import type { Facts } from "./schema.ts";

/**
 * Reads a facts file.
 *
 * @throws {PremigrateError} When it is no JSON, does not fit the schema, or names a device twice.
 *
 * @example
 * ```ts
 * import { parseFacts } from "premigrate";
 * import { assertEquals } from "@std/assert";
 *
 * const facts = parseFacts('{"premigrate":"facts/1","host":{"name":"hosta"},"devices":[]}');
 * assertEquals(facts.host.name, "hosta");
 * ```
 */
export function parseFacts(text: string): Facts {
  const parsed = v.safeParse(AnyFactsSchema, parseJson(text), { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const path = v.getDotPath(issue)?.slice(0, 300);
    throw factsError(`${path === undefined ? "" : `at ${path}: `}${issue.message.slice(0, 300)}`);
  }
  const seen = new Set<string>();
  for (const [index, { address }] of parsed.output.devices.entries()) {
    if (seen.has(address)) {
      throw factsError(`at devices.${index}.address: device ${address} is in them twice`);
    }
    seen.add(address);
  }
  return parsed.output;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw factsError(error instanceof Error ? error.message : "it is no JSON");
  }
}

function factsError(problem: string): PremigrateError {
  return new PremigrateError("facts", "Cannot read the facts", problem);
}
