import type { Fields } from "../policy/mod.ts";
import { printable } from "./printable.ts";

/** Decoded values as `name value`; of flags, those that are set. */
export function fieldTexts(fields: Fields, prefix = ""): string[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    // Flags that are not set would bury those that are.
    if (typeof value === "boolean") return value ? [`${prefix}${name}`] : [];
    if (typeof value !== "object") return [`${prefix}${name} ${printable(String(value))}`];
    if (isList(value)) return [`${prefix}${name} ${printable(JSON.stringify(value))}`];
    return fieldTexts(value, `${prefix}${name}.`);
  });
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
