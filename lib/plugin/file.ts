import { encodeHex } from "@std/encoding/hex";
import { oneLine } from "../facts/one_line.ts";

/** What is asked of the host's files. */
export interface Files {
  /** What is at a path, behind a symbolic link; `undefined`: nothing. */
  stat(path: string): Promise<{ readonly kind: string; readonly size: number } | undefined>;
  /** A file; `undefined` where there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
}

/** The file of a listed plugin; or what is wrong with it, and with what was said of it. */
export type PluginFile =
  | { readonly code: Uint8Array }
  | { readonly key: "file" | "digest"; readonly problem: string };

const LARGEST = 1024 * 1024;

/** The SHA-256 of a plugin's code, under which it is listed. */
export async function digestOf(code: Uint8Array): Promise<string> {
  return encodeHex(await crypto.subtle.digest("SHA-256", code.slice()));
}

/** Reads the file of a plugin that is listed under a digest. */
export async function readPluginFile(
  path: string,
  digest: string,
  files: Files,
): Promise<PluginFile> {
  const wrong = (problem: string): PluginFile => ({ key: "file", problem });
  try {
    const { kind, size = 0 } = await files.stat(path) ?? {};
    if (kind === undefined) return wrong("there is no such file");
    // It might never end.
    if (kind !== "file") return wrong("it is no regular file");
    if (size > LARGEST) return wrong(`found ${size} bytes, wanted ${LARGEST} at most`);
    const code = await files.read(path) ?? new Uint8Array();
    const found = await digestOf(code);
    if (found === digest) return { code };
    return { key: "digest", problem: `its SHA-256 digest is ${found}, listed is ${digest}` };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return wrong(oneLine(error.message));
  }
}
