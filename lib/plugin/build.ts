import { oneLine } from "../facts/one_line.ts";
import { describePlugin } from "./describe.ts";
import { OWN_RUNNER } from "./own_runner.ts";
import { type CodePlugin, PluginError } from "./process.ts";

/** A policy that cannot be built. */
export class PluginBuildError extends Error {
  /** `problem` ends the message. */
  constructor(file: string, problem: string) {
    super(`Cannot build ${file}: ${problem}`);
    this.name = "PluginBuildError";
  }
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
 * @throws {PluginBuildError} When it cannot be bundled, or the plugin fails.
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
    throw error instanceof PluginError ? new PluginBuildError(file, error.message) : error;
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
 * @throws {PluginBuildError} When that cannot be done.
 */
export async function bundle(
  file: string,
  folder: string,
  entryOf: (policy: URL) => Entry | Promise<Entry> = serveEntry,
): Promise<Uint8Array> {
  if (!SOURCES.href.startsWith("file:") || !import.meta.url.endsWith(".ts")) {
    throw new PluginBuildError(file, "it is built in premigrate's source tree");
  }
  const [entry, output] = [`${folder}/entry.ts`, `${folder}/plugin.js`];
  const path = await Deno.realPath(file).catch((error: unknown) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PluginBuildError(file, "there is no such file");
  });
  // What is no file might never end.
  if (!(await Deno.stat(path)).isFile) throw new PluginBuildError(file, "it is no regular file");
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
    throw new PluginBuildError(file, oneLine(said));
  }
  return await Deno.readFile(output);
}
