import { Command } from "@cliffy/command";
import { type ConfigSpace, decodeConfigSpace, readDump } from "../../policy/mod.ts";
import { describeConfigSpace } from "../../report/mod.ts";
import { readBytes } from "../../facts/files.ts";
import { print, printJson } from "../output.ts";

/** `inspect`: what a dump says. */
export const inspect = new Command<{ json?: true }>()
  .description("Decode a dump of config space: lspci -xxx(x) text, raw bytes or plain hex.")
  .arguments("<dump:file>")
  .example("A device of this host", "sudo lspci -xxxx -s 3b:00.4 | premigrate inspect -")
  .action(async ({ json }, dump) => {
    const functions = readDump(await readBytes(dump)).map(
      ({ slot, description, bytes, known }) => ({
        slot: slot ?? null,
        description: description ?? null,
        known: known ?? bytes.length,
        ...asSoftwareFindsIt(decodeConfigSpace(bytes)),
      }),
    );
    if (json === true) printJson(functions);
    else print(functions.map(describeConfigSpace).join("\n"));
  });

// An extended list without PCI Express or PCI-X is out of software's reach: lspci shows none, and
// nor does this. QEMU does not mind and compares it.
function asSoftwareFindsIt(space: ConfigSpace): ConfigSpace {
  const isReachable = space.capabilities.some(({ id }) => id === 0x10 || id === 0x07);
  return isReachable ? space : { ...space, extended: [] };
}
