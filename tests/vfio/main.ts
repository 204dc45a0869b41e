/**
 * `deno task test:vfio`: holds premigrate against real VFIO devices and real migrations, in a nested
 * VM. README.md tells what the parts are.
 *
 * @module
 */
import { PremigrateError } from "../../lib/error/mod.ts";
import { Command, EnumType, ValidationError } from "@cliffy/command";
import { outputError, writeText } from "../../lib/facts/files.ts";
import { print, printError } from "../../lib/cli/output.ts";
import { build } from "../../lib/install/build.ts";
import { buildPlugin } from "../../lib/plugin/mod.ts";
import { checkMachine, NestedVmError, prepareImage, runInVm } from "./nested_vm.ts";

const EXIT = { passed: 0, failed: 1, unusable: 2 } as const;

const PROJECT = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** Whose QEMU of Debian 13 is meant, and its name in the VM. */
const EMULATORS = {
  backports: "/usr/bin/qemu-system-x86_64",
  stable: "/usr/local/bin/qemu-stable",
} as const;

const EXPECTED = [PremigrateError, NestedVmError, ValidationError];

const PARTS = ["oracle", "emulated", "realize", "stack", "rom", "attacks", "running"] as const;
const TESTS = {
  emulated: "emulated.ts",
  realize: "realize_view.ts",
  stack: "stack.ts",
  rom: "rom.ts",
  attacks: "attacks.ts",
  // The last: from then on nobody in the VM may look into another process.
  running: "running.ts",
} as const;

// The first of the results.
const VERSIONS = `
versions() {
  qemu='s/.* version \\([0-9.]*\\).*/\\1/p'
  printf '{"part":"versions","kernel":"%s","libvirt":"%s","backports":"%s","stable":"%s"}\\n' \\
    "$(uname -r)" "$(virsh --version)" "$(${EMULATORS.backports} --version | sed -n "$qemu")" \\
    "$(${EMULATORS.stable} --version | sed -n "$qemu")"
}`;

// A pair takes about a second; the rest of the suite well under the half hour.
const MINUTES = 30;
const PAIRS_A_MINUTE = 15;

const command = new Command()
  .name("test:vfio")
  .description("Hold premigrate against real migrations of real VFIO devices, in a nested VM.")
  .throwErrors()
  .type("qemu", new EnumType(["backports", "stable"] as const))
  .type("part", new EnumType(PARTS))
  .option("--count <pairs:integer>", "How many random pairs the oracle migrates.", { default: 60 })
  .option("--seed <seed:integer>", "Where the oracle's random numbers start.")
  .option("--qemu <which:qemu>", "The oracle's QEMU: of Debian's backports (default) or stable.")
  .option("--record <file:file>", "Write the oracle's migrations to a file, a JSON object a line.")
  .option("--results <file:file>", "Write what the parts found to a file.")
  .option("--part <part:part>", "Run this part only (default: all).", { collect: true })
  .option("--cache <folder:file>", "Where the VM's image is kept.", {
    default: "/var/cache/premigrate-vfio",
  })
  .action(async (options) => {
    const { count, seed = Math.floor(Math.random() * 2 ** 31), part = PARTS } = options;
    if (count < 1 || count > 10_000) {
      throw new ValidationError(`Cannot migrate ${count} pairs: wanted 1 to 10000`);
    }
    if (options.record !== undefined && !part.includes("oracle")) {
      throw new ValidationError("Cannot record: the oracle is not among the parts");
    }
    await checkMachine([PROJECT, options.cache]);
    // Now, and not when all is done, is the time to know that they can be written.
    const kept = { "migrations.jsonl": options.record, "results.jsonl": options.results };
    for (const file of Object.values(kept)) if (file !== undefined) await writeText(file, "");
    const cache = await makeCache(options.cache);
    const image = await prepareImage(cache, tell);
    const work = await Deno.makeTempDir({ prefix: "premigrate-vfio-" });
    try {
      await build(`${work}/dist`);
      const { code: plugin } = await buildPlugin(`${PROJECT}/tests/vfio/power_policy.ts`);
      await Deno.writeFile(`${work}/dist/power.js`, plugin);
      await fillDenoCache(`${cache}/deno`);
      const oracle = { count, seed, emulator: EMULATORS[options.qemu ?? "backports"], work };
      await Deno.writeTextFile(
        `${work}/run`,
        script(part, work, `${cache}/deno`, oracle),
      );
      tell("Starting the nested VM");
      const code = await runInVm(image, [
        { tag: "project", path: PROJECT },
        { tag: "deno", path: `${cache}/deno`, writable: true },
        { tag: "work", path: work, writable: true },
      ], MINUTES + Math.ceil(count / PAIRS_A_MINUTE));
      for (const [name, file] of Object.entries(kept)) {
        if (file !== undefined) await writeText(file, await Deno.readTextFile(`${work}/${name}`));
      }
      tell(code === 0 ? "All passed" : "Something failed, see above");
      Deno.exitCode = code === 0 ? EXIT.passed : EXIT.failed;
    } finally {
      await Deno.remove(work, { recursive: true });
    }
  });

async function makeCache(folder: string): Promise<string> {
  try {
    await Deno.mkdir(folder, { recursive: true });
    return await Deno.realPath(folder);
  } catch (error) {
    throw outputError(folder, error instanceof Error ? error.message : `${error}`);
  }
}

/** What the VM runs: part after part, also after one has failed. */
function script(
  parts: readonly (typeof PARTS)[number][],
  work: string,
  denoDir: string,
  oracle: object,
): string {
  const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = PARTS.filter((part) => parts.includes(part)).map((part) =>
    part === "oracle"
      ? `deno run $flags tests/vfio/oracle.ts ${quote(JSON.stringify(oracle))}`
      : `deno test $flags tests/vfio/${TESTS[part]} -- ${quote(work)}`
  );
  return [
    `export NO_COLOR=1 DENO_DIR=${quote(denoDir)}`,
    `cd ${quote(PROJECT)}`,
    VERSIONS,
    'flags="--quiet --no-check --cached-only --no-prompt --allow-all"',
    `versions > ${quote(`${work}/results.jsonl`)}`,
    "code=0",
    ...lines.map((line) => `${line} || code=1`),
    "exit $code",
    "",
  ].join("\n");
}

/** The VM reaches no registry: it finds there all that its modules import, compiled. */
async function fillDenoCache(denoDir: string): Promise<void> {
  const modules = ["oracle.ts", ...Object.values(TESTS)].map((name) => `tests/vfio/${name}`);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", ...modules],
    cwd: PROJECT,
    env: { DENO_DIR: denoDir },
  }).spawn().status;
  if (!success) throw new NestedVmError("what the tests import cannot be fetched, see above");
}

function tell(text: string): void {
  print(`${text}\n`);
}

try {
  await command.parse(Deno.args);
} catch (error) {
  const isExpected = EXPECTED.some((ErrorClass) => error instanceof ErrorClass);
  if (!(isExpected && error instanceof Error)) throw error;
  Deno.exitCode = EXIT.unusable;
  printError(error.message);
}
