import type { PremigrateError } from "../error/mod.ts";
import { encodeBase64 } from "@std/encoding/base64";
import { type Config, declaredAttributes } from "./config.ts";
import { TAKEN_IDS } from "./policy_set.ts";
import { pluginSeconds } from "./plugins.ts";
import type { Files } from "../facts/host_files.ts";
import { readPluginFile } from "../plugin/file.ts";
import { type CodePlugin, describePlugins, OWN_RUNNER } from "../plugin/mod.ts";
import { MOST_ATTRIBUTES_READ } from "../policy/attributes.ts";
import { filesBelow } from "./below.ts";
import { findCodeProblem } from "./config_file.ts";
import { errorAt, type Path } from "./yaml_file.ts";

// Nobody waits for it but the operator.
const LEAST_SECONDS = 10;

/** The configuration that lists the plugins. */
export interface ConfigFile {
  readonly path: string;
  readonly text: string;
  /** The folder that absolute paths in it are below. */
  readonly root: string;
}

/**
 * Reads the listed code plugins, and asks them what they are, in processes without permissions; they
 * become part of the configuration.
 *
 * @throws {PremigrateError} With the place where one is listed that cannot be used.
 */
export async function loadListed(file: ConfigFile, config: Config): Promise<Config> {
  const listed = Object.entries(config.plugins);
  if (listed.length === 0) return config;
  const fail = (path: Path, problem: string): PremigrateError =>
    errorAt(file.path, file.text, path, problem);
  const files = filesBelow(file.root);
  const plugins: CodePlugin[] = [];
  for (const [name, listing] of listed) {
    const found = await readPluginFile(pathOf(file, listing), listing.digest, files);
    if ("missing" in found) throw fail(["plugins", name, found.key], found.missing);
    plugins.push({ name, code: found.code, options: config.policies[name]?.options ?? {} });
  }
  const loaded = new Map<string, NonNullable<Config["loaded"]>[string]>();
  const seconds = Math.max(LEAST_SECONDS, pluginSeconds(config));
  const described = await describePlugins(plugins, TAKEN_IDS, { ...OWN_RUNNER, seconds });
  for (const plugin of described) {
    if ("missing" in plugin) {
      const { finding, message } = plugin.missing;
      throw fail(["plugins", finding.about ?? ""], message);
    }
    const { name, code, description } = plugin;
    if (description.id !== name) {
      throw fail(["plugins", name], `the plugin says that it is ${description.id}`);
    }
    for (const own of Object.keys(config.policies[name]?.codes ?? {})) {
      const problem = findCodeProblem(description.codes, own);
      if (problem !== undefined) throw fail(["policies", name, "codes", own], problem);
    }
    loaded.set(name, { description, code: encodeBase64(code) });
  }
  const whole = { ...config, loaded: Object.fromEntries(loaded) };
  const count = declaredAttributes(whole).length;
  if (count <= MOST_ATTRIBUTES_READ) return whole;
  throw fail(
    ["plugins"],
    `they and the site's policies declare ${count} sysfs attributes, wanted ${MOST_ATTRIBUTES_READ} at most`,
  );
}

/** The listed plugins that are not, or no longer, the files that are listed. */
export async function findOtherPlugins(
  file: Omit<ConfigFile, "text">,
  { plugins }: Pick<Config, "plugins">,
  outside: Files,
): Promise<string[]> {
  const others: string[] = [];
  for (const listing of Object.values(plugins)) {
    const path = pathOf(file, listing);
    const found = await readPluginFile(path, listing.digest, outside);
    if ("missing" in found) others.push(`${path}: ${found.missing}`);
  }
  return others;
}

function pathOf(
  { path, root }: Omit<ConfigFile, "text">,
  { file }: Config["plugins"][string],
): string {
  return file.startsWith("/") ? root + file : path.replace(/[^/]*$/, "") + file;
}
