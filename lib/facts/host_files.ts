import { oneLine } from "./one_line.ts";
import { runProgram } from "./run_program.ts";

/** What is at a path, behind a symbolic link. */
export interface Stat {
  readonly kind: "file" | "folder" | "other";
  readonly mode: number;
  /** In bytes. */
  readonly size: number;
  /** When it last became what it is, in milliseconds since 1970 (`ctime`). */
  readonly changed: number;
}

/** Files of a host, so that a test can be the host. */
export interface Files {
  /** A file; `undefined` where there is none. */
  read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** `undefined` where there is nothing. */
  stat(path: string): Promise<Stat | undefined>;
  /** The names in a folder, sorted as libvirt sorts them; `undefined` where there is none. */
  list(path: string): Promise<string[] | undefined>;
}

const SECONDS = 15;
const MOST_BYTES = 1024 * 1024;

/** This host's. */
export const FILES: Files = {
  async read(path): Promise<Uint8Array<ArrayBuffer> | undefined> {
    // Deno opens nothing below /sys or /proc unless it holds every permission.
    if (/^\/(proc|sys)\//.test(path)) {
      const signal = AbortSignal.timeout(SECONDS * 1000);
      const { kind, code, stdout } = await runProgram("cat", [path], { limit: MOST_BYTES, signal });
      return kind === "ended" && code === 0 ? new TextEncoder().encode(stdout) : undefined;
    }
    return await ifThere(Deno.readFile(path));
  },

  async stat(path): Promise<Stat | undefined> {
    const info = await ifThere(Deno.stat(path));
    return info && {
      kind: info.isFile ? "file" : info.isDirectory ? "folder" : "other",
      mode: (info.mode ?? 0) & 0o7777,
      size: info.size,
      changed: info.ctime?.getTime() ?? 0,
    };
  },

  async list(path): Promise<string[] | undefined> {
    const names = await ifThere(Array.fromAsync(Deno.readDir(path), ({ name }) => name));
    return names?.sort();
  },
};

/** Reads a regular file: what is none might never end. */
export async function readRegular(
  path: string,
  largest: number,
  files: Files,
): Promise<Uint8Array<ArrayBuffer> | { readonly missing: string }> {
  try {
    const { kind, size = 0 } = await files.stat(path) ?? {};
    if (kind === undefined) return { missing: "there is no such file" };
    if (kind !== "file") return { missing: "it is no regular file" };
    if (size > largest) return { missing: `found ${size} bytes, wanted ${largest} at most` };
    return await files.read(path) ?? new Uint8Array();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { missing: oneLine(error.message) };
  }
}

async function ifThere<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}
