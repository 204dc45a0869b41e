import { type ProgramEnd, runProgram } from "../facts/run_program.ts";
import { type Paths, pathsBelow } from "../config/paths.ts";

/** How a trial of the hook ended. */
export interface Trial {
  readonly end: ProgramEnd;
  /** The audit's line of it; `undefined` where none was written. */
  readonly audit: string | undefined;
}

const LARGEST = 1024 * 1024;
const SECONDS = 30;

/**
 * Runs the installed hook, its programs and its Deno as libvirt would, in an empty environment, for a
 * guest that arrives; but below a passing root, so that the operator's audit, reports and journal know
 * nothing of it. `applied` is what it runs by.
 */
export async function tryHook(paths: Paths, applied: string, xml: string): Promise<Trial> {
  const root = await Deno.makeTempDir({ prefix: "premigrate-doctor-" });
  try {
    const trial = pathsBelow(root);
    for (const file of [trial.lib, trial.hook, trial.applied]) await makeParents(file);
    for (const folder of [trial.reports, trial.waivers, trial.cache]) {
      await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    }
    await Deno.symlink(paths.lib, trial.lib);
    await Deno.copyFile(paths.hook, trial.hook);
    await Deno.writeTextFile(trial.applied, applied);
    await Deno.copyFile(`${paths.cache}/host.json`, `${trial.cache}/host.json`).catch(() => {});
    await Deno.symlink("/bin/true", `${root}/logger`);
    const args = ["premigrate-doctor", "migrate", "begin", "-"];
    const path = `PATH=${root}:/usr/bin:/bin`;
    const end = await runProgram("env", ["-i", path, "sh", trial.hook, ...args], {
      limit: LARGEST,
      signal: AbortSignal.timeout(SECONDS * 1000),
      input: xml,
    });
    const audit = await Deno.readTextFile(trial.audit).catch(() => undefined);
    return { end, audit };
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function makeParents(path: string): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
}
