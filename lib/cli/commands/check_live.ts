import { ValidationError } from "@cliffy/command";
import type { HostAccess } from "../../facts/capture.ts";
import { writeText } from "../../facts/files.ts";
import { reportChoices } from "../../report/choices.ts";
import { judgeLive, type LiveAnswer, type LiveQuestion } from "../live.ts";
import { answerText, type Output, printError, showAnswers } from "../output.ts";
import { transferXml } from "../transfer_xml.ts";
import { tableText } from "./check_table.ts";

/** Judges guests that run between two hosts, or several. */
export async function checkLive(
  question: LiveQuestion,
  { output, writeXml }: { readonly output: Output; readonly writeXml: string | undefined },
): Promise<void> {
  const { guest, from, to, choose, realize, signal } = question;
  const isHere = ({ probe }: HostAccess): boolean => probe !== undefined && probe.ssh === undefined;
  if (realize !== undefined && ![from, ...to].some(isHere)) {
    throw new ValidationError("--vfio-region reads this host's devices: check on one of the hosts");
  }
  if (choose && to.some(({ probe }) => probe === undefined)) {
    throw new ValidationError("--choose needs the probe on each --to: give --to-ssh");
  }
  const isOne = guest !== undefined && to.length === 1;
  const answers = await judgeLive(question);
  showAnswers(answers, output, {
    text: (answers) =>
      isOne
        ? answers.map((only) => answerText(only, choiceText(only))).join("")
        : tableText(answers),
    isList: !isOne,
  });
  const [answer] = answers;
  if (writeXml === undefined || answer?.domain === undefined) return;
  const { verdict: { decision }, domain, targets } = answer;
  if (decision !== "allow") return printError(`${writeXml} was not written: ${decision}`);
  await writeText(writeXml, await transferXml(from, domain, targets, signal), { mode: 0o600 });
}

function choiceText({ choices = [] }: LiveAnswer): string {
  return reportChoices(choices).map(({ device, chosen, candidates }) => {
    const listed = candidates.map(({ address, decision }) => `  ${address} ${decision}\n`);
    return `\n${device}: ${chosen ?? "none of these"}\n${listed.join("")}`;
  }).join("");
}
