import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { CapturedDevice, Facts } from "../../../../lib/facts/mod.ts";
import type { VfioRefusal } from "../../../../lib/facts/vfio/answer.ts";
import type { ProbedGuest } from "../../../../lib/facts/probe/report.ts";
import { readRunningRegions, type RunningGuest } from "../../../../lib/facts/vfio/region.ts";
import { readHeldBy } from "../../../../lib/facts/vfio/running_views.ts";
import { ROOT } from "../../../helpers/cli_run.ts";
import { runProgram } from "../../../helpers/run_program.ts";

const GUEST = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2a93";
const OTHER = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2a94";
const MDEV = "c3a1f1a0-4f5e-4c5e-9f0a-3f1d2b7a9c01";
const READER = `${ROOT.pathname}lib/facts/vfio/region_main.ts`;

/** A process with the arguments of a guest's QEMU, and with no device, until it is disposed of. */
class FakeQemu implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  /** @param user Who runs it; this user unless given. */
  static async start(args: readonly string[], user?: number): Promise<FakeQemu> {
    const shell = ["sh", "-c", "echo ready; exec >&-; read line", "qemu-system-x86_64", ...args];
    const other = ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", ...shell];
    const [program = "", ...rest] = user === undefined ? shell : other;
    const child = new Deno.Command(program, { args: rest, stdin: "piped", stdout: "piped" })
      .spawn();
    assertEquals(await new Response(child.stdout).text(), "ready\n");
    return new FakeQemu(child);
  }

  get pid(): number {
    return this.#child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close();
    await this.#child.status;
  }
}

async function read(
  guest: Partial<RunningGuest>,
  signal = AbortSignal.timeout(60_000),
): Promise<VfioRefusal> {
  const asked = { pid: 1, uuid: GUEST, devices: [MDEV], ...guest };
  const answers = await readRunningRegions(asked, signal);
  assertEquals([...answers.keys()], [...asked.devices]);
  const [answer] = answers.values();
  assert(answer !== undefined && answer.result !== "read", JSON.stringify(answer));
  return answer;
}

const CASES: readonly (readonly [name: string, args: readonly string[], reason: RegExp])[] = [
  ["the guest's QEMU", ["-uuid", GUEST], /the guest's QEMU does not hold c3a1f1a0-/],
  ["another guest's QEMU", ["-uuid", OTHER], /process \d+ is not the QEMU of guest 6f1d2c3a-/],
  ["arguments that a guest's owner added", ["-uuid", OTHER, "-uuid", GUEST], /is not the QEMU of/],
  ["another process", ["-name", GUEST], /is not the QEMU of guest/],
  ["one that ends with -uuid", ["-uuid"], /is not the QEMU of guest/],
];
for (const [name, args, reason] of CASES) {
  Deno.test(`readRunningRegions: ${name}`, async () => {
    await using qemu = await FakeQemu.start(args);
    const answer = await read({ pid: qemu.pid });
    assertEquals(answer.result, "not-held");
    assertMatch(answer.reason, reason);
  });
}

Deno.test("readRunningRegions: a process that has ended", async () => {
  const { pid, status } = new Deno.Command("true").spawn();
  await status;
  const answer = await read({ pid });
  assertEquals(answer.result, "not-held");
  assertStringIncludes(answer.reason, "the guest has ended, or has given the device back");
});

Deno.test("readRunningRegions: nothing but processes, guests and addresses reaches the reader", async () => {
  const wrong: Partial<RunningGuest>[] = [
    { pid: 0 },
    { pid: -1 },
    { pid: 1.5 },
    { uuid: "../../etc" },
    { devices: ["../../etc/passwd"] },
    { devices: ["0000:3B:00.4"] },
    { devices: [MDEV, "--allow-reset"] },
  ];
  for (const guest of wrong) assertMatch((await read(guest)).reason, /Usage: /);
});

Deno.test("readRunningRegions gives up when it is told to", async () => {
  const answer = await read({}, AbortSignal.abort());
  const reason = `Gave up reading the devices of guest ${GUEST} at the deadline`;
  assertEquals(answer, { result: "failed", reason });
});

/** What the agent's unit leaves a process. */
const [, CAPABILITIES = ""] = /^CapabilityBoundingSet=(.*)$/m.exec(
  await Deno.readTextFile(`${ROOT.pathname}lib/install/files/premigrate-agent.service`),
) ?? [];
const unit = CAPABILITIES.split(" ").map((name) => name.replace("CAP_", "").toLowerCase());
const setpriv = await new Deno.Command("setpriv", { args: ["--version"], stdout: "null" })
  .output().then(({ success }) => success, () => false);
const why = Deno.uid() !== 0 ? "wanted root" : setpriv ? undefined : "found no setpriv";

/** Runs Deno with some capabilities, as the agent's unit does. */
async function runWith(capabilities: readonly string[], ...args: string[]): Promise<string> {
  const only = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
  const { stdout, stderr } = await runProgram("setpriv", {
    args: [
      ...["--no-new-privs", `--bounding-set=${only}`, "--inh-caps=-all"],
      ...[Deno.execPath(), ...args],
    ],
  });
  assertEquals(stderr, "");
  return stdout;
}

Deno.test({
  name: `the reader does its work with the capabilities of the agent's unit${
    why ? ` (${why})` : ""
  }`,
  ignore: why !== undefined,
  async fn(t): Promise<void> {
    assert(unit.includes("sys_ptrace"), CAPABILITIES);
    const without = unit.filter((name) => name !== "sys_ptrace");
    await using qemu = await FakeQemu.start(["-uuid", GUEST], 65534);
    const reader = ["run", "--quiet", "--no-prompt", "--allow-ffi", READER, "--running"];

    await t.step("it finds what QEMU holds", async () => {
      const found = await runWith(unit, ...reader, `${qemu.pid}`, GUEST, MDEV);
      assertStringIncludes(found, '"result":"not-held"');
    });

    await t.step("without CAP_SYS_PTRACE it says so", async () => {
      const found = await runWith(without, ...reader, `${qemu.pid}`, GUEST, MDEV);
      assertStringIncludes(found, '"result":"no-access"');
      assertStringIncludes(found, "CAP_SYS_PTRACE");
    });

    await t.step("it may copy a descriptor, and without CAP_SYS_PTRACE it may not", async () => {
      const code =
        `import { copyDescriptor, openProcess, Refused } from "${ROOT.pathname}lib/facts/vfio/libc.ts";
        using opened = new DisposableStack();
        try {
          copyDescriptor(opened, "copy it", openProcess(opened, ${qemu.pid}), 0);
          console.log("copied");
        } catch (error) {
          console.log(error instanceof Refused ? error.answer.result : error);
        }`;
      assertEquals(await runWith(unit, "eval", "--quiet", "--ext=ts", code), "copied\n");
      assertEquals(await runWith(without, "eval", "--quiet", "--ext=ts", code), "no-access\n");
    });
  },
});

const VF = "0000:3b:00.4";
const devices: readonly CapturedDevice[] = [
  { address: MDEV, mdevType: { id: "mtty-1" } },
  { address: VF, driver: { name: "mlx5_vfio_pci" } },
];
const probed = (...uuids: string[]): ProbedGuest[] =>
  uuids.map((uuid, index) => ({ uuid, pid: 100 + index, exe: undefined, missing: {} }));

const HELD: readonly {
  readonly name: string;
  readonly kernel?: string;
  readonly holding: readonly (readonly [uuid: string, ...devices: string[]])[];
  readonly probed: readonly ProbedGuest[];
  readonly read: readonly string[];
  readonly missing?: string;
}[] = [
  {
    name: "what its driver makes up is read, once for each guest",
    holding: [[GUEST, VF, MDEV], [OTHER, VF]],
    probed: probed(OTHER, GUEST),
    read: [`101 ${GUEST} ${MDEV}`],
  },
  {
    name: "a guest whose QEMU is not known",
    holding: [[GUEST, MDEV]],
    probed: probed(OTHER),
    read: [],
    missing: `a guest has it, and which process is the QEMU of ${GUEST} is not known`,
  },
  {
    name: "a kernel whose drivers open a device for each descriptor",
    kernel: "5.10.0-32-amd64",
    holding: [[GUEST, MDEV]],
    probed: probed(GUEST),
    read: [],
    missing:
      "a guest has it, and Linux 5.10.0-32-amd64 lets nobody else look: wanted 5.15 or later",
  },
  {
    name: "a distribution's kernel that has what is newer",
    kernel: "5.14.0-427.el9.x86_64",
    holding: [[GUEST, MDEV]],
    probed: probed(GUEST),
    read: [`100 ${GUEST} ${MDEV}`],
  },
];
for (const { name, kernel = "6.12.0", holding, probed, read, missing } of HELD) {
  Deno.test(`readHeldBy: ${name}`, async () => {
    const facts: Facts = { premigrate: "facts/1", host: { name: "hosta", kernel }, devices };
    const asked: string[] = [];
    const found = await readHeldBy(
      facts,
      holding.map(([uuid, ...devices]) => ({ uuid, devices })),
      probed,
      AbortSignal.timeout(1000),
      ({ pid, uuid, devices }) => {
        asked.push([pid, uuid, ...devices].join(" "));
        return Promise.resolve(new Map([[MDEV, { result: "failed", reason: "read" } as const]]));
      },
    );
    assertEquals(asked, [...read]);
    const answer = found.get(MDEV);
    assert(answer !== undefined && answer.result !== "read");
    assertEquals([found.size, answer.reason], [1, missing ?? "read"]);
  });
}
