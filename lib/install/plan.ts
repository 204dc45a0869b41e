import { PremigrateError } from "../error/mod.ts";
import { oneLine } from "../facts/one_line.ts";
import { below } from "../config/below.ts";
import { type Content, type Entry, markOf, readEntry } from "./file_entry.ts";
import type { Manifest } from "./manifest.ts";

/** Somebody else's file is where one of ours is to be; nothing was changed. */
export function foreignFileError(path: string, problem: string): PremigrateError {
  return new PremigrateError("foreign-file", `Cannot install over ${oneLine(path)}`, problem);
}

/** What is to be at a path. */
export interface Item {
  /** Below the root. */
  readonly path: string;
  readonly content: Content;
  readonly mode: number;
  /**
   * What becomes of it where it is not as it was installed:
   *
   * - `program`: it is put right;
   * - `choice`: the operator's, and stays;
   * - `hook`: nothing is installed, as neither the operator's change nor ours may be lost.
   */
  readonly kind: "program" | "choice" | "hook";
}

/** What happened to a path. */
export interface Change {
  /** With the root. */
  readonly path: string;
  readonly what: "made" | "changed" | "unchanged" | "kept" | "removed";
  /** Why it is not as it might be expected. */
  readonly why?: string;
}

/** An item, what is there now, and what is to be done. */
export interface Step {
  readonly item: Item;
  readonly what: Exclude<Change["what"], "removed">;
  /** What the manifest has of it from now on; nothing for a file that is not ours. */
  readonly mark: string | undefined;
}

/**
 * Tells what is to be done for an item, by what is there and what the installation before left.
 *
 * @throws {PremigrateError} When somebody else's file is there.
 */
export async function planStep(
  root: string,
  item: Item,
  manifest: Manifest | undefined,
): Promise<Step> {
  const path = `${root}${item.path}`;
  const mark = await markOf(item.content);
  const entry = await readEntry(await below(root, item.path));
  const known = Object.hasOwn(manifest?.files ?? {}, item.path)
    ? manifest?.files[item.path]
    : undefined;
  if (entry.kind === "missing") return { item, what: "made", mark };
  if (item.kind === "choice" && (entry.kind === "file" || entry.kind === "link")) {
    if (entry.mark === mark) return { item, what: "unchanged", mark };
    return entry.mark === known ? { item, what: "changed", mark } : {
      item,
      what: "kept",
      mark: known,
    };
  }
  if (entry.kind !== "file" && entry.kind !== "link") {
    throw foreignFileError(path, `found ${describe(entry)}`);
  }
  if (entry.mark === mark) {
    const isRight = entry.kind === "link" || entry.mode === item.mode;
    return { item, what: isRight ? "unchanged" : "changed", mark };
  }
  if (known === undefined) {
    throw foreignFileError(path, "it is not premigrate's; move it away first");
  }
  if (item.kind === "hook" && entry.mark !== known) {
    throw foreignFileError(
      path,
      "it was changed since it was installed; move it out of its folder first",
    );
  }
  return { item, what: "changed", mark };
}

function describe({ kind }: Entry): string {
  switch (kind) {
    case "folder":
      return "a folder";
    case "blocked":
      return "a file in place of a folder above it";
    default:
      return "neither a file nor a link";
  }
}
