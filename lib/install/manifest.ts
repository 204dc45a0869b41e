import { PremigrateError } from "../error/mod.ts";
import * as v from "valibot";
import { oneLine } from "../facts/one_line.ts";
import { below } from "../config/below.ts";
import { pathsBelow } from "../config/paths.ts";

function manifestError(path: string, problem: string): PremigrateError {
  return new PremigrateError(
    "manifest",
    `Cannot read the list of installed files ${path}`,
    problem,
  );
}

const InstalledPath = v.pipe(
  v.string(),
  v.maxLength(4096),
  v.regex(/^(\/(?!\.\.?(\/|$))[A-Za-z0-9._-]+)+$/, "wanted an absolute path"),
);

const Manifest = v.strictObject({
  premigrate: v.literal("manifest/1"),
  version: v.string(),
  files: v.record(InstalledPath, v.pipe(v.string(), v.maxLength(4096))),
  folders: v.array(InstalledPath),
  hookSince: v.optional(v.pipe(v.number(), v.safeInteger())),
  package: v.optional(v.picklist(["deb", "rpm"])),
});

/** What an installation consists of; paths are below its root. */
export interface Manifest {
  /** Of premigrate. */
  readonly version: string;
  /** Each file's SHA-256 in hexadecimal; for a symbolic link `-> ` and where it leads. */
  readonly files: Readonly<Record<string, string>>;
  /** Folders that the installation made, parents first. */
  readonly folders: readonly string[];
  /**
   * When the hook was put in its place, in milliseconds since 1970: a newer version does not change
   * that. Not known of a tree that is copied to its place.
   */
  readonly hookSince?: number | undefined;
  /** The kind of package that brought it; the package manager alone may change it. */
  readonly package?: "deb" | "rpm" | undefined;
}

/** Where the manifest is, below the root. */
export const MANIFEST = pathsBelow().manifest;

// A few dozen paths.
const LARGEST = 1024 * 1024;

/**
 * The manifest as a file.
 *
 * @example
 * ```ts
 * import { parseManifest, writeManifest } from "./manifest.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const manifest = { version: "1.0.0", files: { "/usr/bin/a": "-> b" }, folders: ["/usr/bin"] };
 * assertEquals(parseManifest("manifest.json", writeManifest(manifest)), manifest);
 * ```
 */
export function writeManifest(manifest: Manifest): string {
  return `${JSON.stringify({ premigrate: "manifest/1", ...manifest }, null, 2)}\n`;
}

/**
 * Reads a manifest; `path` names it in messages.
 *
 * @throws {PremigrateError} When it is damaged.
 */
export function parseManifest(path: string, text: string): Manifest {
  if (text.length > LARGEST) throw manifestError(path, `it is larger than ${LARGEST} bytes`);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Manifest), text);
  if (!parsed.success) throw manifestError(path, oneLine(parsed.issues[0].message));
  const { premigrate: _, ...manifest } = parsed.output;
  return manifest;
}

/**
 * Refuses to change what a package brought.
 *
 * @throws {PremigrateError} When one did.
 */
export function refusePackaged(manifest: Manifest | undefined, doing: string): void {
  if (manifest?.package === undefined) return;
  const [upgrade, remove] = manifest.package === "deb"
    ? ["apt install ./FILE.deb", "apt remove premigrate"]
    : ["dnf install ./FILE.rpm", "dnf remove premigrate"];
  throw new PremigrateError(
    "packaged",
    doing,
    `premigrate ${manifest.version} came as a ${manifest.package} package; upgrade it with \`${upgrade}\`, or remove it with \`${remove}\``,
  );
}

/** How what was damaged is put right. */
export function repairOf(manifest: Manifest | undefined): string {
  return manifest?.package === undefined ? "premigrate install" : "install the package anew";
}

/** The manifest of an installation; `undefined` where there is none. */
export async function readManifest(root: string): Promise<Manifest | undefined> {
  const path = `${root}${MANIFEST}`;
  try {
    return parseManifest(
      path,
      await Deno.readTextFile(await below(root, MANIFEST, { follow: true })),
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
