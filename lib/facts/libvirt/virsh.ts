import type { LibvirtUri } from "./uri.ts";
import { isTimeout, runProgram } from "../run_program.ts";
import { VirshError } from "./virsh_error.ts";
import { readAnswers, type VirshAnswer, type VirshCommand, writeScripts } from "./virsh_script.ts";

/** How virsh is run. */
export interface VirshOptions {
  /** A read-only connection (`virsh -r`), which cannot change anything, nor read secrets. */
  readonly readOnly: boolean;
  /** Ends virsh. */
  readonly signal: AbortSignal;
}

/** A thousand domain XMLs and more; a longer answer is none. */
const MOST_BYTES = 64 * 1024 * 1024;
/** Cannot be in XML, nor in a name that libvirt has read from XML. */
const RECORD_SEPARATOR = "\x1e";

/**
 * Runs commands on one connection to a host's libvirt, in order, each whether or not those before
 * it failed: one virsh process, or one for each 120,000 bytes of commands.
 *
 * The commands are virsh's one argument. Standard input would not do: with it virsh is interactive,
 * echoes what it reads, keeps a history file and may take a command for a user name. Between the
 * outputs virsh prints a random mark, so that nothing in them can pass for the end of one.
 *
 * An ssh that libvirt started for a host which does not answer may outlive virsh, until ssh's own
 * time-out (`ConnectTimeout`).
 *
 * @throws {VirshError} When the commands could not be run at all, or not to the end.
 *
 * @example
 * ```ts ignore
 * import { parseLibvirtUri } from "./lib/facts/libvirt/uri.ts";
 * import { runVirsh } from "./lib/facts/libvirt/virsh.ts";
 *
 * const uri = parseLibvirtUri("qemu+ssh://hostb/system");
 * const options = { readOnly: true, signal: AbortSignal.timeout(10_000) };
 * const [hostname, xml] = await runVirsh(uri, [["hostname"], ["dumpxml", "--domain", "vm 1"]], options);
 * ```
 */
export async function runVirsh(
  uri: LibvirtUri,
  commands: readonly VirshCommand[],
  { readOnly, signal }: VirshOptions,
): Promise<VirshAnswer[]> {
  const mark = RECORD_SEPARATOR + crypto.randomUUID();
  const answers: VirshAnswer[] = [];
  for (const { text, count } of writeScripts(uri, commands, mark)) {
    const args = [...readOnly ? ["-r"] : [], "-q", "-c", uri.text, text];
    const { kind, stdout, stderr } = await runProgram("virsh", args, { limit: MOST_BYTES, signal });
    switch (kind) {
      case "not-started":
        throw new VirshError("not-installed", uri, stderr);
      case "aborted":
        throw isTimeout(signal)
          ? new VirshError("timeout", uri, `${names(commands)} did not end before the deadline`)
          : new VirshError("aborted", uri, `${names(commands)} was stopped`);
      case "too-much":
        throw new VirshError(
          "truncated",
          uri,
          `${names(commands)} gave more than ${MOST_BYTES} bytes`,
        );
      case "ended":
        answers.push(...readAnswers(uri, { stdout, stderr }, mark, count));
    }
  }
  return answers;
}

function names(commands: readonly VirshCommand[]): string {
  return [...new Set(commands.map(([name]) => name))].join(", ");
}
