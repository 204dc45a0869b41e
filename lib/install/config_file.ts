import { toJsonSchema } from "@valibot/to-json-schema";
import { closestString } from "@std/text/closest-string";
import { parse } from "@std/yaml/parse";
import * as v from "valibot";
import { BUILT_IN } from "../../plugins/mod.ts";
import { LibvirtUriError, parseLibvirtUri } from "../facts/libvirt_uri.ts";
import { oneLine } from "../facts/one_line.ts";
import { type Config, ConfigSchema } from "../hook/config.ts";
import { PolicyOptionsError } from "../policy/mod.ts";
import { findLine } from "./yaml_line.ts";

/** A configuration that cannot be applied. */
export class ConfigError extends Error {
  /** The file. */
  readonly file: string;
  /** The line, from 1, where it is known. */
  readonly line: number | undefined;

  /** `problem` ends the message. */
  constructor(file: string, line: number | undefined, problem: string) {
    super(`${file}: ${line === undefined ? "" : `line ${line}: `}${problem}`);
    this.name = "ConfigError";
    this.file = file;
    this.line = line;
  }
}

type Path = readonly (string | number)[];

// Room for ten thousand guests.
const LONGEST = 4 * 1024 * 1024;
const MOST_VALUES = 200_000;
const DEEPEST = 16;

/** The JSON Schema of the configuration, for editors. */
export const CONFIG_JSON_SCHEMA = toJsonSchema(ConfigSchema, {
  typeMode: "input",
  errorMode: "ignore",
});

/**
 * Reads what the operator wrote, and checks all that can be checked without the hosts: the schema,
 * the policies' ids and options, the libvirt URIs. `file` names it in messages.
 *
 * @throws {ConfigError} With the line.
 *
 * @example
 * ```ts
 * import { parseConfig } from "../../lib/install/config_file.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseConfig("config.yaml", "mode: observe").mode, "observe");
 * ```
 */
export function parseConfig(file: string, text: string): Config {
  const fail = (path: Path, problem: string): never => {
    const where = path.length === 0 ? "" : `at ${path.join(".")}: `;
    throw new ConfigError(file, findLine(text, path), oneLine(`${where}${problem}`));
  };
  const value = parseYaml(file, text);
  if (Array.isArray(value)) return fail([], "found a list, wanted keys");
  const parsed = v.safeParse(ConfigSchema, value ?? {});
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const path = pathOf(issue);
    const isUnknown = issue.kind === "schema" && issue.type === "strict_object" &&
      issue.expected === "never";
    return fail(path, isUnknown ? describeUnknown(path) : issue.message);
  }
  const config = parsed.output;
  for (const [index, uri] of config.hosts.entries()) {
    try {
      parseLibvirtUri(uri);
    } catch (error) {
      if (!(error instanceof LibvirtUriError)) throw error;
      return fail(["hosts", index], error.message);
    }
  }
  for (const [id, { options }] of Object.entries(config.policies)) {
    const policy = BUILT_IN.find((policy) => policy.id === id);
    if (policy === undefined) {
      const known = BUILT_IN.map(({ id }) => id);
      return fail(["policies", id], `there is no such policy; ${suggest(id, known)}`);
    }
    try {
      policy.configure(options);
    } catch (error) {
      if (!(error instanceof PolicyOptionsError)) throw error;
      return fail(["policies", id, "options"], error.message);
    }
  }
  return config;
}

function parseYaml(file: string, text: string): unknown {
  if (text.length > LONGEST) {
    throw new ConfigError(file, undefined, `found ${text.length} characters, wanted ${LONGEST}`);
  }
  let value: unknown;
  try {
    // Without timestamps, binary data and merges, which the schema has no place for.
    value = parse(text, { schema: "core" });
  } catch (error) {
    // Too deep for the parser's stack: RangeError.
    const said = error instanceof Error ? error.message : String(error);
    const line = /at line (\d+), column \d+/.exec(said)?.[1];
    throw new ConfigError(
      file,
      line === undefined ? undefined : Number(line),
      `it is no YAML: ${oneLine(said.split("\n", 1)[0] ?? "").replace(/:$/, "")}`,
    );
  }
  // The parser shares what an alias stands for; whoever walks it meets all copies, or no end.
  let left = MOST_VALUES;
  const count = (value: unknown, depth: number): void => {
    left -= 1;
    if (left < 0 || depth > DEEPEST) {
      throw new ConfigError(
        file,
        undefined,
        `wanted ${MOST_VALUES} values at most, nested ${DEEPEST} deep at most`,
      );
    }
    if (typeof value !== "object" || value === null) return;
    for (const member of Object.values(value)) count(member, depth + 1);
  };
  count(value, 0);
  return value;
}

function pathOf(issue: v.BaseIssue<unknown>): Path {
  return (issue.path ?? []).map(({ key }) => typeof key === "number" ? key : String(key));
}

function describeUnknown(path: Path): string {
  let schema: typeof CONFIG_JSON_SCHEMA | boolean | undefined = CONFIG_JSON_SCHEMA;
  for (const key of path.slice(0, -1)) {
    if (typeof schema !== "object") break;
    schema = schema.properties?.[key] ?? schema.additionalProperties;
  }
  const known = typeof schema === "object" ? Object.keys(schema.properties ?? {}) : [];
  return `there is no such key; ${suggest(String(path.at(-1)), known)}`;
}

function suggest(given: string, known: readonly string[]): string {
  return `the nearest is ${closestString(given, known)}`;
}
