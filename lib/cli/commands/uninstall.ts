import { Command } from "@cliffy/command";
import { removeStamps } from "../../agent/guest_metadata.ts";
import { listStamped } from "../../agent/guests.ts";
import { VirshError } from "../../facts/libvirt/virsh_error.ts";
import { endAgent } from "../../install/agent_unit.ts";
import { HOST_IO } from "../../install/host_io.ts";
import { uninstall as uninstallAll } from "../../install/uninstall.ts";
import { reportStamps } from "./stamp.ts";
import { printable } from "../../report/printable.ts";
import { deadline, parseRoot } from "../options.ts";
import { changeFiles, changesText, print, printJson } from "../output.ts";

/** `uninstall`: what `install` made. */
export const uninstall = new Command<{ json?: true }>()
  .description("Remove the installation. Changed files and records stay.")
  .option("--root <dir:file>", "The folder below which it was installed.")
  .option("--purge", "Also remove the configuration, the waivers and the records.")
  .example("From this host", "sudo premigrate uninstall")
  .action(async ({ json, root: dir, purge }) => {
    const root = parseRoot(dir);
    const done: string[] = [];
    const next: string[] = [];
    const prepare = async (): Promise<void> => {
      if (root !== "") return;
      const ended = await endAgent(HOST_IO);
      if (ended !== undefined) done.push(ended);
      const stamped = await findStamped();
      if (stamped.length === 0) return;
      const names = printable(stamped.map(({ name }) => name).join(", "));
      if (!json && confirm(`Remove the stamps of ${names}?`)) {
        const uuids = stamped.map(({ uuid }) => uuid);
        reportStamps(await removeStamps(uuids, "live", deadline()), json);
      } else {
        next.push(
          `sh dist/premigrate stamp --remove --all, with the build: stamps are in ${names}`,
        );
      }
    };
    const changes = await changeFiles(
      root,
      () => uninstallAll(root, { purge: purge === true, prepare }),
    );
    if (root === "") await HOST_IO.run("systemctl", ["daemon-reload"]);
    if (json) return printJson({ changes, done, next });
    print(changesText(changes));
    print(done.map((what) => `${what}\n`).join(""));
    print(next.map((step) => `next: ${step}\n`).join(""));
  });

/** Stamps hurt nobody: where libvirt does not answer, that is no reason to stay installed. */
async function findStamped(): ReturnType<typeof listStamped> {
  try {
    return await listStamped("live", deadline());
  } catch (error) {
    if (error instanceof VirshError) return [];
    throw error;
  }
}
