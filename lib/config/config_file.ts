import { PremigrateError } from "../error/mod.ts";
import { BUILT_IN, FORMER_IDS } from "../../plugins/mod.ts";
import { LibvirtUriError, parseLibvirtUri } from "../facts/libvirt/uri.ts";
import { type Config, ConfigSchema } from "./config.ts";
import type { Policy } from "../policy/mod.ts";
import { type SitePolicies, sitePolicies } from "../site/mod.ts";
import { underCurrentIds } from "./former_ids.ts";
import { errorAt, parseYamlFile, type Path, suggest } from "./yaml_file.ts";

// Room for ten thousand guests.
const LONGEST = 4 * 1024 * 1024;

/**
 * Reads what the operator wrote, and checks all that can be checked without the hosts: the schema,
 * the policies' ids and options, the libvirt URIs. `file` names it in messages.
 *
 * @param site The site's policies, which become part of it.
 * @throws {PremigrateError} With the place.
 *
 * @example
 * ```ts
 * import { parseConfig } from "./config_file.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseConfig("config.yaml", "mode: observe").mode, "observe");
 * ```
 */
export function parseConfig(file: string, text: string, site: SitePolicies = {}): Config {
  const fail = (path: Path, problem: string): never => {
    throw errorAt(file, text, path, problem);
  };
  const form = { schema: ConfigSchema, values: "core", longest: LONGEST } as const;
  const config = parseYamlFile(file, text, form);
  for (const [index, uri] of config.hosts.entries()) {
    try {
      parseLibvirtUri(uri);
    } catch (error) {
      if (!(error instanceof LibvirtUriError)) throw error;
      return fail(["hosts", index], error.message);
    }
  }
  const policies: readonly Policy[] = [...BUILT_IN, ...sitePolicies(site)];
  for (const [id, { options, codes = {} }] of Object.entries(config.policies)) {
    // A plugin holds its options against its own schema.
    if (Object.hasOwn(config.plugins, id)) continue;
    const named = FORMER_IDS.get(id) ?? policies.filter((policy) => policy.id === id);
    if (named.length === 0) {
      const known = [...policies.map(({ id }) => id), ...Object.keys(config.plugins)];
      return fail(["policies", id], `there is no such policy; ${suggest(id, known)}`);
    }
    for (const code of Object.keys(codes)) {
      const problem = findCodeProblem(
        Object.fromEntries(named.flatMap(({ codes }) => Object.entries(codes))),
        code,
      );
      if (problem !== undefined) return fail(["policies", id, "codes", code], problem);
    }
    try {
      for (const policy of named) policy.configure(options);
    } catch (error) {
      if (!(error instanceof PremigrateError)) throw error;
      return fail(["policies", id, "options"], error.message);
    }
  }
  const current = { ...config, policies: underCurrentIds(config.policies) };
  return Object.keys(site).length === 0 ? current : { ...current, site };
}

/** Why a site cannot make a warning of a code. */
export function findCodeProblem(
  codes: Policy["codes"],
  code: string,
): string | undefined {
  return Object.hasOwn(codes, code)
    ? undefined
    : `the policy has no such code; ${suggest(code, Object.keys(codes))}`;
}
