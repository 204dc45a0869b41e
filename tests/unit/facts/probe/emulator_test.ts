import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseProbeReport, type ProbedEmulator } from "../../../../lib/facts/probe/report.ts";
import {
  faster,
  isInstalled,
  readRecords,
  runScript,
  shells,
} from "../../../helpers/probe_shells.ts";

/** What a QEMU does, as far as it matters here, and then `after`. */
function answering(after: string): string {
  return `#!/bin/sh
printf '{"QMP": "%s"}\\r\\n' "$*"
while read -r question; do
  case $question in
    *'"id":"machines"'*) break ;;
    *compat-props*) printf '{"return": "%0600000d", "id": "machines-compat-props"}\\r\\n' 0 ;;
    *version*) printf '{"return": "1.2.3", "id": "version"}\\r\\n' ;;
    *) printf '{"return": {}}\\r\\n' ;;
  esac
done
printf '{"return": [], "id": "machines"}\\r\\n'
${after}
`;
}

const ARGUMENTS = "-machine none -nodefaults -nographic -display none -S -qmp stdio";
const ANSWERS = [
  `{"QMP": "${ARGUMENTS}"}`,
  '{"return": {}}',
  '{"return": "1.2.3", "id": "version"}',
  `{"return": "${"0".repeat(600_000)}", "id": "machines-compat-props"}`,
  '{"return": [], "id": "machines"}\r',
].join("\r\n");

interface Case {
  readonly script: string;
  /** How long it may take; without, as long as real ones. */
  readonly seconds?: number;
  /** Whether it has answered everything. */
  readonly answers: boolean;
}

const CASES: Readonly<Record<string, Case>> = {
  "answers, and goes on": { script: answering("exec sleep 1000"), answers: true },
  "answers, and says more": { script: answering("echo more; exec sleep 1000"), answers: true },
  "answers, and ends": { script: answering("exit 0"), answers: true },
  "answers, and will not end": {
    script: answering("trap '' TERM; while :; do sleep 1; done"),
    seconds: 3,
    answers: true,
  },
  "answers, and leaves a child with its output open": {
    script: answering("sleep 60 & exit 0"),
    seconds: 3,
    answers: true,
  },
  "says one thing, and hangs": {
    script: "#!/bin/sh\necho '{\"QMP\": {}}'\nexec sleep 1000\n",
    seconds: 1,
    answers: false,
  },
  "hangs": { script: "#!/bin/sh\nexec sleep 1000\n", seconds: 1, answers: false },
  "hangs, and so does its child": { script: "#!/bin/sh\nsleep 60\n", seconds: 1, answers: false },
  "fails": { script: "#!/bin/sh\necho 'no such library' >&2\nexit 1\n", answers: false },
  "dies": { script: "#!/bin/sh\nkill -9 $$\n", answers: false },
  "floods with lines": { script: `#!/bin/sh\nexec yes ${"x".repeat(1000)}\n`, answers: false },
  "floods without lines": { script: "#!/bin/sh\nexec cat /dev/zero\n", answers: false },
  "is no program": { script: "\u0000\u0001", answers: false },
};

async function withEmulator(script: string, use: (path: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "premigrate-emulator-" });
  try {
    const path = `${folder}/qemu`;
    Deno.writeTextFileSync(path, script);
    Deno.chmodSync(path, 0o755);
    await use(path);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function ask(
  shell: readonly [string, ...string[]],
  path: string,
  seconds = 10,
  env: Readonly<Record<string, string>> = {},
): Promise<ProbedEmulator | undefined> {
  const script = faster("emulator_seconds=10", `emulator_seconds=${seconds}`);
  const { code, stdout, stderr } = await runScript(shell, ["--emulator", path], { env, script });
  assertEquals([code, stderr], [0, ""]);
  assert(stdout.length < 20 * 2 ** 20);
  return parseProbeReport(stdout).emulator;
}

for (const [title, { script, seconds, answers }] of Object.entries(CASES)) {
  Deno.test(`an emulator that ${title}`, () =>
    withEmulator(script, async (path) => {
      const installed = shells.filter(({ ignore }) => !ignore);
      assert(installed.length > 0);
      const start = Date.now();
      for (
        const answer of await Promise.all(installed.map(({ shell }) => ask(shell, path, seconds)))
      ) {
        assertEquals(answer?.path, path);
        assertEquals(answer?.qmp, answers ? ANSWERS : undefined);
        assertEquals(answer?.missing, answers ? {} : { qmp: "it did not answer everything" });
        assertMatch(answer?.identity ?? "", /^\d+:\d+:\d+:\d+:\d+$/);
      }
      assert(Date.now() - start < 50_000, "waited for a child of the emulator");
    }));
}

Deno.test("an emulator that will not end is ended", () =>
  withEmulator(
    answering("trap '' TERM; while :; do sleep 0.1; done").replace('"$*"', () => '"$$ $*"'),
    async (path) => {
      const answer = await ask(["sh"], path, 3);
      const pid = /"QMP": "([0-9]+) /.exec(answer?.qmp ?? "")?.[1];
      assert(pid !== undefined);
      // Gone, or a zombie that nobody has asked after.
      const { success } = new Deno.Command("sh", {
        args: ["-c", `read -r _ _ state _ </proc/${pid}/stat && [ "$state" != Z ]`],
        stderr: "null",
      }).outputSync();
      assertEquals(success, false);
    },
  ));

Deno.test("an emulator is ended in time where there is no timeout(1)", () =>
  withEmulator("#!/bin/sh\necho greeting\nexec sleep 1000\n", async (path) => {
    const folder = path.replace(/[^/]*$/, "");
    const names = ["sh", "od", "wc", "dd", "sed", "sleep", "id", "date", "uname", "stat"];
    for (const name of names) {
      const { stdout } = new Deno.Command("sh", { args: ["-c", `command -v ${name}`] })
        .outputSync();
      Deno.symlinkSync(new TextDecoder().decode(stdout).trim(), `${folder}${name}`);
    }
    const script = faster("emulator_seconds=10", "emulator_seconds=1").replace(/^PATH=.*$/m, "");
    const { stdout } = await runScript(["/bin/sh"], ["--emulator", path], {
      env: { PATH: folder },
      script,
    });
    const records = readRecords(stdout).get(path);
    assertEquals(new TextDecoder().decode(records?.get("qmp")), "greeting\n");
  }));

for (
  const [title, path] of [
    ["is not there", "/nowhere/qemu"],
    ["is a folder", "/tmp"],
    ["may not be run", new URL(import.meta.url).pathname],
  ] as const
) {
  Deno.test(`an emulator that ${title}`, async () => {
    const answer = await ask(["sh"], path);
    assertEquals(answer, {
      path,
      identity: undefined,
      exe: undefined,
      daemons: undefined,
      qmp: undefined,
      missing: { qmp: "no executable file" },
    });
  });
}

Deno.test("an emulator is not run to identify it", () =>
  withEmulator("#!/bin/sh\necho ran >&2\n", async (path) => {
    const asked = await ask(["sh"], path);
    const { stdout, stderr } = await runScript(["sh"], ["--emulator", path, "--identify"]);
    const { emulator } = parseProbeReport(stdout);
    assertEquals([stderr, emulator?.qmp, emulator?.missing], ["", undefined, { qmp: "known" }]);
    assertEquals([emulator?.identity, emulator?.daemons], [asked?.identity, asked?.daemons]);
  }));

Deno.test("another file has another identity", () =>
  withEmulator("#!/bin/sh\n", async (path) => {
    const before = await ask(["sh"], path);
    assertEquals(before?.identity, (await ask(["sh"], path))?.identity);
    Deno.writeTextFileSync(path, "#!/bin/sh\n:\n");
    assert(before?.identity !== (await ask(["sh"], path))?.identity);
  }));

const QEMU = [
  "/usr/bin/qemu-system-x86_64",
  "/usr/libexec/qemu-kvm",
  "/usr/bin/qemu-system-aarch64",
]
  .find((path) => isInstalled([path]));

for (const { shell, name, ignore } of shells) {
  Deno.test({
    name: `${name}: a real QEMU answers${QEMU === undefined ? " (left out: there is none)" : ""}`,
    ignore: ignore || QEMU === undefined,
    async fn(): Promise<void> {
      const { stdout } = await runScript(shell, ["--emulator", QEMU ?? ""]);
      const replies = parseProbeReport(stdout).emulator?.qmp?.trimEnd().split("\n")
        .map((line) => JSON.parse(line));
      assertEquals(replies?.map(({ id }) => id), [
        undefined,
        undefined,
        "version",
        "machines-compat-props",
        "machines",
      ]);
      assert(replies?.at(-1).return.length > 0);
    },
  });
}
