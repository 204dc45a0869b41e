import { PremigrateError } from "../../error/mod.ts";
import type { LibvirtUri } from "../libvirt/uri.ts";
import { oneLine } from "../one_line.ts";
import { runVirsh } from "../libvirt/virsh.ts";

/** A command for QEMU's monitor: the human one (HMP), or QMP. */
export type MonitorCommand =
  | { readonly hmp: string }
  | { readonly execute: string; readonly arguments?: Readonly<Record<string, string>> };

/** Has a guest's monitor answer some commands, in their order. */
export type Monitor = (commands: readonly MonitorCommand[]) => Promise<readonly string[]>;

/**
 * The monitor of a domain through libvirt: a read-write connection for each round of commands. From
 * the first on, libvirt calls the domain tainted (`custom-monitor`) until it is stopped.
 *
 * @throws {VirshError} When asked: libvirt did not do it, or `signal` was aborted.
 *
 * @example
 * ```ts ignore
 * import { parseLibvirtUri, readGuestView, virshMonitor } from "./lib/facts/mod.ts";
 *
 * const uri = parseLibvirtUri("qemu+ssh://hosta/system");
 * const monitor = virshMonitor(uri, "vm1", AbortSignal.timeout(30_000));
 * const view = await readGuestView(monitor, { host: uri.host });
 * ```
 */
export function virshMonitor(uri: LibvirtUri, domain: string, signal: AbortSignal): Monitor {
  return async (commands) => {
    const lines = commands.map((command) => virshCommand(domain, command));
    const answers = await runVirsh(uri, lines, { readOnly: false, signal });
    return answers.map((answer) => {
      if (typeof answer !== "string") throw answer.missing;
      return answer;
    });
  };
}

function virshCommand(domain: string, command: MonitorCommand): string[] {
  const monitor = ["qemu-monitor-command", `--domain=${domain}`];
  return "hmp" in command
    ? [...monitor, "--hmp", `--cmd=${command.hmp}`]
    : [...monitor, `--cmd=${JSON.stringify(command)}`];
}

interface Question {
  readonly command: MonitorCommand;
  readonly resolve: (answer: string) => void;
  readonly reject: (reason: unknown) => void;
}

// Hundreds of devices make one of 1 MiB.
const LONGEST_ANSWER = 2 ** 24;

/**
 * Asks a monitor. Questions that are put at the same time go to it together, and none goes after an
 * answer that was not understood.
 */
export class Asker {
  readonly #monitor: Monitor;
  readonly #host: string;
  #questions: Question[] = [];
  #error: PremigrateError | undefined;

  /** The host is named in errors. */
  constructor(monitor: Monitor, host: string) {
    this.#monitor = monitor;
    this.#host = host;
  }

  /**
   * What `parse` makes of the monitor's answer.
   *
   * @throws {PremigrateError} The answer is too long, or `parse` makes nothing of it.
   */
  async ask<Answer>(
    command: MonitorCommand,
    parse: (text: string) => Answer | undefined,
  ): Promise<Answer> {
    const text = await new Promise<string>((resolve, reject) => {
      // Not in a microtask: those who wait for answers of one batch are to ask their next together.
      if (this.#questions.length === 0) setTimeout(() => this.#send());
      this.#questions.push({ command, resolve, reject });
    });
    const answer = text.length > LONGEST_ANSWER ? undefined : parse(text);
    if (answer !== undefined) return answer;
    const asked = "hmp" in command ? command.hmp : command.execute;
    throw this.#error = new PremigrateError(
      "monitor-answer",
      `Asking QEMU's monitor on ${this.#host} for ${asked}`,
      `found "${oneLine(text)}", wanted QEMU's answer; judge without the guest view`,
    );
  }

  async #send(): Promise<void> {
    const questions = this.#questions;
    this.#questions = [];
    try {
      if (this.#error !== undefined) throw this.#error;
      const answers = await this.#monitor(questions.map(({ command }) => command));
      questions.forEach(({ resolve }, index) => resolve(answers[index] ?? ""));
    } catch (error) {
      for (const { reject } of questions) reject(error);
    }
  }
}
