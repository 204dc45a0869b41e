import { Command } from "@cliffy/command";
import { diagnose, type Diagnosis, diagnosisText } from "../../install/doctor/doctor.ts";
import { HOST_IO } from "../../install/host_io.ts";
import { parseRoot } from "../options.ts";
import { EXIT_CODES, print, printJson } from "../output.ts";

/** `doctor`: whether the hook would do its work. */
export const doctor = new Command<{ json?: true }>()
  .description("Check that the installed hook works on this host: one line per check.")
  .option("--root <dir:file>", "The folder below which premigrate is installed.")
  .example("Exits with 1 if a line says FAIL", "sudo premigrate doctor")
  .action(async ({ json, root }) => {
    const diagnoses: Diagnosis[] = [];
    for await (const diagnosis of diagnose(HOST_IO, parseRoot(root))) {
      diagnoses.push(diagnosis);
      if (!json) print(diagnosisText(diagnosis));
    }
    if (json) printJson(diagnoses);
    if (diagnoses.some(({ grade }) => grade === "FAIL")) Deno.exitCode = EXIT_CODES.veto;
  });
