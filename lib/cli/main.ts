/**
 * The command line.
 *
 * @module
 */
import { setColorEnabled } from "@std/fmt/colors";
// Not newer than 1.0: from 1.1 on (its PR #864) an unknown option of a command that takes arguments
// is an argument, and a typo would go to libvirt as the name of a guest.
import { Command, ValidationError } from "@cliffy/command";
import { CompletionsCommand } from "@cliffy/command/completions";
import { HelpCommand } from "@cliffy/command/help";
import { PremigrateError } from "../error/mod.ts";
import { agent } from "./commands/agent.ts";
import { cache } from "./commands/cache.ts";
import { capture } from "./commands/capture.ts";
import { check } from "./commands/check.ts";
import { compare } from "./commands/compare.ts";
import { config } from "./commands/config.ts";
import { doctor } from "./commands/doctor.ts";
import { explain } from "./commands/explain.ts";
import { inspect } from "./commands/inspect.ts";
import { install } from "./commands/install.ts";
import { policy } from "./commands/policy.ts";
import { policies } from "./commands/policies.ts";
import { predict } from "./commands/predict.ts";
import { recordStart } from "./commands/record_start.ts";
import { report } from "./commands/report.ts";
import { schema } from "./commands/schema.ts";
import { stamp } from "./commands/stamp.ts";
import { uninstall } from "./commands/uninstall.ts";
import { waive } from "./commands/waive.ts";
import { helpText } from "./help.ts";
import { noCommand } from "./options.ts";
import { manPage } from "./man.ts";
import { withoutFarSuggestion } from "./near.ts";
import { EXIT_CODES, fitTerminal, print, printError } from "./output.ts";
import { version } from "../config/version.ts";

/** What commands are for; those that only the hook and the agent run are hidden. */
const GROUPS = {
  "Before a migration": ["check", "capture", "compare", "predict"],
  "On a host": ["install", "uninstall", "doctor", "config", "agent", "stamp"],
  "After a refusal": ["report", "waive", "explain", "inspect"],
  "Policies": ["policies", "policy"],
  "For programs and shells": ["schema", "completions", "help"],
};

const premigrate = new Command()
  .name("premigrate")
  .version(version)
  .description("Predict whether a guest's devices survive a live migration.")
  .help((command) => helpText(command, GROUPS))
  .throwErrors()
  .globalOption("--json", "Write JSON.")
  .example(
    "Will this guest survive?",
    "premigrate check vm1 --from qemu:///system --to qemu+ssh://hostb/system",
  )
  .example("Why was it refused?", "sudo premigrate report --last")
  .example("On a host that guests come to", "sudo premigrate doctor")
  .action(({ json }) => json ? noCommand() : showHelp())
  .command("check", check)
  .command("cache", cache)
  .command("capture", capture)
  .command("compare", compare)
  .command("inspect", inspect)
  .command("predict", predict)
  .command("stamp", stamp)
  .command("agent", agent)
  .command("record-start", recordStart)
  .command("install", install)
  .command("uninstall", uninstall)
  .command("doctor", doctor)
  .command("config", config)
  .command("report", report)
  .command("waive", waive)
  .command("policies", policies)
  .command("policy", policy)
  .command("explain", explain)
  .command("schema", schema)
  .command("completions", new CompletionsCommand())
  .command("help", new HelpCommand());
premigrate.command("man", new Command().hidden().action(() => print(manPage(premigrate))));

function showHelp(): void {
  print(`${premigrate.getHelp()}\n`);
}

fitTerminal();
setColorEnabled(Deno.stdout.isTerminal() && !Deno.noColor);
try {
  await premigrate.parse(Deno.args);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const isExpected = error instanceof PremigrateError || error instanceof ValidationError;
  Deno.exitCode = EXIT_CODES.unusable;
  printError(
    isExpected ? withoutFarSuggestion(message) : `internal error: ${message}`,
    error instanceof PremigrateError ? error.details : undefined,
  );
}
