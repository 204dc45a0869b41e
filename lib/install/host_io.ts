import { refreshHostCache } from "../facts/emulator/host_cache.ts";
import { THIS_HOST } from "../facts/libvirt/uri.ts";
import { countNetworks, refreshNetworks } from "../facts/libvirt/networks.ts";
import { type ProgramEnd, runProgram } from "../facts/run_program.ts";
import { FILES, type Files } from "../facts/host_files.ts";
import type { Paths } from "../config/paths.ts";
import { type Trial, tryHook } from "./hook_trial.ts";

/** All that installing and `doctor` ask of the host, so that a test can be the host. */
export interface HostIo extends Files {
  /** Runs a program to its end, for 15 seconds at most. */
  run(program: string, args: readonly string[], input?: string): Promise<ProgramEnd>;
  /** In milliseconds since 1970. */
  now(): number;
  /** Fills the hook's cache: what it knows of the host then, in a few words. */
  fillCache(paths: Pick<Paths, "cache" | "networks">): Promise<string>;
  /** Runs the installed hook where it records nothing of that. */
  tryHook(paths: Paths, applied: string, xml: string): Promise<Trial>;
}

const SECONDS = 15;
const CACHE_SECONDS = 30;
const MOST_BYTES = 1024 * 1024;

/** This host. */
export const HOST_IO: HostIo = {
  ...FILES,

  run: (program, args, input): Promise<ProgramEnd> =>
    runProgram(program, args, {
      limit: MOST_BYTES,
      signal: AbortSignal.timeout(SECONDS * 1000),
      ...input === undefined ? {} : { input },
    }),

  now: (): number => Date.now(),

  async fillCache({ cache, networks }): Promise<string> {
    const signal = AbortSignal.timeout(CACHE_SECONDS * 1000);
    const { libvirt, installedQemu, emulator } = await refreshHostCache(cache, signal);
    return [
      `libvirt ${libvirt ?? "of unknown version"}`,
      emulator === undefined ? "no QEMU" : `${emulator} ${installedQemu ?? "of unknown version"}`,
      countNetworks(await refreshNetworks(networks, THIS_HOST, signal)),
    ].join(", ");
  },

  tryHook,
};
