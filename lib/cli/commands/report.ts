import { Command, ValidationError } from "@cliffy/command";
import { PremigrateError } from "../../error/mod.ts";
import { inputError } from "../../facts/files.ts";
import { pathsBelow } from "../../config/paths.ts";
import { printable } from "../../report/printable.ts";
import { FORMAT_OPTION, formatOf, formatType, parseRoot } from "../options.ts";
import { answerText, type Format, print, printJson, writeAnswers } from "../output.ts";
import { listReports, readReport, type RecordedReport } from "../recorded_report.ts";

/** `report`: what the hook decided, and why. */
export const report = new Command<{ json?: true }>()
  .description("Show what the hook decided on this host, and why: by default its last decision.")
  .type("format", formatType)
  .arguments("[id:string]", ["The report's id, as a refusal names it; or a file."])
  .option("--last", "The last decision.")
  .option("--list", "A line for each decision, the newest first.")
  .option(...FORMAT_OPTION)
  .option("--root <dir:file>", "The folder below which premigrate is installed.")
  .example("Why a migration was refused", "sudo premigrate report --last")
  .example("As a page", "sudo premigrate report --last --format html > report.html")
  .action(async ({ last, list, root, ...options }, id) => {
    if ([last === true, list === true, id !== undefined].filter(Boolean).length > 1) {
      throw new ValidationError("Wanted one of: an id, --last, --list");
    }
    const { reports } = pathsBelow(parseRoot(root));
    const format = formatOf(options);
    if (list) {
      if (format !== "text" && format !== "json") {
        throw new ValidationError(`Cannot use --list with --format ${format}`);
      }
      return await showList(reports, format);
    }
    print(written(await readReport(pathOf(reports, id)), format));
  });

function pathOf(reports: string, id: string | undefined): string {
  if (id?.includes("/") || id?.endsWith(".json")) return id;
  const wanted = id ?? listReports(reports)[0];
  if (wanted === undefined) throw inputError(reports, "there is no report on this host");
  return `${reports}/${wanted}.json`;
}

function written({ json, data, answer, title }: RecordedReport, format: Format): string {
  return writeAnswers([answer], format, {
    written: data,
    text: () => answerText(answer, undefined, title),
    json: () => json,
  });
}

async function showList(reports: string, format: "text" | "json"): Promise<void> {
  const lines = [];
  for (const id of listReports(reports)) {
    try {
      const { data: { time, guest, decision, effect }, answer: { migration } } = await readReport(
        `${reports}/${id}.json`,
      );
      const { source: { name: source }, destination: { name: destination } } = migration;
      lines.push({ id, time, guest: guest.name, decision, effect, source, destination });
    } catch (error) {
      // One damaged file hides no other.
      if (!(error instanceof PremigrateError)) throw error;
      lines.push({ id, problem: error.problem });
    }
  }
  if (format === "json") return printJson(lines);
  if (lines.length === 0) return print("no decisions yet\n");
  for (const line of lines) {
    const text = "problem" in line
      ? `cannot be read: ${line.problem}`
      : `${line.effect}: ${line.decision}, ${line.guest}, ${line.source} -> ${line.destination}`;
    print(`${printable(`${line.id}  ${text}`)}\n`);
  }
}
