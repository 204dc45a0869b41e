import type { Domain } from "../domain/mod.ts";
import { isFilePath, MOST_FILES } from "./probe/file_path.ts";
import { PID_FILES } from "./stamp/guest_origin.ts";
import type { ProbedFile } from "./probe/report.ts";

/** A ROM file that a guest's device has in place of its own ROM. */
export interface RomFile {
  /** Its absolute path. */
  readonly path: string;
  /**
   * A file that libvirt wrote as it started the guest that runs: QEMU made its copy of the ROM then
   * (`pci_add_option_rom`), and the size of one that has changed since is not the copy's. Absent: no
   * QEMU has opened it yet.
   */
  readonly startedBy?: string | undefined;
}

/** Sizes of ROM files by path; `null`: it is not there. Absent: not known. */
export type RomFileSizes = Readonly<Record<string, number | null>>;

/**
 * The ROM files of a guest's devices, as far as the probe may be asked for them: a name that is
 * relative, of other characters or too long is not known.
 *
 * @param running It runs on the host that is asked, so that its QEMU has opened them.
 */
export function romFilesOf(
  { name, hostDevices }: Domain,
  { running }: { readonly running: boolean },
): RomFile[] {
  const paths = hostDevices.flatMap((device) =>
    device.kind === "other" ? [] : device.properties["romfile"] ?? []
  );
  const startedBy = running ? `${PID_FILES}/${name}.pid` : undefined;
  return [...new Set(paths)].filter(isFilePath).map((path) => ({ path, startedBy }));
}

// One guest's paths must not make the command line too long for the others' facts.
const LONGEST_LIST = 32_768;

/** The files that the probe is to be asked for. */
export function filesToAsk(romFiles: readonly RomFile[]): string[] {
  const all = romFiles.flatMap(({ path, startedBy = "" }) => [path, startedBy]);
  let length = 0;
  return [...new Set(all)].filter(isFilePath).slice(0, MOST_FILES)
    .filter((path) => (length += path.length) <= LONGEST_LIST);
}

/** What the probe's answer says of the ROM files, and why a size is not known. */
export function readRomFiles(
  romFiles: readonly RomFile[],
  files: readonly ProbedFile[],
): { readonly sizes: RomFileSizes; readonly missing: string | undefined } {
  const sizes: Record<string, number | null> = {};
  const missing: string[] = [];
  const find = (wanted: string): ProbedFile | undefined =>
    files.find(({ path }) => path === wanted);
  for (const path of new Set(romFiles.map(({ path }) => path))) {
    const starts = romFiles.flatMap((file) =>
      file.path === path && file.startedBy !== undefined ? [find(file.startedBy)] : []
    );
    const found = find(path);
    const why = whyUnknown(found, starts);
    if (why === undefined && found?.size !== undefined) sizes[path] = found.size;
    else missing.push(`${path}: ${why}`);
  }
  return { sizes, missing: missing.length === 0 ? undefined : missing.join("; ") };
}

function whyUnknown(
  file: ProbedFile | undefined,
  starts: readonly (ProbedFile | undefined)[],
): string | undefined {
  if (file?.size === undefined) return file?.missing["size"] ?? "it was not asked for";
  if (starts.length === 0) return undefined;
  const { changed, size } = file;
  if (size === null) return "it has gone since the guest was started";
  for (const start of starts) {
    if (start?.modified === undefined) return "it is not known when the guest was started";
    if (changed === undefined || changed >= start.modified) {
      return "it changed after the guest was started";
    }
  }
  return undefined;
}
