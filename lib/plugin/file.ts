import { type Files, readRegular } from "../facts/host_files.ts";
import { sha256 } from "../facts/sha256.ts";

/** The file of a listed plugin; or what is wrong with it, and with what was said of it. */
export type PluginFile =
  | { readonly code: Uint8Array }
  | { readonly key: "file" | "digest"; readonly missing: string };

const LARGEST = 1024 * 1024;

/** Reads the file of a plugin that is listed under a digest. */
export async function readPluginFile(
  path: string,
  digest: string,
  files: Files,
): Promise<PluginFile> {
  const code = await readRegular(path, LARGEST, files);
  if ("missing" in code) return { key: "file", ...code };
  const found = await sha256(code);
  return found === digest
    ? { code }
    : { key: "digest", missing: `its SHA-256 digest is ${found}, listed is ${digest}` };
}
