import { Command } from "@cliffy/command";
import { recordGuestStart } from "../../facts/vfio/record_guest_start.ts";
import { pathsBelow } from "../../config/paths.ts";
import { readText } from "../../facts/files.ts";
import { parseRoot } from "../options.ts";
import { printError } from "../output.ts";

// What is still open by the hook's deadline must be closed before QEMU wants it.
const CLOSING_MS = 500;

/** `record-start`: what the hook runs when a guest is about to be started. */
export const recordStart = new Command<{ json?: true }>()
  .hidden()
  .description("For the hook: record what QEMU will see of a starting guest's devices.")
  .option("--root <dir:file>", "The folder below which premigrate is installed.")
  .option("--seconds <seconds:integer>", "The hook's deadline.", { default: 2 })
  .example("As libvirt's hook at `start begin`", "premigrate record-start < vm1.xml")
  .action(async ({ root: dir, seconds }) => {
    // Whatever happens, the guest is to start.
    try {
      const folders = pathsBelow(parseRoot(dir));
      const signal = AbortSignal.timeout(Math.max(0, 1000 * seconds - CLOSING_MS));
      const why = await recordGuestStart(await readText("-"), folders, signal);
      if (why !== undefined) printError(why);
    } catch (error) {
      printError(error instanceof Error ? error.message : String(error));
    }
  });
