/**
 * What is written, and the exit status.
 *
 * @module
 */
import { PremigrateError } from "../error/mod.ts";
import { outputError } from "../facts/files.ts";
import { deviceNames } from "../facts/pci_ids.ts";
import { OWN } from "../hook/codes.ts";
import type { Settled } from "../hook/settle.ts";
import type { Change } from "../install/plan.ts";
import { version } from "../config/version.ts";
import type { Decision, DetailedAnswer } from "../policy/mod.ts";
import { worstOf } from "../policy/engine.ts";
import {
  jsonText,
  reportGithub,
  reportHtml,
  reportJunit,
  reportMarkdown,
  reportText,
  verdictJson,
} from "../report/mod.ts";
import type { Written } from "../report/written.ts";
import { printable, setTerminalWidth } from "../report/printable.ts";

/** The statuses that the command line ends with: part of its interface. */
export const EXIT_CODES = {
  /** Nothing stops the migration, or the command did what was asked. */
  allow: 0,
  /** With `--fail-on-warn` a warning, too. */
  veto: 1,
  /** The command line or an input cannot be read; nothing was decided. */
  unusable: 2,
  undecided: 3,
} as const satisfies Record<Decision | "unusable", number>;

/**
 * Writes text to standard output, whole. A reader that went away ends the program quietly, with the
 * exit status that is set by then.
 */
export function print(text: string): void {
  write(Deno.stdout, text);
}

/** Breaks lines for the terminal that they go to; else they stay as they are for a pipe. */
export function fitTerminal(): void {
  if (!Deno.stdout.isTerminal()) return;
  try {
    setTerminalWidth(Deno.consoleSize().columns);
  } catch {
    // A terminal that does not tell its size.
  }
}

/** Writes one line to standard error, whatever the message quotes, and below it what else was said. */
export function printError(message: string, details = ""): void {
  const lines = details === "" ? [] : details.split("\n");
  write(Deno.stderr, [`premigrate: ${message}`, ...lines].map(printable).join("\n") + "\n");
}

function write(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  let bytes = new TextEncoder().encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit();
    throw error;
  }
}

/** Writes data as JSON. */
export function printJson(data: unknown): void {
  print(jsonText(data) + "\n");
}

/** The forms in which a verdict can be written. */
export const FORMATS = ["text", "json", "markdown", "html", "junit", "github"] as const;

/** A form in which a verdict can be written. */
export type Format = typeof FORMATS[number];

/** What was asked of the output. */
export interface Output {
  readonly format: Format;
  /** A warning makes the exit status that of a veto. */
  readonly failOnWarn: boolean;
}

/** How answers are written where that is a command's own. */
export interface OwnForms<Answered> {
  readonly text?: (answers: readonly Answered[]) => string;
  /** The JSON is a list of verdicts, and not the only one. */
  readonly isList?: boolean;
}

const deviceName = deviceNames();

/** A verdict for people; `appendix` stands before its last line. */
export function answerText(
  answer: DetailedAnswer,
  appendix?: string,
  title?: string,
): string {
  return reportText(answer, {
    deviceName,
    ...appendix !== undefined && { appendix },
    ...title !== undefined && { title },
  });
}

/** An answer, with what a hook makes of it where one is known to decide. */
interface ShownAnswer extends DetailedAnswer {
  readonly settled?: Settled | undefined;
}

function hookJson({ settled }: ShownAnswer): Record<string, unknown> {
  if (settled === undefined) return {};
  const { effect, mode, trouble, waiver } = settled;
  return { hook: { effect, mode, trouble, waiver } };
}

/** Sets the exit status that stands for the worst of the answers, and shows them. */
export function showAnswers<Answered extends ShownAnswer>(
  judged: readonly Answered[],
  { format, failOnWarn }: Output,
  { text = (answers) => answers.map((answer) => answerText(answer)).join(""), isList = false }:
    OwnForms<Answered> = {},
): void {
  const findings = judged.flatMap(({ verdict }) => verdict.findings);
  const decision = worstOf(judged);
  const isWarned = failOnWarn && findings.some(({ severity }) => severity === "warn");
  // First: a reader that goes away while the answer is written must not make it an allow.
  Deno.exitCode = EXIT_CODES[decision === "allow" && isWarned ? "veto" : decision];
  const answers = judged.map((answer) => ({ ...answer, policies: [OWN, ...answer.policies] }));
  const written = { time: new Date().toISOString(), version };
  const verdicts = (): unknown[] =>
    answers.map((answer) => ({
      ...verdictJson(answer, written),
      ...hookJson(answer),
    }));
  print(writeAnswers(answers, format, {
    written,
    failOnWarn,
    text: () => text(answers),
    json: () => isList ? verdicts() : verdicts()[0],
  }));
}

/** Answers in one of the forms. */
export function writeAnswers(
  answers: readonly DetailedAnswer[],
  format: Format,
  { written, failOnWarn = false, text, json }: {
    readonly written: Written;
    readonly failOnWarn?: boolean;
    readonly text: () => string;
    readonly json: () => unknown;
  },
): string {
  const forms: Readonly<Record<Format, () => string>> = {
    text,
    json: () => `${jsonText(json())}\n`,
    markdown: () => reportMarkdown(answers, written),
    html: () => reportHtml(answers, written),
    junit: () => reportJunit(answers, written, failOnWarn),
    github: () => reportGithub(answers, written),
  };
  return forms[format]();
}

/** Tells what is being waited for, on a terminal's last line; nowhere else. */
export class Progress implements Disposable {
  readonly #isShown = Deno.stderr.isTerminal() && !isDumb();

  /**
   * Counts in the line what has ended.
   *
   * @param line The line, when so many have.
   */
  counter(line: (done: number) => string): <T>(work: Promise<T>) => Promise<T> {
    let done = 0;
    this.show(line(done));
    return async (work) => {
      const result = await work;
      done += 1;
      this.show(line(done));
      return result;
    };
  }

  /** Replaces the line. */
  show(text: string): void {
    if (this.#isShown) Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
  }

  /** Removes the line. */
  [Symbol.dispose](): void {
    this.show("");
  }
}

/** A terminal that knows no escapes; where the environment may not be looked at, none is taken for it. */
function isDumb(): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "TERM" });
  return state === "granted" && Deno.env.get("TERM") === "dumb";
}

/** What happened to files, a line each. */
export function changesText(changes: readonly Change[]): string {
  return changes.map(({ path, what, why }) =>
    `${what.padEnd(9)} ${printable(path)}${why === undefined ? "" : ` (${why})`}\n`
  ).join("");
}

/** Does what changes files; what the system says against it is no error of the program. */
export async function changeFiles<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PremigrateError) throw error;
    // Deno's errors of the system: PermissionDenied is one, and some have a code alone.
    const isSystems = error instanceof Error &&
      (Object.values(Deno.errors).some((SystemError) => error instanceof SystemError) ||
        "code" in error);
    throw isSystems ? outputError(root === "" ? "/" : root, error.message) : error;
  }
}
