import { FILES, type Files } from "../facts/host_files.ts";

// As the kernel (MAXSYMLINKS).
const MOST_LINKS = 40;

/**
 * Where a path below a root is, for whom that root is `/`: links on the way are followed, and never
 * lead out of it, as they would where they are absolute in an image that is not this host's.
 *
 * @param root Without a slash at its end; empty for this host's own, where the kernel follows links.
 * @param follow Follow the last part of the path, too.
 * @throws {Deno.errors.FilesystemLoop} When links lead in a circle.
 *
 * @example
 * ```ts ignore
 * // Where /mnt/var/log is a link to /srv/log
 * await below("/mnt", "/var/log/premigrate"); // "/mnt/srv/log/premigrate"
 * ```
 */
export async function below(
  root: string,
  path: string,
  { follow = false }: { readonly follow?: boolean } = {},
): Promise<string> {
  if (root === "") return path;
  const left = partsOf(path);
  let found: string[] = [];
  for (let links = 0;;) {
    const part = left.shift();
    if (part === undefined) return [root, ...found].join("/");
    if (part === "..") {
      found.pop();
      continue;
    }
    const target = left.length === 0 && !follow
      ? undefined
      : await readLink([root, ...found, part].join("/"));
    if (target === undefined) {
      found.push(part);
      continue;
    }
    links += 1;
    if (links > MOST_LINKS) {
      throw new Deno.errors.FilesystemLoop(
        `Cannot follow the links of ${root}${path}: there are more than ${MOST_LINKS}`,
      );
    }
    if (target.startsWith("/")) found = [];
    left.unshift(...partsOf(target));
  }
}

/** Reads what is below a root, by paths that begin with it, and nothing else of this host. */
export function filesBelow(root: string, files: Files = FILES): Files {
  const at = async (path: string): Promise<string> =>
    path.startsWith(`${root}/`)
      ? await below(root, path.slice(root.length), { follow: true })
      : path;
  return {
    list: async (path) => await files.list(await at(path)),
    read: async (path) => await files.read(await at(path)),
    stat: async (path) => await files.stat(await at(path)),
  };
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

async function readLink(path: string): Promise<string | undefined> {
  try {
    const { isSymlink } = await Deno.lstat(path);
    return isSymlink ? await Deno.readLink(path) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}
