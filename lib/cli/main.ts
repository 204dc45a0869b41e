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
import { schema } from "./commands/schema.ts";
import { stamp } from "./commands/stamp.ts";
import { uninstall } from "./commands/uninstall.ts";
import { waive } from "./commands/waive.ts";
import { noCommand } from "./options.ts";
import { manPage } from "./man.ts";
import { EXIT_CODES, print, printError } from "./output.ts";
import { version } from "../config/version.ts";

const premigrate = new Command()
  .name("premigrate")
  .version(version)
  .description("Predict whether a guest's devices survive a live migration.")
  .help({ colors: Deno.stdout.isTerminal() && !Deno.noColor })
  .throwErrors()
  .globalOption("--json", "Write JSON.")
  .action(noCommand)
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
  .command("waive", waive)
  .command("policies", policies)
  .command("policy", policy)
  .command("explain", explain)
  .command("schema", schema)
  .command("completions", new CompletionsCommand())
  .command("help", new HelpCommand());
premigrate.command("man", new Command().hidden().action(() => print(manPage(premigrate))));

setColorEnabled(Deno.stdout.isTerminal() && !Deno.noColor);
try {
  await premigrate.parse(Deno.args);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const isExpected = error instanceof PremigrateError || error instanceof ValidationError;
  Deno.exitCode = EXIT_CODES.unusable;
  printError(isExpected ? message : `internal error: ${message}`);
}
