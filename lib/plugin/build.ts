import { PremigrateError } from "../error/mod.ts";
import { describePlugin } from "./describe.ts";
import { OWN_RUNNER } from "./own_runner.ts";
import { type CodePlugin, PluginError } from "./process.ts";

function buildError(file: string, problem: string, details?: string): PremigrateError {
  return new PremigrateError("plugin-build", `Cannot build ${file}`, problem, details);
}

/** A code plugin that was built. */
export interface BuiltPlugin extends CodePlugin {
  /** The policy's id. */
  readonly id: string;
}

const SOURCES = new URL("../../", import.meta.url);
const SECONDS = 10;

/**
 * Makes one self-contained file of a module whose default export is a policy, and asks it what it is.
 *
 * @throws {PremigrateError} When it cannot be bundled, or the plugin fails.
 */
export async function buildPlugin(file: string): Promise<BuiltPlugin> {
  const folder = await Deno.makeTempDir({ prefix: "premigrate-build-" });
  try {
    const code = await bundle(file, folder);
    const plugin = { name: file, code };
    const { description: { id } } = await describePlugin(plugin, {
      ...OWN_RUNNER,
      seconds: SECONDS,
    });
    return { ...plugin, id };
  } catch (error) {
    throw error instanceof PluginError ? buildError(file, error.message, error.details) : error;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a bundle is made of. */
export interface Entry {
  /** Modules by what is imported of them. */
  readonly imports: Readonly<Record<string, URL>>;
  /** The expression that makes what a process calls. */
  readonly answer: string;
}

function serveEntry(policy: URL): Entry {
  return {
    imports: { policy, "{ serve }": new URL("serve.ts", import.meta.url) },
    answer: "serve(policy)",
  };
}

/**
 * Makes one self-contained file of a policy and what it is served with; types are checked.
 *
 * @throws {PremigrateError} When that cannot be done.
 */
export async function bundle(
  file: string,
  folder: string,
  entryOf: (policy: URL) => Entry | Promise<Entry> = serveEntry,
): Promise<Uint8Array> {
  if (!SOURCES.href.startsWith("file:") || !import.meta.url.endsWith(".ts")) {
    // What makes the bundle, esbuild, Deno fetches from a registry.
    throw buildError(
      file,
      "an installed premigrate has no sources to build with; run `deno task premigrate policy` in a clone, and bring the built file here",
    );
  }
  const [entry, output] = [`${folder}/entry.ts`, `${folder}/plugin.js`];
  const path = await Deno.realPath(file).catch((error: unknown) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw buildError(file, "there is no such file");
  });
  // What is no file might never end.
  if (!(await Deno.stat(path)).isFile) throw buildError(file, "it is no regular file");
  const { imports, answer } = await entryOf(new URL(path.replaceAll("%", "%25"), "file:///"));
  const lines = Object.entries(imports)
    .map(([names, { href }]) => `import ${names} from ${JSON.stringify(href)};\n`);
  await Deno.writeTextFile(entry, `${lines.join("")}export const answer = ${answer};\n`);
  const config = decodeURIComponent(new URL("deno.json", SOURCES).pathname);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--check",
      "--platform=deno",
      "--minify",
      `--config=${config}`,
      `--output=${output}`,
      entry,
    ],
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw describeError(new TextDecoder().decode(stderr), { file, path, entry });
  return await Deno.readFile(output);
}

interface Files {
  /** As it was named. */
  readonly file: string;
  readonly path: string;
  /** The file that imports it, which nobody knows of. */
  readonly entry: string;
}

/** What Deno said, with the files as they were named. */
function describeError(stderr: string, { file, path, entry }: Files): PremigrateError {
  const [folder, own = ""] = [path, file].map((path) => path.replace(/[^/]*$/, ""));
  const said = stderr
    // Of the hints that Deno adds, some are coloured nevertheless.
    .replace(/\p{Cc}\[[\d;]*m/gu, "")
    .replace(/^(error: Type checking failed|Stack backtrace:)[^]*/m, "")
    .replace(new RegExp(`${RegExp.escape(`file://${entry}`)}(:\\d+)*`, "g"), `what ${file} exports`)
    .replaceAll(`file://${folder}`, own)
    .trim();
  const [first = "", ...rest] = said.replace(/^error: /, "").split("\n");
  return /^TS\d+ /.test(first)
    ? buildError(file, "its types do not fit", said)
    : buildError(file, first, rest.join("\n"));
}
