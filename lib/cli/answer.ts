import type { DetailedAnswer } from "../policy/mod.ts";
import { reportHtml, reportJson, reportMarkdown, reportText } from "../report/mod.ts";
import { OWN } from "../hook/codes.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import type { Format } from "./format.ts";
import { print, printJson } from "./print.ts";

/** Sets the exit status that stands for an answer's decision, and shows the answer. */
export function showAnswer(
  judged: DetailedAnswer,
  format: Format,
  draw: () => string = () => "",
): void {
  // First: a reader that goes away while the answer is written must not make it an allow.
  Deno.exitCode = EXIT_CODES[judged.verdict.decision];
  const answer = { ...judged, policies: [OWN, ...judged.policies] };
  if (format === "json") return printJson(reportJson(answer));
  if (format === "markdown") return print(reportMarkdown([answer]));
  if (format === "html") return print(reportHtml([answer]));
  const picture = draw();
  print(reportText(answer) + (picture === "" ? "" : `\n${picture}`));
}
