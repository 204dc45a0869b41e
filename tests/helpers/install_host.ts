/**
 * A build, made once for a test file, and roots to install it below.
 *
 * @module
 */
import { build } from "../../lib/install/build.ts";
import type { Finished } from "./run_program.ts";

const folder = await Deno.makeTempDir({ prefix: "premigrate-build-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
await build(folder);

/** The folder of a build. Nobody may change what is in it. */
export const DIST = folder;

/** Hands over a root that has only an empty folder of hooks, and removes it. */
export async function withRoot(use: (root: string) => Promise<void> | void): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "premigrate root-" });
  try {
    await use(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** What a program printed, and how it ended; it sees these variables and no others. */
export async function run(
  [program, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
  stdin: "null" | "inherit" = "null",
): Promise<Finished> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    env,
    clearEnv: true,
    stdin,
  }).output();
  const [out = "", error = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, stdout: out, stderr: error };
}

/** Every file and link below a root, with its mode and contents (or where it leads). */
export async function snapshot(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const walk = async (path: string): Promise<void> => {
    for await (const { name, isDirectory, isSymlink } of Deno.readDir(`${root}${path}`)) {
      const at = `${path}/${name}`;
      const { mode } = await Deno.lstat(`${root}${at}`);
      const octal = ((mode ?? 0) & 0o7777).toString(8);
      if (isDirectory) {
        found[at] = `folder ${octal}`;
        await walk(at);
      } else if (isSymlink) found[at] = `-> ${await Deno.readLink(`${root}${at}`)}`;
      else found[at] = `${octal} ${await Deno.readTextFile(`${root}${at}`)}`;
    }
  };
  await walk("");
  return found;
}

/** Whether a program can be started. */
export function isInstalled(program: string): boolean {
  try {
    new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch {
    return false;
  }
}
