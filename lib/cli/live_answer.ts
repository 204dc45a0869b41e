import { reportChoices } from "../report/choices.ts";
import { decide } from "../policy/mod.ts";
import { reportHtml, reportJson, reportMarkdown, reportText } from "../report/mod.ts";
import { OWN } from "../hook/codes.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import type { Format } from "./format.ts";
import { print, printJson } from "./print.ts";
import { printable } from "../report/printable.ts";
import type { LiveAnswer } from "./live.ts";

/** Shows the answer for one guest and destination, or a table; the worst decides the exit status. */
export function showLiveAnswers(
  judged: readonly LiveAnswer[],
  isOne: boolean,
  format: Format,
): void {
  Deno.exitCode = EXIT_CODES[decide(judged.flatMap(({ verdict }) => verdict.findings))];
  const answers = judged.map((answer) => ({ ...answer, policies: [OWN, ...answer.policies] }));
  const [only] = answers;
  if (format === "json") {
    const reports = answers.map((answer) => ({
      guest: answer.guest,
      destination: answer.destination,
      ...reportJson(answer),
      ...answer.choices === undefined ? {} : { choices: reportChoices(answer.choices) },
    }));
    printJson(isOne ? reports[0] : reports);
  } else if (format === "markdown") {
    print(reportMarkdown(answers));
  } else if (format === "html") {
    print(reportHtml(answers));
  } else if (isOne && only !== undefined) {
    print(reportText(only) + choiceText(only));
  } else {
    print(answers.length === 0 ? "no guest is running\n" : table(answers));
  }
}

function choiceText({ choices = [] }: LiveAnswer): string {
  return reportChoices(choices).map(({ device, chosen, candidates }) => {
    const listed = candidates.map(({ address, decision }) => `  ${address} ${decision}\n`);
    return `\n${device}: ${chosen ?? "none of these"}\n${listed.join("")}`;
  }).join("");
}

/** Guests by destinations. */
function table(answers: readonly LiveAnswer[]): string {
  const guests = [...new Set(answers.map(({ guest }) => guest))];
  // Hosts may have one name: columns go by their order, which is that of --to.
  const answersOf = (guest: string | undefined): LiveAnswer[] =>
    answers.filter((answer) => answer.guest === guest);
  const destinations = answersOf(guests[0]).map(({ destination }) => destination);
  const rows = guests.map((guest) => [
    printable(guest),
    ...answersOf(guest).map(({ verdict }) => verdict.decision),
  ]);
  const lines = [["guest", ...destinations.map(printable)], ...rows];
  const widths =
    lines[0]?.map((_cell, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ??
      [];
  return lines.map((line) =>
    line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd() + "\n"
  ).join("");
}
