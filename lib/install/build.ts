/**
 * `deno task build [--deno PATH | --no-deno] [FOLDER]`: makes `dist/`, from which premigrate can be
 * installed on a host that reaches no registry and has no Deno. `--deno` names one for hosts of another
 * architecture.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { gzipSync } from "fflate";
import { PremigrateError } from "../error/mod.ts";
import { sha256 } from "../facts/sha256.ts";
import { EXECUTABLES } from "./dist_files.ts";
import { putDeno } from "./put_deno.ts";

const SOURCES = new URL("../../", import.meta.url);

const BUNDLES = {
  "hook.js": "lib/hook/main.ts",
  "premigrate.js": "lib/cli/main.ts",
  "vfio_region_main.js": "lib/facts/vfio/region_main.ts",
} as const;

const COPIES = {
  "config.yaml": "examples/config.yaml",
  "deno.LICENSE": "lib/install/files/deno.LICENSE",
  "launcher.sh": "lib/hook/launcher.sh",
  "logrotate.conf": "lib/install/files/logrotate.conf",
  "premigrate": "lib/install/files/premigrate",
  "premigrate-agent.service": "lib/install/files/premigrate-agent.service",
  "plugin.sh": "lib/plugin/run.sh",
  "plugin_child.js": "lib/plugin/child.js",
  "probe.sh": "lib/facts/probe/probe.sh",
} as const;

/** What the built program says of itself. */
const PRINTED = {
  "premigrate.1.gz": ["man"],
  "premigrate.bash": ["completions", "bash"],
  "premigrate.fish": ["completions", "fish"],
  "premigrate.zsh": ["completions", "zsh"],
} as const;

/**
 * Builds into a folder, which is made where it is missing, all but Deno.
 *
 * @throws {PremigrateError} With what `deno bundle` said.
 *
 * @example
 * ```ts ignore
 * import { build } from "./lib/install/build.ts";
 *
 * await build("/tmp/dist");
 * ```
 */
export async function build(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  // One after another: the first time, Deno downloads its bundler, and two at once are in each
  // other's way.
  for (const [name, entry] of Object.entries(BUNDLES)) await bundle(entry, `${folder}/${name}`);
  for (const [name, source] of Object.entries(COPIES)) {
    await Deno.writeFile(`${folder}/${name}`, await Deno.readFile(new URL(source, SOURCES)));
  }
  await Promise.all(
    Object.entries(PRINTED).map(async ([name, words]) => {
      const text = await deno("run", "--quiet", "--no-config", `${folder}/premigrate.js`, ...words);
      const isPacked = name.endsWith(".gz");
      // Without a time, builds are the same at any time.
      const bytes = isPacked ? gzipSync(text, { level: 9, mtime: 0 }) : text;
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }),
  );
  const hook = await Deno.readFile(`${folder}/hook.js`);
  await Deno.writeTextFile(`${folder}/hook.js.sha256`, `${await sha256(hook)}\n`);
  for (const name of EXECUTABLES) await Deno.chmod(`${folder}/${name}`, 0o755);
}

/** Minified, a bundle names no path of the machine that made it: builds are the same everywhere. */
async function bundle(entry: string, output: string): Promise<void> {
  await deno("bundle", "--quiet", "--platform=deno", "--minify", `--output=${output}`, entry);
}

async function deno(...args: readonly string[]): Promise<Uint8Array> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: SOURCES,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!success) {
    const problem = new TextDecoder().decode(stderr).trim();
    throw new PremigrateError("build", `Cannot run deno ${args.join(" ")}`, problem);
  }
  return stdout;
}

if (import.meta.main) {
  const text = new TextEncoder();
  try {
    const { values, positionals } = parseArgs({
      args: Deno.args,
      allowPositionals: true,
      options: { "deno": { type: "string" }, "no-deno": { type: "boolean" } },
    });
    const folder = positionals[0] ?? new URL("dist", SOURCES).pathname;
    await build(folder);
    await putDeno(folder, values["no-deno"] ? undefined : values.deno ?? Deno.execPath());
    Deno.stdout.writeSync(text.encode(`built ${folder}\n`));
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    Deno.stderr.writeSync(text.encode(`build: ${said}\n`));
    Deno.exitCode = 2;
  }
}
