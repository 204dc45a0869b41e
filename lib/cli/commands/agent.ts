import { Command } from "@cliffy/command";
import { runAgent } from "../../agent/agent.ts";
import { VirshError } from "../../facts/libvirt/virsh_error.ts";
import { pathsBelow } from "../../config/paths.ts";
import { hostWorld } from "../../agent/world.ts";
import { parseRoot } from "../options.ts";
import { EXIT_CODES, printError } from "../output.ts";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** `agent`: the service that keeps stamps and caches fresh. */
export const agent = new Command<{ json?: true }>()
  .description(
    "Stamp the guests of this host whenever one starts or arrives, and every few minutes.",
  )
  .option("--once", "Do it once, and end.")
  .option("--root <dir:file>", "The folder below which premigrate is installed.")
  .example("By hand, where the service does not run", "sudo premigrate agent --once")
  .action(async ({ once, root }) => {
    const stop = new AbortController();
    const onSignal = (): void => stop.abort();
    for (const signal of SIGNALS) Deno.addSignalListener(signal, onSignal);
    const world = hostWorld(pathsBelow(parseRoot(root)));
    try {
      if (!once) return await runAgent(world, stop.signal);
      const { problems } = await world.round(stop.signal);
      for (const problem of problems) world.log(problem);
      if (problems.length > 0) Deno.exitCode = EXIT_CODES.unusable;
    } catch (error) {
      // Without virsh nothing can be done, now or later.
      if (!(error instanceof VirshError)) throw error;
      printError(error.message);
      Deno.exitCode = 1;
    } finally {
      for (const signal of SIGNALS) Deno.removeSignalListener(signal, onSignal);
    }
  });
