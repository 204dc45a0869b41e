import { PremigrateError } from "../error/mod.ts";
import { DIST_DENO } from "./dist_files.ts";

/**
 * Puts the Deno that hosts are to run into a build, by a hard link where that can be.
 *
 * @param deno `undefined`: the build is to have none.
 * @throws {PremigrateError} When it is no program of Linux.
 */
export async function putDeno(folder: string, deno: string | undefined): Promise<void> {
  const path = `${folder}/${DIST_DENO}`;
  const source = deno && await Deno.realPath(deno).catch(() => undefined);
  if (deno !== undefined && (source === undefined || !await isElf(source))) {
    const problem = "it is no program of Linux: --deno PATH names one, --no-deno leaves it out";
    throw new PremigrateError("build", `Cannot take ${deno} for the hosts' Deno`, problem);
  }
  // The build may be made by the Deno of the one before.
  if (source !== undefined && source === await Deno.realPath(path).catch(() => undefined)) return;
  await Deno.remove(path).catch((error: unknown) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  if (source === undefined) return;
  try {
    await Deno.link(source, path);
  } catch {
    // Another file system, or somebody else's file (protected_hardlinks in proc(5)).
    await Deno.copyFile(source, path);
  }
}

async function isElf(path: string): Promise<boolean> {
  if (!(await Deno.stat(path)).isFile) return false;
  using file = await Deno.open(path);
  const start = new Uint8Array(4);
  await file.read(start);
  return new TextDecoder().decode(start) === "\x7fELF";
}
