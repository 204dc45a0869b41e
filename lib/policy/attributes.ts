/** The most attributes that one policy may declare. */
export const MOST_ATTRIBUTES = 32;

/** The most attributes that are read of one device, for all policies together. */
export const MOST_ATTRIBUTES_READ = 256;

/** As much as is read of one attribute, in bytes. */
export const LONGEST_ATTRIBUTE = 4096;

/**
 * Names of sysfs attributes that may be read of any device. Refused are the kernel's files that are
 * no text, that act or take long when they are read (`pci_create_resource_files`, `pci_read_rom`,
 * `pci_vpd_read`), or that show kernel addresses (`add_sect_attrs`). `probe.sh` has the same rule.
 */
export const ATTRIBUTE_NAME =
  /^(?=.{1,128}$)(?!.*\.\.)(?!(.*\/)?((config|rom|vpd|resource[0-9][^/]*)$|sections\/))[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*){0,3}$/;

/**
 * Whether a policy may declare an attribute of this name.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const names = ["fw_rev", "parent/acme/profile", "config", "../fw_rev"];
 * assertEquals(names.map(isAttributeName), [true, true, false, false]);
 * ```
 */
export function isAttributeName(name: string): boolean {
  return ATTRIBUTE_NAME.test(name);
}

/** The attributes that any of the policies declares, each once, sorted. */
export function attributesOf(
  policies: Iterable<{ readonly attributes?: readonly string[] }>,
): string[] {
  return [...new Set([...policies].flatMap(({ attributes = [] }) => attributes))].sort();
}
