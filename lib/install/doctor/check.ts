import { type Config, parseApplied } from "../../config/config.ts";
import type { Paths } from "../../config/paths.ts";
import { type Manifest, repairOf } from "../manifest.ts";
import type { HostIo } from "../host_io.ts";

/** FAIL: migrations are not judged, or not as they should be. WARN: look at it. */
export type Grade = "PASS" | "WARN" | "FAIL";

/** What came out of a check, and what that means. */
export type Outcome = readonly [grade: Grade, detail?: string];

/** What the checks look at. */
export interface Installation {
  readonly host: HostIo;
  /** Empty for this host's own. */
  readonly root: string;
  readonly paths: Paths;
  /** `undefined` where nothing is known to be installed. */
  readonly manifest: Manifest | undefined;
}

/** One check: one line. What it throws is a WARN: it could not be checked. */
export interface Check {
  readonly area: "HOOK" | "LIBVIRT" | "PROGRAM" | "CONFIG" | "HOST";
  /** As in "Checking for ...". */
  readonly title: string;
  run(installation: Installation): Promise<Outcome>;
}

/**
 * What the hook runs by, and its text.
 *
 * @throws {Error} When there is nothing that it can run by.
 */
export async function readApplied(
  installation: Installation,
): Promise<{ readonly text: string; readonly config: Config }> {
  const { manifest, paths: { applied } } = installation;
  const text = await readTextOf(installation, applied);
  if (text === undefined) throw new Error(`there is no ${applied}: ${repairOf(manifest)}`);
  return { text, config: parseApplied(text) };
}

/** A file as text, `undefined` where there is none. */
export async function readTextOf(
  { host }: Installation,
  path: string,
): Promise<string | undefined> {
  const bytes = await host.read(path);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}
