import { Command } from "@cliffy/command";
import { uninstall as uninstallAll } from "../../install/uninstall.ts";
import { parseRoot } from "../options.ts";
import { changeFiles, changesText, print, printJson } from "../output.ts";

/** `uninstall`: what `install` made. */
export const uninstall = new Command<{ json?: true }>()
  .description("Remove the installation. Changed files and records stay.")
  .option("--root <dir:file>", "The folder below which it was installed.")
  .option("--purge", "Also remove the configuration, the waivers and the records.")
  .example("From this host", "sudo premigrate uninstall")
  .action(async ({ json, root: dir, purge }) => {
    const root = parseRoot(dir);
    const changes = await changeFiles(root, () => uninstallAll(root, { purge: purge === true }));
    if (json) return printJson({ changes });
    print(changesText(changes));
  });
