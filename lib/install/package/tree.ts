import { PremigrateError } from "../../error/mod.ts";
import { markOf } from "../file_entry.ts";
import { itemsOf, LAYOUT, PRIVATE_FOLDERS } from "../layout.ts";
import { MANIFEST, type Manifest, writeManifest } from "../manifest.ts";
import { version } from "../../config/version.ts";

const SOURCES = new URL("../../../", import.meta.url);
const DOC = "/usr/share/doc/premigrate";
/** What is read of the sources, below the packages' folder of documentation. */
const DOCUMENTS = ["CHANGELOG.md", "README.md", "docs", "examples"];

/** A package's kind. */
export type PackageKind = NonNullable<Manifest["package"]>;

/** What is packed, but for what a kind of package has of its own. */
export interface Tree {
  /** Where it is, as it will be below `/`. */
  readonly root: string;
  /** What the operator may change, and keeps. */
  readonly choices: readonly string[];
}

/**
 * Lays out below a folder what a package brings: what an installation has, save for the hook and the
 * applied configuration, which the package's scripts make of it; and documentation.
 */
export async function makeTree(
  root: string,
  kind: PackageKind,
  { dist, deno }: { readonly dist: string; readonly deno: string },
): Promise<Tree> {
  const items = await itemsOf(dist, deno);
  const marks = await Promise.all(
    items.map(async ({ path, content }) => [path, await markOf(content)]),
  );
  const files: Record<string, string> = Object.fromEntries(marks);
  const manifest = writeManifest({ version, package: kind, files, folders: [] });
  for (const folder of PRIVATE_FOLDERS) {
    await Deno.mkdir(`${root}${folder}`, { recursive: true, mode: 0o755 });
    await Deno.chmod(`${root}${folder}`, 0o700);
  }
  for (const folder of [LAYOUT.policies, LAYOUT.hook.replace(/\/[^/]*$/, "")]) {
    await Deno.mkdir(`${root}${folder}`, { recursive: true });
  }
  for (const { path, content, mode, kind } of items) {
    if (kind === "hook") continue;
    if (content instanceof Uint8Array) await writeBelow(root, path, content, mode);
    else {
      await makeParent(root, path);
      await Deno.symlink(content.link, `${root}${path}`);
    }
  }
  await writeBelow(root, MANIFEST, manifest);
  for (const name of DOCUMENTS) await copyBelow(root, `${DOC}/${name}`, new URL(name, SOURCES));
  await copyBelow(root, `${DOC}/copyright`, new URL("copyright", import.meta.url));
  return { root, choices: items.filter((it) => it.kind === "choice").map(({ path }) => path) };
}

/** Writes a file, and makes the folder that it is in. */
export async function writeBelow(
  root: string,
  path: string,
  content: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  await makeParent(root, path);
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  await Deno.writeFile(`${root}${path}`, bytes);
  await Deno.chmod(`${root}${path}`, mode);
}

async function copyBelow(root: string, path: string, source: URL): Promise<void> {
  if ((await Deno.stat(source)).isFile) {
    return await writeBelow(root, path, await Deno.readFile(source));
  }
  for await (const { name } of Deno.readDir(source)) {
    await copyBelow(root, `${path}/${name}`, new URL(name, `${source}/`));
  }
}

async function makeParent(root: string, path: string): Promise<void> {
  await Deno.mkdir(`${root}${path.replace(/\/[^/]*$/, "")}`, { recursive: true });
}

const MACHINES: Readonly<Record<number, Readonly<Record<PackageKind, string>>>> = {
  62: { deb: "amd64", rpm: "x86_64" },
  183: { deb: "arm64", rpm: "aarch64" },
};

/**
 * The architecture of the Deno that is packed, by its ELF header (`e_machine`).
 *
 * @throws {PremigrateError} When it is none that Deno is made for.
 */
export async function architectureOf(deno: string, kind: PackageKind): Promise<string> {
  const doing = "Cannot make a package";
  const header = new Uint8Array(20);
  try {
    using file = await Deno.open(deno);
    await file.read(header);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new PremigrateError(
      "package",
      doing,
      `there is no ${deno}; run \`deno task build\` first`,
    );
  }
  const machine = new DataView(header.buffer).getUint16(18, true);
  const isElf = new TextDecoder().decode(header.subarray(1, 4)) === "ELF";
  const architecture = isElf ? MACHINES[machine]?.[kind] : undefined;
  if (architecture === undefined) {
    throw new PremigrateError(
      "package",
      doing,
      `${deno} is no Deno for Linux on x86_64 or aarch64`,
    );
  }
  return architecture;
}

/** The version, as package managers order it: a release comes after its candidates. */
export const PACKAGE_VERSION = version.replace("-", "~");

/** One line, and what stands below it. */
export const SUMMARY = "tells whether a guest's VFIO devices survive a live migration";
/** What a package manager tells of it. */
export const DESCRIPTION = `premigrate tells, before a libvirt live migration starts, whether the
guest's VFIO devices will arrive intact: QEMU compares the devices' PCI
config space with the source's only after all memory has been sent. Its hook
makes libvirt refuse a migration that would fail, with the reason.`;

/** Who is asked about a package. */
export const MAINTAINER = "The premigrate authors <premigrate@premigrate.example>";

/** A script of a package: what all of them have, and what is called. */
export async function scriptOf(call: string): Promise<string> {
  return `${await Deno.readTextFile(new URL("scripts.sh", import.meta.url))}\n${call}\n`;
}

/**
 * Runs a program that makes a package.
 *
 * @throws {PremigrateError} With what it said.
 */
export async function make(program: string, args: readonly string[], cwd = "/"): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd,
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  if (success) return text.decode(stdout);
  throw new PremigrateError("package", `Cannot run ${program}`, text.decode(stderr).trim());
}
