import type { PremigrateError } from "../error/mod.ts";
import { oneLine } from "../facts/one_line.ts";
import { type SiteFile, SiteFileSchema } from "../site/file.ts";
import type { SitePolicies } from "../site/mod.ts";
import { FILES, type Files, readRegular } from "../facts/host_files.ts";
import { configError, parseYamlFile } from "./yaml_file.ts";

const LONGEST = 64 * 1024;
// As many as the schema of the applied configuration takes.
const MOST_FILES = 128;

/**
 * Reads a site's policy, with its cases. `file` names it in messages.
 *
 * @throws {PremigrateError} With the place.
 *
 * @example
 * ```ts
 * import { parseSiteFile } from "./site_folder.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { name, severity } = parseSiteFile("kernel.yaml", `
 * name: kernel
 * title: Kernels are 5.14 or later
 * match: {guest: prod-*}
 * require:
 *   - {fact: kernel, is: at least, value: 5.14}
 * severity: veto
 * message: The destination's kernel is {destination}
 * remedy: Choose another host.
 * `);
 * assertEquals([name, severity], ["kernel", "veto"]);
 * ```
 */
export function parseSiteFile(file: string, text: string): SiteFile {
  return parseYamlFile(file, text, {
    schema: SiteFileSchema,
    values: "failsafe",
    longest: LONGEST,
  });
}

/**
 * Reads one file of a site's policies.
 *
 * @throws {PremigrateError} Where it cannot be read, too.
 */
export async function readSiteFile(file: string, files: Files = FILES): Promise<SiteFile> {
  const bytes = await readRegular(file, LONGEST, files);
  if ("missing" in bytes) throw wrong(file, bytes.missing);
  return parseSiteFile(file, decode(file, bytes));
}

/**
 * Reads all policies of a site: the files of a folder whose names end in `.yaml` or `.yml`.
 *
 * @returns None where there is no such folder, and it is not `wanted`.
 * @throws {PremigrateError} With the file and the place.
 */
export async function readSiteFolder(
  folder: string,
  { files = FILES, wanted = false }: {
    readonly files?: Files;
    readonly wanted?: boolean;
  } = {},
): Promise<SitePolicies> {
  const names = await attempt(folder, () => files.list(folder));
  if (names === undefined && await attempt(folder, () => files.stat(folder)) !== undefined) {
    throw wrong(folder, "it is no folder");
  }
  if (names === undefined && wanted) throw wrong(folder, "there is no such folder");
  const found = (names ?? []).filter((name) => /^[^.].*\.ya?ml$/s.test(name));
  if (found.length > MOST_FILES) {
    throw wrong(folder, `found ${found.length} files, wanted ${MOST_FILES} at most`);
  }
  const owners = new Map<string, string>();
  const policies: [string, SitePolicies[string]][] = [];
  for (const base of found) {
    const file = `${folder}/${base}`;
    const { name, cases: _, ...rules } = await readSiteFile(file, files);
    const owner = owners.get(name);
    if (owner !== undefined) throw wrong(file, `${owner} has a policy of the name ${name}, too`);
    owners.set(name, base);
    policies.push([name, rules]);
  }
  return Object.fromEntries(policies);
}

function wrong(file: string, problem: string): PremigrateError {
  return configError(file, undefined, problem);
}

async function attempt<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof Error ? wrong(file, oneLine(error.message)) : error;
  }
}

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw wrong(file, "it is no UTF-8 text");
  }
}
