import { refreshHostCache } from "../facts/host_cache.ts";
import { THIS_HOST } from "../facts/libvirt_uri.ts";
import { countNetworks, refreshNetworks } from "../facts/networks.ts";
import { type ProgramEnd, runProgram } from "../facts/run_program.ts";
import type { Paths } from "../hook/paths.ts";
import { type Trial, tryHook } from "./try_hook.ts";

/** What is at a path, behind a symbolic link. */
export interface Stat {
  readonly kind: "file" | "folder" | "other";
  readonly mode: number;
  /** In bytes. */
  readonly size: number;
  /** When it last became what it is, in milliseconds since 1970 (`ctime`). */
  readonly changed: number;
}

/** All that installing and `doctor` ask of the host, so that a test can be the host. */
export interface Outside {
  /** Runs a program to its end, for 15 seconds at most. */
  run(program: string, args: readonly string[], input?: string): Promise<ProgramEnd>;
  /** A file; `undefined` where there is none. */
  read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** `undefined` where there is nothing. */
  stat(path: string): Promise<Stat | undefined>;
  /** The names in a folder, sorted as libvirt sorts them; `undefined` where there is none. */
  list(path: string): Promise<string[] | undefined>;
  /** In milliseconds since 1970. */
  now(): number;
  /** Fills the hook's cache in a folder: what it knows of the host then, in a few words. */
  fillCache(folder: string): Promise<string>;
  /** Runs the installed hook where it records nothing of that. */
  tryHook(paths: Paths, applied: string, xml: string): Promise<Trial>;
}

const SECONDS = 15;
const CACHE_SECONDS = 30;
const MOST_BYTES = 1024 * 1024;

/** This host. */
export const OUTSIDE: Outside = {
  run: (program, args, input): Promise<ProgramEnd> =>
    runProgram(program, args, {
      limit: MOST_BYTES,
      signal: AbortSignal.timeout(SECONDS * 1000),
      ...input === undefined ? {} : { input },
    }),

  async read(path): Promise<Uint8Array<ArrayBuffer> | undefined> {
    // Deno opens nothing below /sys or /proc unless it holds every permission.
    if (/^\/(proc|sys)\//.test(path)) {
      const { kind, code, stdout } = await this.run("cat", [path]);
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

  now: (): number => Date.now(),

  async fillCache(folder): Promise<string> {
    const signal = AbortSignal.timeout(CACHE_SECONDS * 1000);
    const { libvirt, installedQemu, emulator } = await refreshHostCache(folder, signal);
    return [
      `libvirt ${libvirt ?? "of unknown version"}`,
      emulator === undefined ? "no QEMU" : `${emulator} ${installedQemu ?? "of unknown version"}`,
      countNetworks(await refreshNetworks(`${folder}/networks`, THIS_HOST, signal)),
    ].join(", ");
  },

  tryHook,
};

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
