/**
 * The command line.
 *
 * @module
 */
import { setColorEnabled } from "@std/fmt/colors";
import { Command, ValidationError } from "@cliffy/command";
import config from "../../deno.json" with { type: "json" };
import { DomainXmlError } from "../domain/mod.ts";
import { FactsError } from "../facts/mod.ts";
import { ConfigSpaceError, DumpError, QemuPropertyError, QemuVersionError } from "../policy/mod.ts";
import { capture } from "./commands/capture.ts";
import { check } from "./commands/check.ts";
import { compare } from "./commands/compare.ts";
import { explain } from "./commands/explain.ts";
import { inspect } from "./commands/inspect.ts";
import { policies } from "./commands/policies.ts";
import { predict } from "./commands/predict.ts";
import { schema } from "./commands/schema.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import { EcamError } from "../facts/ecam.ts";
import { LibvirtUriError } from "../facts/libvirt_uri.ts";
import { ProbeRunError } from "../facts/probe.ts";
import { VirshError } from "../facts/virsh_error.ts";
import { InputError, OutputError, printError } from "./io.ts";

const INPUT_ERRORS = [
  ConfigSpaceError,
  DomainXmlError,
  DumpError,
  EcamError,
  FactsError,
  InputError,
  LibvirtUriError,
  OutputError,
  ProbeRunError,
  QemuPropertyError,
  QemuVersionError,
  ValidationError,
  VirshError,
];

const premigrate = new Command()
  .name("premigrate")
  .version(config.version)
  .description("Tell before a live migration whether the guest's devices will survive it.")
  .throwErrors()
  .globalOption("--json", "Write JSON.")
  .command("check", check)
  .command("capture", capture)
  .command("compare", compare)
  .command("inspect", inspect)
  .command("predict", predict)
  .command("policies", policies)
  .command("explain", explain)
  .command("schema", schema);

setColorEnabled(Deno.stdout.isTerminal() && !Deno.noColor);
try {
  if (Deno.args.length === 0) throw new ValidationError("No command was given: see --help");
  await premigrate.parse(Deno.args);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const isExpected = INPUT_ERRORS.some((InputErrorClass) => error instanceof InputErrorClass);
  Deno.exitCode = EXIT_CODES.unusable;
  printError(isExpected ? message : `internal error: ${message}`);
}
