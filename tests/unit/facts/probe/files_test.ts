/** Files of which the probe tells the size, whatever they are. */
import { assert, assertEquals } from "@std/assert";
import { parseProbeReport, type ProbedFile } from "../../../../lib/facts/probe/report.ts";
import { isInstalled, ownUid, runScript, shells } from "../../../helpers/probe_shells.ts";

function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "premigrate-files-" });
  return use(folder).finally(() => Deno.removeSync(folder, { recursive: true }));
}

async function ask(
  shell: readonly [string, ...string[]],
  paths: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<readonly ProbedFile[]> {
  const args = paths.flatMap((path) => ["--file", path]);
  return parseProbeReport((await runScript(shell, args, { env })).stdout).files;
}

/** A file's size, or why there is none. */
function told({ size, missing }: ProbedFile): number | string | null | undefined {
  return size === undefined ? missing["size"] : size;
}

const ofRoot = ownUid() === 0 ? " (left out: root may search any folder)" : "";

for (const { shell, name, ignore } of shells) {
  // It runs its own stat, whatever is in PATH.
  const ownStat = shell[0] === "busybox" ? " (left out: busybox has a stat of its own)" : "";
  Deno.test({
    name: `${name}: sizes of regular files, and of nothing else`,
    ignore: ignore || !isInstalled(["mkfifo"]),
    fn: () =>
      withFolder(async (folder) => {
        Deno.writeFileSync(`${folder}/a.rom`, new Uint8Array(33_000));
        Deno.writeFileSync(`${folder}/empty`, new Uint8Array());
        Deno.symlinkSync("a.rom", `${folder}/link`);
        Deno.symlinkSync("gone", `${folder}/dangling`);
        Deno.symlinkSync("loop", `${folder}/loop`);
        new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).outputSync();
        const wanted = {
          "a.rom": 33_000,
          "empty": 0,
          "link": 33_000,
          "dangling": null,
          "gone": null,
          "no/such/folder": null,
          "a.rom/b": null,
          "loop": "cannot be read",
          "fifo": "no regular file",
        };
        const names = Object.keys(wanted);
        const files = await ask(shell, names.map((name) => `${folder}/${name}`));
        assertEquals(files.map(told), Object.values(wanted));
        assertEquals(files.map(({ path }) => path), names.map((name) => `${folder}/${name}`));
        assertEquals(
          (await ask(shell, [folder, "/dev/null", "/proc/self/mem"])).map(told).slice(0, 2),
          ["no regular file", "no regular file"],
        );
        const [{ modified, changed } = { modified: 0, changed: 0 }] = files;
        const { mtime, ctime } = Deno.statSync(`${folder}/a.rom`);
        const seconds = [mtime, ctime].map((time) => Math.floor((time?.getTime() ?? 0) / 1000));
        assertEquals([modified, changed], seconds);
      }),
  });

  Deno.test({
    name: `${name}: a file is told once, and after all devices`,
    ignore,
    async fn(): Promise<void> {
      const { stdout } = await runScript(shell, ["--file", "/a", "--file", "/b", "--file", "/a"]);
      assertEquals(stdout.match(/^file .*$/gm), ["file /a", "file /b"]);
      parseProbeReport(stdout);
    },
  });

  Deno.test({
    name: `${name}: a folder that may not be searched tells nothing${ofRoot}`,
    ignore: ignore || ofRoot !== "",
    fn: () =>
      withFolder(async (folder) => {
        Deno.mkdirSync(`${folder}/closed`, { mode: 0 });
        assertEquals((await ask(shell, [`${folder}/closed/a`])).map(told), ["not permitted"]);
      }),
  });

  Deno.test({
    name:
      `${name}: a file server that gives no answer holds up two seconds, not two for each file${ownStat}`,
    ignore: ignore || ownStat !== "",
    fn: () =>
      withFolder(async (folder) => {
        const fake =
          `#!/bin/sh\ncase $4 in */hangs) exec sleep 60 ;; esac\nexec /usr/bin/stat "$@"\n`;
        Deno.writeTextFileSync(`${folder}/stat`, fake, { mode: 0o755 });
        const began = performance.now();
        const paths = ["/dev/zero", `${folder}/hangs`, "/x", "/y", "/z"];
        const files = await ask(shell, paths, { PATH: `${folder}:${Deno.env.get("PATH")}` });
        const untried = "not tried: another file gave no answer";
        assertEquals(files.map(told), [
          "no regular file",
          "no answer after 2 seconds",
          ...[untried, untried, untried],
        ]);
        assert(performance.now() - began < 30_000);
      }),
  });

  Deno.test({
    name: `${name}: without stat no size is known${ownStat}`,
    ignore: ignore || ownStat !== "",
    fn: () =>
      withFolder(async (folder) => {
        Deno.writeTextFileSync(`${folder}/stat`, "#!/bin/sh\nexit 127\n", { mode: 0o755 });
        const env = { PATH: `${folder}:${Deno.env.get("PATH")}` };
        assertEquals((await ask(shell, ["/gone"], env)).map(told), ["cannot be read"]);
      }),
  });
}
