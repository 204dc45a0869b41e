/**
 * `deno task package`: a `.deb`, and an `.rpm` where `rpmbuild` is there, of what is in `dist/`.
 *
 * @module
 */
import { makeDeb } from "./deb.ts";
import { makeRpm } from "./rpm.ts";

const KINDS = [["dpkg-deb", makeDeb], ["rpmbuild", makeRpm]] as const;

/** Makes the packages that can be made here: their paths, and what is missing for the others. */
export async function makePackages(
  { dist, deno, output }: {
    readonly dist: string;
    readonly deno: string;
    readonly output: string;
  },
): Promise<{ readonly made: readonly string[]; readonly missing: readonly string[] }> {
  await Deno.mkdir(output, { recursive: true });
  const made: string[] = [];
  const missing: string[] = [];
  const work = await Deno.makeTempDir({ prefix: "premigrate-package-" });
  const umask = Deno.umask(0o022);
  try {
    for (const [program, makePackage] of KINDS) {
      if (isInstalled(program)) made.push(await makePackage({ dist, deno, output, work }));
      else missing.push(program);
    }
  } finally {
    Deno.umask(umask);
    await Deno.remove(work, { recursive: true });
  }
  return { made, missing };
}

function isInstalled(program: string): boolean {
  try {
    new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

if (import.meta.main) {
  const folder = (name: string): string =>
    decodeURIComponent(new URL(`../../../${name}`, import.meta.url).pathname);
  const dist = folder("dist");
  const { made, missing } = await makePackages({
    dist,
    deno: `${dist}/deno`,
    output: folder("packages"),
  });
  const lines = [
    ...made.map((path) => `made ${path}\n`),
    ...missing.map((program) => `left out: there is no ${program}\n`),
  ];
  Deno.stdout.writeSync(new TextEncoder().encode(lines.join("")));
}
