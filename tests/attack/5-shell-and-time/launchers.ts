/** The installed launcher in each shell that it may meet, with programs of its own around it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { GUEST, HookTree } from "../../helpers/hook_tree.ts";
import { isInstalled } from "../../helpers/probe_shells.ts";

/** The shells that may be `/bin/sh`, as the first line of a script names them. */
export const SHELLS = ["dash", "bash --posix", "busybox ash"].map((name) => {
  const [program = "", ...args] = name.split(" ");
  const ignore = !isInstalled([program, ...args]);
  return { shell: name, ignore, name: ignore ? `${name} (left out: it is not installed)` : name };
});

/** A hook below a temporary root whose Deno, and whatever else is in `bin`, are scripts of the test's. */
export class Launcher implements Disposable {
  readonly tree: HookTree;
  /** First in PATH. */
  readonly bin: string;
  /** What the scripts have written down. */
  readonly log: string;

  private constructor(tree: HookTree) {
    this.tree = tree;
    this.bin = `${tree.root}/bin`;
    this.log = `${tree.root}/log`;
  }

  static async make(
    shell: string,
    { config = {}, deno = DECIDES }: { config?: unknown; deno?: string } = {},
  ): Promise<Launcher> {
    const launcher = new Launcher(await HookTree.make(config));
    const { tree } = launcher;
    await Deno.mkdir(launcher.bin);
    await Deno.writeTextFile(launcher.log, "");
    const [program = "", ...args] = shell.split(" ");
    const path = ["/bin", "/usr/bin"].map((folder) => `${folder}/${program}`).find((path) => {
      try {
        return Deno.statSync(path).isFile;
      } catch {
        return false;
      }
    });
    await launcher.edit("#!/bin/sh", `#!${[path ?? `/usr/bin/env ${program}`, ...args].join(" ")}`);
    await launcher.script("deno", deno);
    await tree.apply(config, `${launcher.bin}/deno`);
    return launcher;
  }

  /** Changes the installed launcher. */
  async edit(from: string, to: string): Promise<void> {
    const text = await Deno.readTextFile(this.tree.hook);
    assertStringIncludes(text, from);
    await Deno.writeTextFile(this.tree.hook, text.replace(from, () => to));
  }

  /** Puts a script before all other programs; LOG is where it may write. */
  script(name: string, text: string): Promise<void> {
    return this.tree.script(`bin/${name}`, text.replaceAll("LOG", this.log));
  }

  /** How it is run. */
  get env(): Readonly<Record<string, string>> {
    return { PATH: `${this.bin}:/usr/sbin:/usr/bin:/sbin:/bin` };
  }

  /** Runs it for an arrival. */
  migrate(xml: string): ReturnType<HookTree["run"]> {
    return this.tree.run(["migrate", "begin"], xml, { env: this.env });
  }

  /** Starts it for an arrival, with its standard output and error where the test wants them. */
  spawn(xml: string, script = 'exec "$0" "$@"'): Deno.ChildProcess {
    const child = new Deno.Command("sh", {
      args: ["-c", script, this.tree.hook, "vm1", "migrate", "begin", "-"],
      clearEnv: true,
      env: { LC_ALL: "C", ...this.env },
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    new Blob([xml]).stream().pipeTo(child.stdin).catch(() => {});
    return child;
  }

  /** The lines that scripts have written. */
  async lines(): Promise<string[]> {
    return (await Deno.readTextFile(this.log)).split("\n").filter((line) => line !== "");
  }

  /** Waits until a script has written a line. */
  async untilWritten(line: string): Promise<void> {
    while (!(await this.lines()).includes(line)) {
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  [Symbol.dispose](): void {
    // What the launcher has left behind may be writing still.
    for (let tries = 0; tries < 100; tries++) {
      try {
        Deno.removeSync(this.tree.root, { recursive: true });
        break;
      } catch {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      }
    }
    this.tree.sysfs.remove();
  }
}

/** A Deno that reads all that it is given, and lets the guest pass. */
export const DECIDES = "cat >/dev/null; printf '\\036\\036\\036'; exit 80";

/** Asserts that one line tells of a migration that the launcher itself refused. */
export async function assertTold(tree: HookTree, why: string): Promise<void> {
  const lines = await tree.audit();
  assertEquals(
    lines.map(({ effect, verdict, trouble, uuid }) => [effect, verdict, trouble, uuid]),
    [["refused", "undecided", "hook", GUEST]],
  );
  assertStringIncludes(`${lines[0]?.["why"]}`, why);
}
