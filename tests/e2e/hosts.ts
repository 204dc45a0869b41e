/**
 * Two libvirt hosts and an operator's machine, each in Linux namespaces of its own: real libvirtd,
 * QEMU and sshd, of which nothing is seen from outside and nothing is left behind.
 *
 * From each of the three, `ssh hosta`, `qemu+ssh://hosta/system` and `qemu+tcp://hosta/system` work,
 * and the same for `hostb`.
 *
 * @module
 */
import { type Finished, runProgram } from "../helpers/run_program.ts";

/** Where a command runs: on host `a` or `b`, or on the `operator`'s machine, which has no libvirtd. */
export type Machine = "a" | "b" | "operator";

/** All three. */
export const MACHINES: readonly Machine[] = ["a", "b", "operator"];
const LINKS: readonly [Machine, Machine][] = [["a", "b"], ["a", "operator"], ["b", "operator"]];
const NAMES: Readonly<Record<Machine, string>> = { a: "hosta", b: "hostb", operator: "operator" };
const ADDRESSES: Readonly<Record<Machine, string>> = {
  a: "10.231.0.1",
  b: "10.231.0.2",
  operator: "10.231.0.3",
};

const NAMESPACES = ["--mount", "--uts", "--ipc", "--net"];
const COMMAND_LIMIT_SECONDS = "300";

// Prints in a line what is missing, or nothing.
const REQUIREMENTS = `
[ "$(id -u)" -eq 0 ] || { echo "this is not root"; exit; }
PATH=$PATH:/usr/sbin:/sbin
for program in unshare nsenter ip libvirtd virsh qemu-system-x86_64 ssh ssh-keygen sshd; do
  command -v "$program" > /dev/null || { echo "there is no $program"; exit; }
done
unshare ${NAMESPACES.join(" ")} --pid --fork --mount-proc sh -ec '
  mount -t tmpfs tmpfs /run
  mount -t sysfs sysfs /sys
  ip link add veth0 type veth peer name veth1
' > /dev/null 2>&1 || echo "namespaces cannot be made"
`;

const MAKE_KEYS = `
cd "$0"
for name in client hosta hostb; do ssh-keygen -q -t ed25519 -N "" -C "" -f "$name"; done
for host in hosta hostb; do echo "$host $(cat "$host.pub")"; done > known_hosts
`;

/** Why no hosts can be started here; `undefined` when they can. */
export function canRun(): string | undefined {
  if (Deno.build.os !== "linux") return "this is not Linux";
  const { stdout } = new Deno.Command("sh", { args: ["-c", REQUIREMENTS] }).outputSync();
  return new TextDecoder().decode(stdout).trim() || undefined;
}

/** Declares a test. Where no hosts can be started it is left out, and its name says why. */
export function e2eTest(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  const reason = canRun();
  Deno.test({
    name: reason === undefined ? name : `${name} (left out: ${reason})`,
    ignore: reason !== undefined,
    fn,
  });
}

/** The same for a test that gets two hosts of its own, which end after it. */
export function testOnHosts(
  name: string,
  fn: (hosts: Hosts, t: Deno.TestContext) => Promise<void>,
): void {
  e2eTest(name, async (t) => {
    await using hosts = await startHosts();
    await fn(hosts, t);
  });
}

/** Starts the three machines. They end with `stop`, and when this process dies. */
export async function startHosts(): Promise<Hosts> {
  const files = await makeFiles();
  const hosts = new Hosts(files);
  try {
    await hosts.ready();
    return hosts;
  } catch (error) {
    await hosts.stop();
    throw error;
  } finally {
    await Deno.remove(files, { recursive: true });
  }
}

/** The machines that run. */
export class Hosts implements AsyncDisposable {
  // Each made its machine's namespaces, and is in all of them but that of process ids.
  readonly #processes: Readonly<Record<Machine, Deno.ChildProcess>>;
  #stopped: Promise<void> | undefined;

  /** Begins to start them, with the files that `host.sh` wants. */
  constructor(files: string) {
    this.#processes = {
      a: spawn("a", files),
      b: spawn("b", files),
      operator: spawn("operator", files),
    };
  }

  /** Waits until they are up, and joins them. */
  async ready(): Promise<void> {
    await Promise.all(MACHINES.map((machine) => this.#untilUp(machine)));
    for (const [one, other] of LINKS) await this.#join(one, other);
  }

  /** The command that runs, as root on a machine, what is put behind it. */
  enter(machine: Machine): string[] {
    const { pid } = this.#processes[machine];
    const processIds = `--pid=/proc/${pid}/ns/pid_for_children`;
    return ["nsenter", `--target=${pid}`, ...NAMESPACES, processIds, "--wd", "--"];
  }

  /** Runs a command as root, in the working directory of this process. */
  run(
    machine: Machine,
    argv: readonly string[],
    { stdin = "" }: { readonly stdin?: string } = {},
  ): Promise<Finished> {
    return run([...this.enter(machine), "timeout", COMMAND_LIMIT_SECONDS, ...argv], stdin);
  }

  /** Defines a domain on a host and starts it. */
  async defineAndStart(host: "a" | "b", xml: string): Promise<void> {
    const [, name = ""] = /<name>(.*)<\/name>/.exec(xml) ?? [];
    const script = 'virsh --quiet define /dev/stdin && virsh --quiet start "$0"';
    succeeded(await this.run(host, ["sh", "-c", script, name], { stdin: xml }));
  }

  /** Ends everything that runs on the machines. */
  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  /** The same as `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await Promise.all(MACHINES.map(async (machine) => {
      const { stdin, stdout, status } = this.#processes[machine];
      await stdin.close();
      // Locked while its coming up is waited for; why another did not come up is what is to be told.
      await stdout.cancel().catch(() => {});
      await status;
    }));
  }

  async #untilUp(machine: Machine): Promise<void> {
    const reader = this.#processes[machine].stdout.getReader();
    const { done } = await reader.read();
    reader.releaseLock();
    if (done) throw new Error(`${NAMES[machine]} did not come up`);
  }

  // By a pair of interfaces, each named after the machine it leads to.
  async #join(one: Machine, other: Machine): Promise<void> {
    const peer = `peer name ${NAMES[one]} netns ${this.#processes[other].pid}`;
    await this.#ip(one, `link add ${NAMES[other]} type veth ${peer}`);
    await Promise.all([this.#route(one, other), this.#route(other, one)]);
  }

  #route(from: Machine, to: Machine): Promise<void> {
    const route = `${ADDRESSES[to]} dev ${NAMES[to]} src ${ADDRESSES[from]}`;
    return this.#ip(from, `link set ${NAMES[to]} up\nroute add ${route}`);
  }

  // In the machine's network alone: its process ids are not those of `netns` above.
  async #ip(machine: Machine, commands: string): Promise<void> {
    const target = `--target=${this.#processes[machine].pid}`;
    succeeded(await run(["nsenter", target, "--net", "ip", "-batch", "-"], commands));
  }
}

function spawn(machine: Machine, files: string): Deno.ChildProcess {
  const script = new URL("host.sh", import.meta.url).pathname;
  return new Deno.Command("unshare", {
    args: [
      ...NAMESPACES,
      "--pid",
      "--fork",
      "--kill-child",
      "--mount-proc",
      "sh",
      script,
      NAMES[machine],
      ADDRESSES[machine],
      files,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
}

/** A folder with the run's ssh keys, and the files `known_hosts` and `hosts` of all machines. */
async function makeFiles(): Promise<string> {
  const folder = await Deno.makeTempDir();
  const hosts = MACHINES.map((machine) => `${ADDRESSES[machine]} ${NAMES[machine]}\n`);
  await Deno.writeTextFile(`${folder}/hosts`, `127.0.0.1 localhost\n${hosts.join("")}`);
  succeeded(await run(["sh", "-ec", MAKE_KEYS, folder]));
  return folder;
}

// Where daemons are, which a user's own PATH need not have.
const PATH = `${Deno.env.get("PATH")}:/usr/sbin:/sbin`;

async function run([program = "", ...args]: readonly string[], stdin = ""): Promise<Finished> {
  return await runProgram(program, { args, env: { PATH } }, stdin);
}

function succeeded({ code, stderr }: Finished): void {
  if (code !== 0) throw new Error(`Preparing the hosts: ${stderr.trim()}`);
}
