import { type Answer, reportJson, reportText } from "../report/mod.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import { print, printJson } from "./io.ts";

/** Sets the exit status that stands for an answer's decision, and shows the answer. */
export function showAnswer(
  answer: Answer,
  json: boolean | undefined,
  draw: () => string = () => "",
): void {
  // First: a reader that goes away while the answer is written must not make it an allow.
  Deno.exitCode = EXIT_CODES[answer.verdict.decision];
  if (json === true) return printJson(reportJson(answer));
  const picture = draw();
  print(reportText(answer) + (picture === "" ? "" : `\n${picture}`));
}
