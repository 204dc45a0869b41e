import { below } from "../config/below.ts";
import { foreignFileError } from "./plan.ts";

/** The folders above a path, the topmost first. */
export function foldersAbove(path: string): string[] {
  const parts = path.split("/").slice(1, -1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
}

/**
 * Which of the folders are missing.
 *
 * @throws {PremigrateError} When a file is in place of one.
 */
export async function findMissing(root: string, folders: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const folder of folders) {
    try {
      const { isDirectory } = await Deno.stat(await below(root, folder, { follow: true }));
      if (!isDirectory) throw foreignFileError(`${root}${folder}`, "wanted a folder");
    } catch (error) {
      if (error instanceof Deno.errors.NotADirectory) {
        throw foreignFileError(`${root}${folder}`, "a file is in place of a folder above it");
      }
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      missing.push(folder);
    }
  }
  return missing;
}

/** Makes a folder with exactly this mode; links to it may have led where nothing is. */
export async function makeFolder(root: string, folder: string, mode: number): Promise<void> {
  const path = await below(root, folder, { follow: true });
  await Deno.mkdir(path.replace(/\/[^/]*$/, "/"), { recursive: true, mode: 0o755 });
  await Deno.mkdir(path, { mode });
  await Deno.chmod(path, mode);
}
