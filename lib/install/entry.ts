import { encodeHex } from "@std/encoding/hex";

/** What is at a path. */
export type Entry =
  | { readonly kind: "missing" }
  /** `mark` is its SHA-256, as in a manifest. */
  | { readonly kind: "file"; readonly mark: string; readonly mode: number }
  /** `mark` is `-> ` and where it leads. */
  | { readonly kind: "link"; readonly mark: string }
  /** `blocked` where a file is in place of a folder above it. */
  | { readonly kind: "folder" | "other" | "blocked" };

/** What is to be at a path. */
export type Content = Uint8Array<ArrayBuffer> | { readonly link: string };

/** Looks at a path, without following a link. */
export async function readEntry(path: string): Promise<Entry> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { kind: "missing" };
    if (error instanceof Deno.errors.NotADirectory) return { kind: "blocked" };
    throw error;
  }
  if (info.isSymlink) return { kind: "link", mark: `-> ${await Deno.readLink(path)}` };
  if (info.isDirectory) return { kind: "folder" };
  if (!info.isFile) return { kind: "other" };
  return {
    kind: "file",
    mark: await markOf(await Deno.readFile(path)),
    mode: (info.mode ?? 0) & 0o7777,
  };
}

/** What the manifest has of a file or link. */
export async function markOf(content: Content): Promise<string> {
  return content instanceof Uint8Array
    ? encodeHex(await crypto.subtle.digest("SHA-256", content))
    : `-> ${content.link}`;
}

/** Puts a file or link in place whole or not at all, over what is there. */
export async function writeEntry(path: string, content: Content, mode: number): Promise<void> {
  // Not in qemu.d, where libvirt runs whatever is executable, nor in another folder of that kind.
  const folder = path.replace(/(\/[^/]*\.d)?\/[^/]*$/, "");
  const temporary = `${folder}/.premigrate-${crypto.randomUUID()}`;
  try {
    if (content instanceof Uint8Array) {
      await Deno.writeFile(temporary, content, { createNew: true, mode: 0o600 });
      await Deno.chmod(temporary, mode);
    } else {
      await Deno.symlink(content.link, temporary);
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}
