import { EnumType, ValidationError } from "@cliffy/command";

/** The forms in which a verdict can be written. */
export const FORMATS = ["text", "json", "markdown", "html"] as const;

/** A form in which a verdict can be written. */
export type Format = typeof FORMATS[number];

/** The option's type, for a command that has `--format <format:format>`. */
export const formatType: EnumType<Format> = new EnumType(FORMATS);

/** The form that was asked for: `--json` is short for `--format json`. */
export function formatOf(
  { json, format }: { readonly json?: true | undefined; readonly format?: Format | undefined },
): Format {
  if (json === true && format !== undefined && format !== "json") {
    throw new ValidationError(`Cannot use --json with --format ${format}`);
  }
  return json === true ? "json" : format ?? "text";
}
