import type { LibvirtUri } from "./uri.ts";
import { VirshError, virshErrorFrom } from "./virsh_error.ts";

/** A virsh command and its arguments, as data: none of them is ever part of a shell command. */
export type VirshCommand = readonly string[];

/** What cannot be known, since libvirt did not answer. */
export interface Unanswered {
  readonly missing: VirshError;
}

/** What a command printed, or why it failed. */
export type VirshAnswer = string | Unanswered;

/** Linux takes 128 KiB as one argument (MAX_ARG_STRLEN). */
const MOST_BYTES = 120_000;

/**
 * A word for virsh's own parser (`vshCommandStringGetArg`): everything between single quotes stands
 * for itself, line breaks too. What begins with `--` still is an option, unless it stands after one
 * that takes a value, or after `--`.
 *
 * @example
 * ```ts
 * import { quoteForVirsh } from "./virsh_script.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(quoteForVirsh("it's $(x); #1"), "'it'\\''s $(x); #1'");
 * ```
 */
export function quoteForVirsh(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Commands that virsh gets as one argument. */
export interface VirshScript {
  /** The argument. */
  readonly text: string;
  /** How many commands it holds. */
  readonly count: number;
}

/**
 * The commands as virsh takes them, each followed by two that print `mark` to standard output and
 * to standard error; as few scripts as the length of an argument allows.
 *
 * @throws {VirshError} When a command is too long, or holds a NUL.
 */
export function writeScripts(
  uri: Pick<LibvirtUri, "host">,
  commands: readonly VirshCommand[],
  mark: string,
): VirshScript[] {
  const encoder = new TextEncoder();
  const scripts: VirshScript[] = [];
  let lines: string[] = [];
  let bytes = 0;
  for (const command of commands) {
    const line = [command, ["echo", "--", mark], ["echo", "--err", "--", mark]]
      .map((words) => words.map(quoteForVirsh).join(" ") + "\n").join("");
    const { length } = encoder.encode(line);
    if (length > MOST_BYTES || line.includes("\0")) {
      throw new VirshError("failed", uri, "a command is too long for virsh, or holds a NUL");
    }
    if (bytes + length > MOST_BYTES) {
      scripts.push({ text: lines.join(""), count: lines.length });
      [lines, bytes] = [[], 0];
    }
    lines.push(line);
    bytes += length;
  }
  if (lines.length > 0) scripts.push({ text: lines.join(""), count: lines.length });
  return scripts;
}

/**
 * Tells the outputs of a script's commands apart by the marks. An output loses the line breaks
 * around it.
 *
 * @throws {VirshError} When there are not as many as commands.
 *
 * @example
 * ```ts
 * import { readAnswers } from "./virsh_script.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const output = { stdout: "hostb\n#vm1\n#", stderr: "error: #\nerror: #\n" };
 * assertEquals(readAnswers({ host: "hostb" }, output, "#", 2), ["hostb", "vm1"]);
 * ```
 */
export function readAnswers(
  uri: Pick<LibvirtUri, "host">,
  { stdout, stderr }: { readonly stdout: string; readonly stderr: string },
  mark: string,
  count: number,
): VirshAnswer[] {
  const outputs = stdout.split(mark);
  const errors = stderr.split(`error: ${mark}\n`);
  // Either the connection failed, or virsh did not understand its commands and ran none.
  if (outputs.length === 1 && isError(stderr)) throw virshErrorFrom(uri, stderr);
  if (outputs.length !== count + 1 || errors.length !== count + 1) {
    const found = `virsh answered ${outputs.length - 1} of ${count} commands. ${errors.at(-1)}`;
    throw new VirshError("truncated", uri, found);
  }
  return outputs.slice(0, count).map((output, index) => {
    const error = errors[index] ?? "";
    return isError(error) ? { missing: virshErrorFrom(uri, error) } : trimBreaks(output);
  });
}

/** A regular expression takes quadratic time over many line breaks. */
function trimBreaks(text: string): string {
  let [from, to] = [0, text.length];
  while (text[from] === "\n") from++;
  while (to > from && text[to - 1] === "\n") to--;
  return text.slice(from, to);
}

/** virsh begins every error so (`vshError`); lines of libvirt's own log begin with a time. */
function isError(stderr: string): boolean {
  return /^error: /m.test(stderr);
}
