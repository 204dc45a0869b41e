import { didYouMean, ValidationError } from "./errors.ts";

/** A type whose values are the ones listed. */
export class EnumType<T extends string | number> {
  readonly #values: readonly T[];

  constructor(values: readonly T[]) {
    this.#values = values;
  }

  /** All values, in the order given. */
  values(): T[] {
    return [...this.#values];
  }
}

/** The types that are not built in, by name. */
export type Types = ReadonlyMap<string, EnumType<string | number>>;

/** A word of the command line that stands for a value, and what it is the value of. */
export interface Word {
  label: "Option" | "Argument";
  name: string;
  type: string;
  value: string;
}

type Value = string | number | boolean;

const builtIn = new Map<string, (value: string) => Value | undefined>([
  ["string", (value) => value],
  ["file", (value) => value],
  ["command", (value) => value],
  ["number", (value) => Number.isFinite(Number(value)) ? Number(value) : undefined],
  ["integer", (value) => Number.isInteger(Number(value)) ? Number(value) : undefined],
  ["boolean", parseBoolean],
]);

function parseBoolean(value: string): boolean | undefined {
  if (value === "true" || value === "1") return true;
  return value === "false" || value === "0" ? false : undefined;
}

/**
 * The value a word stands for.
 *
 * @throws {ValidationError} It stands for none of its type.
 */
export function parseValue({ label, name, type, value }: Word, types: Types): Value {
  const allowed = types.get(type)?.values();
  const parse = builtIn.get(type);
  if (!allowed && !parse) {
    const known = [...builtIn.keys(), ...types.keys()];
    throw new Error(`Unknown type "${type}".${didYouMean("type", type, known)}`);
  }

  const parsed = allowed ? allowed.find((it) => String(it) === value) : parse?.(value);
  if (parsed === undefined) {
    const values = type === "boolean" ? ["true", "false", "1", "0"] : allowed;
    const expected = values?.map((it) => `"${it}"`).join(", ");
    throw new ValidationError(
      `${label} "${name}" must be of type "${type}", but got "${value}".` +
        (expected ? ` Expected values: ${expected}` : ""),
    );
  }
  return parsed;
}
