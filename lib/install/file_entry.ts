import { sha256 } from "../facts/sha256.ts";
import { replaceFile } from "../facts/store.ts";

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
  return content instanceof Uint8Array ? await sha256(content) : `-> ${content.link}`;
}

/** Puts a file or link in place whole or not at all, over what is there. */
export function writeEntry(path: string, content: Content, mode: number): void {
  // Not in qemu.d, where libvirt runs whatever is executable, nor in another folder of that kind.
  const folder = path.replace(/(\/[^/]*\.d)?\/[^/]*$/, "");
  replaceFile(path, (unfinished) => {
    if (!(content instanceof Uint8Array)) return Deno.symlinkSync(content.link, unfinished);
    Deno.writeFileSync(unfinished, content, { createNew: true, mode: 0o600 });
    Deno.chmodSync(unfinished, mode);
  }, `${folder}/.premigrate-${crypto.randomUUID()}`);
}
