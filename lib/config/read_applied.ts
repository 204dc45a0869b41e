import { type Config, ConfigSchema, declaredAttributes, parseApplied } from "./config.ts";
import * as v from "valibot";

/**
 * What the hook runs by here, all defaults where nothing usable is applied: the hook and `doctor` tell
 * of that.
 */
export async function readApplied(path: string): Promise<Config> {
  try {
    return parseApplied(await Deno.readTextFile(path));
  } catch {
    return v.parse(ConfigSchema, {});
  }
}

/** The sysfs attributes that are read here: another host's policies will want them. */
export async function appliedAttributes(path: string): Promise<string[]> {
  return declaredAttributes(await readApplied(path));
}
