import { Command } from "@cliffy/command";
import { recordGuestStart } from "../../facts/record_guest_start.ts";
import { pathsBelow } from "../../hook/paths.ts";
import { printError, readText } from "../io.ts";
import { parseRoot } from "../root.ts";

// The hook gives it two seconds. What is still open by then must be closed before QEMU wants it.
const DEADLINE_MS = 1_500;

/** `record-start`: what the hook runs when a guest is about to be started. */
export const recordStart = new Command<{ json?: true }>()
  .description("For the hook: keep what QEMU is about to see of a starting guest's devices.")
  .option("--root <dir:file>", "The folder below which premigrate is installed.")
  .example("As libvirt's hook at `start begin`", "premigrate record-start < vm1.xml")
  .action(async ({ root: dir }) => {
    // Whatever happens, the guest is to start.
    try {
      const folders = pathsBelow(parseRoot(dir));
      const signal = AbortSignal.timeout(DEADLINE_MS);
      const why = await recordGuestStart(await readText("-"), folders, signal);
      if (why !== undefined) printError(why);
    } catch (error) {
      printError(error instanceof Error ? error.message : String(error));
    }
  });
