import { ValidationError } from "@cliffy/command";
import { OUTSIDE } from "../install/outside.ts";
import { readPluginFile } from "../plugin/file.ts";
import type { CodePlugin } from "../plugin/mod.ts";
import { inputError } from "../facts/files.ts";

/** `--plugin`, for every command that judges. */
export const PLUGIN_OPTION = [
  "--plugin <plugin:string>",
  "A code plugin as FILE=DIGEST, as `policy build` prints it.",
  { collect: true },
] as const;

/**
 * Reads the plugins that are named by `--plugin`.
 *
 * @throws {PremigrateError} When one is another than its digest says.
 */
export function loadPlugins(options: readonly string[] = []): Promise<CodePlugin[]> {
  return Promise.all(options.map(async (option) => {
    const [, file, digest] = /^(.+)=([0-9a-f]{64})$/s.exec(option) ?? [];
    if (file === undefined || digest === undefined) {
      throw new ValidationError(`Cannot use --plugin "${option}": wanted FILE=DIGEST`);
    }
    const found = await readPluginFile(file, digest, OUTSIDE);
    if ("missing" in found) throw inputError(file, found.missing);
    return { name: file.slice(file.lastIndexOf("/") + 1), code: found.code };
  }));
}
