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
  .option(
    "--deno <path:file>",
    "The Deno that the hook runs (default: a copy of the build's, or the one running now).",
  )
  .option("--copy-deno", "Keep a copy of that Deno in /usr/lib/premigrate.")
  .example("On this host, or to upgrade it", "sudo sh dist/premigrate install")
  .example("For a package", "premigrate install --root debian/premigrate --deno /usr/bin/deno")
  .action(async ({ json, root: dir, deno, copyDeno }) => {
    const root = parseRoot(dir);
    const dist = await findDist();
    const installed = await changeFiles(root, () => installBuild({ dist, root, deno, copyDeno }));
    const { changes } = installed;
    const { done, next, ...host } = root === "" ? await makeReady(HOST_IO, installed) : {
      warnings: [],
      done: [],
      next: [`copy what is in ${root} to / of a host, then: premigrate doctor`],
    };
    const warnings = [...installed.warnings, ...host.warnings];
    if (json) return printJson({ changes, warnings, done, next });
    print(changesText(changes));
    for (const warning of warnings) printError(`warning: ${warning}`);
    print(done.map((what) => `${what}\n`).join(""));
    print(next.map((step) => `next: ${step}\n`).join(""));
  });
