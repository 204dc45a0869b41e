import { PremigrateError } from "../error/mod.ts";
import { oneLine } from "../facts/one_line.ts";
import { describePlugin } from "./describe.ts";
import { OWN_RUNNER } from "./own_runner.ts";
import { type CodePlugin, PluginError } from "./process.ts";

function buildError(file: string, problem: string): PremigrateError {
  return new PremigrateError("plugin-build", `Cannot build ${file}`, problem);
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
    throw error instanceof PluginError ? buildError(file, error.message) : error;
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
    throw buildError(file, "it is built in premigrate's source tree");
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
  if (!success) {
    // Of the hints that Deno adds, some are coloured nevertheless.
    const said = new TextDecoder().decode(stderr).replace(/\p{Cc}\[[\d;]*m/gu, "");
    throw buildError(file, oneLine(said));
  }
  return await Deno.readFile(output);
}
