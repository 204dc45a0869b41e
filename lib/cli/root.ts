import { ValidationError } from "@cliffy/command";

/** Reads `--root`: an absolute path without a slash at its end, empty for this host's own root. */
export function parseRoot(root: string | undefined): string {
  if (root === undefined) return "";
  if (root === "") throw new ValidationError("Cannot use --root: wanted a folder");
  const absolute = root.startsWith("/") ? root : `${Deno.cwd()}/${root}`;
  return absolute.replace(/\/+/g, "/").replace(/(\/\.)*\/$|(\/\.)+$/, "");
}
