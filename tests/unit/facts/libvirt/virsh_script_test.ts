import { assert, assertEquals, assertThrows } from "@std/assert";
import { VirshError, type VirshErrorCode } from "../../../../lib/facts/libvirt/virsh_error.ts";
import { readAnswers, writeScripts } from "../../../../lib/facts/libvirt/virsh_script.ts";

const HOST = { host: "hostb" };
const MARK = "\x1emark";
const END = `error: ${MARK}\n`;

Deno.test("writeScripts() quotes every word and marks both outputs", () => {
  assertEquals(writeScripts(HOST, [["domuuid", "--domain", "it's"], ["hostname"]], "M"), [{
    text: "'domuuid' '--domain' 'it'\\''s'\n'echo' '--' 'M'\n'echo' '--err' '--' 'M'\n" +
      "'hostname'\n'echo' '--' 'M'\n'echo' '--err' '--' 'M'\n",
    count: 2,
  }]);
});

Deno.test("writeScripts() writes as many as the length of an argument asks for", () => {
  const commands = Array.from({ length: 5000 }, (_, n) => ["nodedev-dumpxml", `pci_${n}`]);
  const scripts = writeScripts(HOST, commands, MARK);
  assert(scripts.every(({ text }) => text.length < 128 * 1024));
  assertEquals(scripts.reduce((sum, { count }) => sum + count, 0), 5000);
  assertEquals(writeScripts(HOST, commands.slice(0, 1000), MARK).length, 1);
  assertEquals(writeScripts(HOST, [], MARK), []);
});

Deno.test("writeScripts() refuses what no program can be given", () => {
  for (const word of ["a\0b", "\u2603".repeat(50_000)]) {
    const error = assertThrows(() => writeScripts(HOST, [["dominfo", word]], MARK), VirshError);
    assertEquals(error.code, "failed");
  }
});

const SPLIT: readonly (readonly [
  name: string,
  stdout: string,
  stderr: string,
  wanted: readonly (string | VirshErrorCode)[],
])[] = [
  ["two answers", `a\n${MARK}b\n\n${MARK}`, END + END, ["a", "b"]],
  ["an answer that looks like a mark", `mark\n${MARK}${MARK}`, END + END, ["mark", ""]],
  ["a later virsh that ends echo's line", `a\n${MARK}\nb\n${MARK}\n`, END + END, ["a", "b"]],
  ["line breaks without end", `${"\n".repeat(2_000_000)}a${MARK}b${MARK}`, END + END, ["a", "b"]],
  ["line breaks in the middle", `a${"\n".repeat(2_000_000)}b${MARK}b${MARK}`, END + END, [
    `a${"\n".repeat(2_000_000)}b`,
    "b",
  ]],
  ["leading blanks", `  a \n${MARK}b${MARK}`, END + END, ["  a ", "b"]],
  [
    "one that failed, after what it printed",
    `half\n${MARK}b\n${MARK}`,
    `error: failed to get domain 'x'\n${END}${END}`,
    ["no-such-domain", "b"],
  ],
  [
    "a warning of libvirt's log",
    `a${MARK}b${MARK}`,
    `2026-11-22 19:00:00.000+0000: 1: warning : virFoo:1 : x\n${END}${END}`,
    ["a", "b"],
  ],
  ["what virsh says when it ends", `a${MARK}b${MARK}`, `${END}${END}error: x\n`, ["a", "b"]],
];

Deno.test("readAnswers() tells apart", async (t) => {
  for (const [name, stdout, stderr, wanted] of SPLIT) {
    await t.step(name, () => {
      const answers = readAnswers(HOST, { stdout, stderr }, MARK, 2);
      const found = answers.map((answer) =>
        typeof answer === "string" ? answer : answer.missing.code
      );
      assertEquals(found, wanted);
    });
  }
});

const CUT: readonly (readonly [
  name: string,
  stdout: string,
  stderr: string,
  wanted: VirshErrorCode,
])[] = [
  ["nothing", "", "", "truncated"],
  [
    "no connection",
    "Accept host key? ",
    "error: failed to connect to the hypervisor\n",
    "unreachable",
  ],
  ["commands that virsh does not know", "", "error: unknown command: 'x'\n", "too-old"],
  ["an end after the first", `a${MARK}b`, END, "truncated"],
  ["an end between the marks", `a${MARK}b${MARK}`, END, "truncated"],
  ["more than was asked", `a${MARK}b${MARK}c${MARK}`, END + END + END, "truncated"],
];

Deno.test("readAnswers() does not believe", async (t) => {
  for (const [name, stdout, stderr, wanted] of CUT) {
    await t.step(name, () => {
      const error = assertThrows(() => readAnswers(HOST, { stdout, stderr }, MARK, 2), VirshError);
      assertEquals(error.code, wanted);
    });
  }
});
