import { Command } from "@cliffy/command";
import { findDist } from "../../install/find_dist.ts";
import { makeReady } from "../../install/host_steps.ts";
import { install as installBuild } from "../../install/install.ts";
import { HOST_IO } from "../../install/host_io.ts";
import { parseRoot } from "../options.ts";
import { changeFiles, changesText, print, printError, printJson } from "../output.ts";

/** `install`: the hook, the command and the agent's unit on this host. */
export const install = new Command<{ json?: true }>()
  .description("Install the libvirt hook, or repair an installation.")
  .option("--root <dir:file>", "Install below this folder, which may be copied to / later.")
  .option("--deno <path:file>", "The Deno that the hook runs (default: the one running now).")
  .option("--copy-deno", "Keep a copy of that Deno in /usr/lib/premigrate.")
  .example("On this host", "sudo premigrate install --copy-deno")
  .example("For a package", "premigrate install --root debian/premigrate --deno /usr/bin/deno")
  .action(async ({ json, root: dir, deno, copyDeno }) => {
    const root = parseRoot(dir);
    const dist = await findDist();
    const { changes, warnings, isFirst } = await changeFiles(
      root,
      () => installBuild({ dist, root, deno, copyDeno }),
    );
    const host = root === ""
      ? await makeReady(HOST_IO, { isFirst })
      : { warnings: [], next: [`copy what is in ${root} to / of a host, then: premigrate doctor`] };
    const all = [...warnings, ...host.warnings];
    if (json) return printJson({ changes, warnings: all, next: host.next });
    print(changesText(changes));
    for (const warning of all) printError(`warning: ${warning}`);
    print(host.next.map((step) => `next: ${step}\n`).join(""));
    print("optional: systemctl enable --now premigrate-agent (with agent.enabled: true)\n");
  });
