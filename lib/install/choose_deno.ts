import { PremigrateError } from "../error/mod.ts";
import { oneLine } from "../facts/one_line.ts";
import { runProgram } from "../facts/run_program.ts";
import { below } from "../config/below.ts";
import { LAYOUT } from "./layout.ts";

function denoError(path: string, problem: string): PremigrateError {
  return new PremigrateError("deno", `Cannot use ${oneLine(path)} as the hook's Deno`, problem);
}

/** The Deno that the hook will run. */
export interface ChosenDeno {
  /** Where it is now. */
  readonly source: string;
  /** As `applied.conf` has it. */
  readonly path: string;
  /** It is kept below `/usr/lib/premigrate`. */
  readonly isKept: boolean;
  /** Why it may go away. */
  readonly warning: string | undefined;
}

const PASSING = /\/(_npx|\.npm|\.cache|node_modules)\/|^(\/var)?\/tmp\//;
const SECONDS = 10;

/** Which Deno there may be. */
export interface DenoRequest {
  /** The operator's choice. */
  readonly path?: string | undefined;
  /** The build's, which is kept unless there is a choice. */
  readonly own?: string | undefined;
  /** Whether to keep what is chosen. */
  readonly copy: boolean;
}

/**
 * Chooses the Deno that the hook will run: `path`, else the build's own, else the one that runs now.
 *
 * @throws {PremigrateError} When there is none at the path.
 */
export async function chooseDeno(
  root: string,
  { path, own, copy }: DenoRequest,
): Promise<ChosenDeno> {
  if (path === undefined && own !== undefined) {
    // Below a root it may be another architecture's.
    if (root === "") await checkDeno(own);
    return { source: own, path: LAYOUT.deno, isKept: true, warning: undefined };
  }
  const given = path ?? Deno.execPath();
  if (!/^\/[!-~]*$/.test(given)) {
    throw denoError(given, "wanted an absolute path of ASCII without spaces");
  }
  const source = given.startsWith(`${LAYOUT.lib}/`)
    ? await below(root, given, { follow: true })
    : given;
  await checkDeno(source);
  const kept = await below(root, LAYOUT.deno, { follow: true });
  if (copy || source === kept) {
    return { source, path: LAYOUT.deno, isKept: true, warning: undefined };
  }
  const warning = PASSING.test(source)
    ? `The hook will run ${source}, which is in a folder whose contents may go away: give --copy-deno or --deno PATH`
    : undefined;
  return { source, path: source, isKept: false, warning };
}

/**
 * Whether there is a Deno at a path, by running it: its version.
 *
 * @throws {PremigrateError} When there is none.
 */
export async function checkDeno(path: string): Promise<string> {
  const info = await Deno.stat(path).catch((error: unknown) => {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      throw denoError(path, "there is no such file");
    }
    throw error;
  });
  if (!info.isFile || ((info.mode ?? 0) & 0o111) === 0) {
    throw denoError(path, "it is not executable");
  }
  const { kind, code, stdout } = await runProgram(path, ["--version"], {
    limit: 4096,
    signal: AbortSignal.timeout(SECONDS * 1000),
  });
  const [, version, major] = /^deno ((\d+)\.\d+\.\d+[^\s]*)/.exec(stdout) ?? [];
  if (kind !== "ended" || code !== 0 || version === undefined) {
    throw denoError(path, "it does not answer --version as Deno does");
  }
  if (Number(major) < 2) throw denoError(path, `it is version ${version}, wanted 2`);
  return version;
}
