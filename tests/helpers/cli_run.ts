/**
 * Runs the command line as a user does, with the permission to read files and no other.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Finished, runProgram } from "./run_program.ts";

/** The root of the repository: where the runs start, so that paths are those of the README. */
export const ROOT = new URL("../../", import.meta.url);

/** A run and what is expected of it. */
export interface RunCase {
  readonly name: string;
  /** The command line, as a text where no word has a space. */
  readonly words: string | readonly string[];
  readonly stdin?: string | Uint8Array<ArrayBuffer>;
  /** Permissions beside the one to read. */
  readonly permissions?: readonly string[];
  readonly code: number;
  /**
   * Texts of the standard output, in this order, with sentences in one line; what may not be there
   * has a `!` in front.
   */
  readonly stdout?: readonly string[];
  /** A text of the one line of an error. */
  readonly error?: string;
  /** Texts of the lines below it, in this order; absent: there are none. */
  readonly details?: readonly string[];
}

/** The arguments of Deno that run the command line with `words`. */
export function denoArguments(
  words: readonly string[],
  permissions: readonly string[] = [],
): string[] {
  const granted = ["--allow-read", ...permissions];
  return ["run", "--quiet", "--no-prompt", ...granted, "lib/cli/main.ts", ...words];
}

/** Runs the command line with `words`, and with `stdin` as its standard input. */
export async function runCli(
  words: string | readonly string[],
  stdin: string | Uint8Array<ArrayBuffer> = "",
  permissions: readonly string[] = [],
): Promise<Finished> {
  const args = denoArguments(typeof words === "string" ? words.split(" ") : words, permissions);
  return await runProgram(Deno.execPath(), { args, cwd: ROOT }, stdin);
}

/** A test for each case, with what is true of every run: an error is one line, and nothing else. */
export function testRuns(cases: readonly RunCase[]): void {
  for (const { name, words, stdin, permissions, code, stdout = [], error, details } of cases) {
    Deno.test(name, async () => {
      const run = await runCli(words, stdin, permissions);
      assertEquals(run.code, code, run.stdout + run.stderr);
      if (code === 2) {
        assertEquals(run.stdout, "");
        const [, line = "", rest = ""] = /^(premigrate: [^\p{Cc}]+\n)([^]*)$/u.exec(run.stderr) ??
          [];
        assertStringIncludes(line, error ?? "", run.stderr);
        if (details === undefined) assertEquals(rest, "");
        assertPlain(rest);
        assertTexts(rest, details ?? []);
      } else {
        assertEquals(run.stderr, "");
        assertPlain(run.stdout);
        assertTexts(unwrap(run.stdout), stdout);
      }
    });
  }
}

/** No control, format or direction character reaches the terminal, but for the line ends. */
export function assertPlain(text: string): void {
  assertEquals(text.replaceAll("\n", "").match(/[\p{Cc}\p{Cf}\u2028\u2029]/gu), null);
}

/** Joins the lines of sentences. */
function unwrap(text: string): string {
  return text.replaceAll(/\n( {12}| {4})(?=\S)/g, " ");
}

function assertTexts(output: string, texts: readonly string[]): void {
  let at = 0;
  for (const text of texts) {
    if (text.startsWith("!")) {
      assert(!output.includes(text.slice(1)), `found ${text.slice(1)} in:\n${output}`);
      continue;
    }
    const found = output.indexOf(text, at);
    assert(found >= 0, `found no ${text} after ${at} in:\n${output}`);
    at = found + text.length;
  }
}
