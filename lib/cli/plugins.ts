import { ValidationError } from "@cliffy/command";
import { encodeHex } from "@std/encoding/hex";
import type { CodePlugin } from "../plugin/mod.ts";
import { InputError, readBytes } from "./io.ts";

/** `--plugin`, for every command that judges. */
export const PLUGIN_OPTION = [
  "--plugin <plugin:string>",
  "A code plugin as FILE=DIGEST, as `policy build` prints it.",
  { collect: true },
] as const;

const LARGEST = 4 * 1024 * 1024;

/** The SHA-256 of a plugin's code, under which it is listed. */
export async function digestOf(code: Uint8Array): Promise<string> {
  return encodeHex(await crypto.subtle.digest("SHA-256", code.slice()));
}

/**
 * Reads the plugins that are named by `--plugin`.
 *
 * @throws {InputError} When one is another than its digest says.
 */
export function loadPlugins(options: readonly string[] = []): Promise<CodePlugin[]> {
  return Promise.all(options.map(async (option) => {
    const [, file, digest] = /^(.+)=([0-9a-f]{64})$/s.exec(option) ?? [];
    if (file === undefined || digest === undefined) {
      throw new ValidationError(`Cannot use --plugin "${option}": wanted FILE=DIGEST`);
    }
    const code = await readBytes(file);
    if (code.length > LARGEST) throw new InputError(file, `it is larger than ${LARGEST} bytes`);
    const found = await digestOf(code);
    if (found !== digest) {
      throw new InputError(file, `its SHA-256 digest is ${found}, listed is ${digest}`);
    }
    return { name: file.slice(file.lastIndexOf("/") + 1), code };
  }));
}
