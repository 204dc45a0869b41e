import { assertEquals } from "@std/assert";
import { isTimeout, type ProgramEnd, runProgram } from "../../../lib/facts/run_program.ts";

interface Case {
  readonly name: string;
  readonly script: string;
  readonly limit?: number;
  readonly input?: string;
  readonly wanted: Partial<ProgramEnd>;
}

const LONG = AbortSignal.timeout(60_000);

const CASES: readonly Case[] = [
  {
    name: "both outputs and the code",
    script: "echo a; echo b >&2; exit 3",
    wanted: { kind: "ended", code: 3, stdout: "a\n", stderr: "b\n" },
  },
  { name: "the C locale", script: "printf $LC_ALL", wanted: { stdout: "C" } },
  { name: "no input", script: "cat", wanted: { kind: "ended", code: 0, stdout: "" } },
  { name: "an input", script: "cat", input: "a\n", wanted: { stdout: "a\n" } },
  {
    name: "an input that is not read",
    script: "exit 4",
    input: "a".repeat(1_000_000),
    wanted: { kind: "ended", code: 4 },
  },
  {
    name: "a character in two pieces",
    script: "printf '\\303'; sleep 0.1; printf '\\244'",
    wanted: { stdout: "\u00e4" },
  },
  { name: "as many bytes as allowed", script: "printf aaa", limit: 3, wanted: { stdout: "aaa" } },
  { name: "more than allowed", script: "printf aaaa", limit: 3, wanted: { kind: "too-much" } },
  { name: "no end of output", script: "yes", limit: 1000, wanted: { kind: "too-much" } },
  { name: "no end of errors", script: "yes >&2", limit: 1000, wanted: { kind: "too-much" } },
];

Deno.test("runProgram() gives", async (t) => {
  for (const { name, script, limit = 1_000_000, input, wanted } of CASES) {
    await t.step(name, async () => {
      const options = { limit, signal: LONG, ...input === undefined ? {} : { input } };
      const end = await runProgram("sh", ["-c", script], options);
      assertEquals({ ...end, ...wanted }, end);
    });
  }
});

Deno.test("runProgram() ends what does not end by itself", async (t) => {
  const scripts = {
    "a program": "exec sleep 60",
    "one that ignores SIGTERM": "trap '' TERM; while :; do sleep 0.1; done",
    "one whose child holds its outputs": "sleep 5 & exit 0",
  };
  for (const [name, script] of Object.entries(scripts)) {
    await t.step(name, async () => {
      const signal = AbortSignal.timeout(200);
      const { kind } = await runProgram("sh", ["-c", script], { limit: 100, signal });
      assertEquals([kind, isTimeout(signal)], ["aborted", true]);
    });
  }
});

Deno.test("runProgram() does not start", async (t) => {
  await t.step("what was stopped before", async () => {
    const signal = AbortSignal.abort();
    const { kind } = await runProgram("sh", ["-c", "exit 0"], { limit: 1, signal });
    assertEquals([kind, isTimeout(signal)], ["aborted", false]);
  });
  await t.step("what is not there", async () => {
    const { kind } = await runProgram("./no-such-program", [], { limit: 1, signal: LONG });
    assertEquals(kind, "not-started");
  });
});
