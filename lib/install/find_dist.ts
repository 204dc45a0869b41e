import { PremigrateError } from "../error/mod.ts";
import { DIST_FILES } from "./dist_files.ts";

/**
 * The folder of the build: the program's own where that was built, `dist` in a source tree.
 *
 * @throws {PremigrateError} When it is not whole.
 */
export async function findDist(): Promise<string> {
  const isBuilt = !import.meta.url.endsWith(".ts");
  const folder = decodeURIComponent(new URL(isBuilt ? "." : "../../dist", import.meta.url).pathname)
    .replace(/\/$/, "");
  for (const name of DIST_FILES) {
    const exists = await Deno.stat(`${folder}/${name}`).then(({ isFile }) => isFile, () => false);
    if (exists) continue;
    throw new PremigrateError(
      "dist",
      `Cannot install from ${folder}`,
      `there is no ${name}; ${isBuilt ? "copy the build whole" : "run `deno task build` first"}`,
    );
  }
  return folder;
}
