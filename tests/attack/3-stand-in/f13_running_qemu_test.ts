/** The version of a guest's QEMU is that of the file that runs, not of the one that is installed. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { runningFile } from "../../../lib/facts/emulator/cache.ts";
import { parseProbeReport, type ProbedGuest } from "../../../lib/facts/probe/report.ts";
import { FIRST, GUEST, guestXml, NOW } from "../../helpers/hook_arrivals.ts";
import { askFakes, running } from "../../helpers/fake_virsh.ts";
import { runScript, shells } from "../../helpers/probe_shells.ts";

const OTHER = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";

/** A process with these arguments, of a file of its own, until it is disposed. */
class Process implements AsyncDisposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "premigrate-running-" });
  readonly file = `${this.dir}/qemu`;
  #child: Deno.ChildProcess | undefined;

  async start(args: readonly string[]): Promise<this> {
    await Deno.copyFile(await Deno.realPath("/bin/sh"), this.file);
    await Deno.chmod(this.file, 0o755);
    const child = new Deno.Command(this.file, {
      args: ["-c", "echo started; read x", ...args],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#child = child;
    const reader = child.stdout.getReader();
    // The kernel has no arguments to show until it has loaded the program.
    await reader.read();
    await reader.cancel();
    await Deno.mkdir(`${this.dir}/libvirt/qemu`, { recursive: true });
    await this.keepPid("vm1", child.pid);
    return this;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async keepPid(name: string, pid: number | string | undefined = this.#child?.pid): Promise<void> {
    await Deno.writeTextFile(`${this.dir}/libvirt/qemu/${name}.pid`, `${pid}`);
  }

  /** As an upgrade does: another file of the same name, and the old one is gone. */
  async replace(): Promise<void> {
    await Deno.copyFile(this.file, `${this.file}.new`);
    await Deno.rename(`${this.file}.new`, this.file);
  }

  identity(): string {
    const args = ["-L", "-c", "%s:%Y:%Z:%i:%d", this.file];
    const { stdout } = new Deno.Command("stat", { args }).outputSync();
    return new TextDecoder().decode(stdout).trim();
  }

  async guests(shell: readonly [string, ...string[]] = ["sh"]): Promise<readonly ProbedGuest[]> {
    const { stdout } = await runScript(shell, ["--guests", "--run", this.dir]);
    return parseProbeReport(stdout).guests;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child?.stdin.close();
    await this.#child?.status;
    await Deno.remove(this.dir, { recursive: true });
  }
}

for (const { shell, name, ignore } of shells) {
  Deno.test({
    name: `${name}: a guest runs the file that it was started with, also when that was replaced`,
    ignore,
    async fn(): Promise<void> {
      await using process = await new Process().start(["-name", "guest=vm1", "-uuid", GUEST]);
      const before = process.identity();
      assertEquals(await process.guests(shell), [
        { uuid: GUEST, pid: process.pid, exe: before, missing: {} },
      ]);
      await process.replace();
      const [guest] = await process.guests(shell);
      assertNotEquals(guest?.exe, process.identity());
      assertEquals(runningFile(guest?.exe ?? ""), runningFile(before));
      assertNotEquals(runningFile(process.identity()), runningFile(before));
    },
  });
}

const ARGUMENTS: readonly (readonly [
  name: string,
  args: readonly string[],
  found: readonly string[],
])[] = [
  ["migrated here", ["-uuid", GUEST, "-incoming", "defer"], [GUEST]],
  ["with a second UUID of its owner's", ["-uuid", GUEST, "-uuid", OTHER], [GUEST]],
  [
    "with a UUID in an argument of several lines",
    ["-smbios", `x\n-uuid\n${OTHER}\n`, "-uuid", GUEST],
    [GUEST],
  ],
  ["that is no guest", ["--listen"], []],
  ["with no UUID", ["-uuid", "$(reboot)"], []],
];

for (const [name, args, found] of ARGUMENTS) {
  Deno.test(`a QEMU ${name}`, async () => {
    await using process = await new Process().start(args);
    await process.keepPid("left-behind");
    await process.keepPid("none", "");
    await process.keepPid("no-number", "../1");
    const guests = await process.guests();
    assertEquals(guests.map(({ uuid }) => uuid), [...found]);
  });
}

Deno.test("of a guest whose QEMU is not found the installed one's version is not told", async () => {
  const device = `printf "error: Could not find matching device" >&2`;
  // libvirt tells the version of this one, as it is installed.
  const xml = guestXml([FIRST], { emulator: "/usr/bin/qemu-system-x86_64" });
  const host = { ...running({ [GUEST]: xml }), "nodedev-dumpxml": device };
  const { result } = await askFakes({ a: host }, {
    what: "source",
    config: { hosts: ["qemu+tcp://a/system"] },
    arrival: { xml, now: NOW },
  });
  assertEquals([result["host"], result["qemu"]], ["hosta", undefined]);
});
