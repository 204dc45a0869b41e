import * as v from "valibot";
import { AnyFactsSchema } from "./old_keys.ts";
import type { Facts } from "./schema.ts";

/** A facts file that cannot be used. */
export class FactsError extends Error {
  /** Where in the document, as `devices.0.config.hex`; absent where it is no JSON at all. */
  readonly path: string | undefined;

  /** `problem` ends the message. */
  constructor(problem: string, path?: string) {
    super(`Cannot read the facts: ${path === undefined ? "" : `at ${path}: `}${problem}`);
    this.name = "FactsError";
    this.path = path;
  }
}

/**
 * Reads a facts file.
 *
 * @throws {FactsError} When it is no JSON, does not fit the schema, or names a device twice.
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
    throw new FactsError(issue.message.slice(0, 300), v.getDotPath(issue)?.slice(0, 300));
  }
  const seen = new Set<string>();
  for (const [index, { address }] of parsed.output.devices.entries()) {
    if (seen.has(address)) {
      throw new FactsError(`device ${address} is in them twice`, `devices.${index}.address`);
    }
    seen.add(address);
  }
  return parsed.output;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FactsError(error instanceof Error ? error.message : "it is no JSON");
  }
}
