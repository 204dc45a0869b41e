import { ValidationError } from "@cliffy/command";
import type { HostAccess } from "../../facts/capture.ts";
import { readText, writeText } from "../../facts/files.ts";
import { reportChoices } from "../../report/choices.ts";
import { reportFindings } from "../../report/findings.ts";
import { printable } from "../../report/printable.ts";
import { judgeLive, type LiveAnswer } from "../live.ts";
import { deadline, hostAccess, realizeOptions } from "../options.ts";
import { answerText, printError, showAnswers } from "../output.ts";
import { loadRules } from "../policies.ts";
import { transferXml } from "../transfer_xml.ts";
import type { CheckChoices } from "./check_files.ts";

/** What `check` is told of guests that run. */
interface LiveChoices extends CheckChoices {
  readonly guest: string | undefined;
  readonly all?: boolean | undefined;
  readonly from: string;
  readonly to: readonly string[];
  readonly fromSsh?: string | undefined;
  readonly toSsh?: readonly string[] | undefined;
  readonly sudo?: boolean | undefined;
  readonly sysfs?: string | undefined;
  readonly map?: readonly string[] | undefined;
  readonly xml?: string | undefined;
  readonly choose?: boolean | undefined;
  readonly writeXml?: string | undefined;
  readonly vfioRegion?: boolean | undefined;
  readonly allowReset?: boolean | undefined;
  readonly timeout?: number | undefined;
}

/** Judges guests that run between two hosts, or several. */
export async function checkLive(choices: LiveChoices): Promise<void> {
  const { guest, to, map = [], choose = false, writeXml, output } = choices;
  const { sudo, sysfs, toSsh = [] } = choices;
  const isOne = guest !== undefined && to.length === 1;
  refuseTogether(choices, isOne);
  const source = hostAccess(choices.from, { ssh: choices.fromSsh, sudo, sysfs });
  const destinations = to.map((uri, index) => hostAccess(uri, { ssh: toSsh[index], sudo, sysfs }));
  const realize = realizeOptions(choices);
  const isHere = ({ probe }: HostAccess): boolean => probe !== undefined && probe.ssh === undefined;
  if (realize !== undefined && ![source, ...destinations].some(isHere)) {
    throw new ValidationError("--vfio-region reads this host's devices: check on one of the hosts");
  }
  if (choose && destinations.some(({ probe }) => probe === undefined)) {
    throw new ValidationError("--choose needs the probe on each --to: give --to-ssh");
  }
  const signal = deadline(choices.timeout);
  const answers = await judgeLive({
    rules: await loadRules(choices),
    from: source,
    to: destinations,
    guest,
    map,
    xml: choices.xml === undefined ? undefined : await readText(choices.xml),
    choose,
    realize,
    machine: choices.machine,
    qemu: choices.qemu,
    postCopy: choices.postCopy,
    signal,
  });
  showAnswers(answers, output, {
    text: (answers) =>
      isOne ? answers.map((only) => answerText(only, choiceText(only))).join("") : table(answers),
    isList: !isOne,
  });
  const [answer] = answers;
  if (writeXml === undefined || answer?.domain === undefined) return;
  const { verdict: { decision }, domain, targets } = answer;
  if (decision !== "allow") return printError(`${writeXml} was not written: ${decision}`);
  await writeText(writeXml, await transferXml(source, domain, targets, signal), { mode: 0o600 });
}

function refuseTogether(
  { guest, all = false, to, toSsh = [], map = [], xml, choose, writeXml }: LiveChoices,
  isOne: boolean,
): void {
  const isTold = map.length > 0 || xml !== undefined;
  const wrong: readonly (readonly [boolean | undefined, string])[] = [
    [(guest === undefined) !== all, "Wanted the name of a guest, or --all"],
    [
      !isOne && (isTold || writeXml !== undefined),
      "--map, --xml and --write-xml are for one guest and one --to",
    ],
    [
      choose && guest === undefined,
      "--choose is for one guest: several would be given one device",
    ],
    [choose && isTold, "--choose is instead of --map and --xml"],
    [toSsh.length > to.length, "Found more --to-ssh than --to"],
  ];
  const message = wrong.find(([isWrong]) => isWrong)?.[1];
  if (message !== undefined) throw new ValidationError(message);
}

function choiceText({ choices = [] }: LiveAnswer): string {
  return reportChoices(choices).map(({ device, chosen, candidates }) => {
    const listed = candidates.map(({ address, decision }) => `  ${address} ${decision}\n`);
    return `\n${device}: ${chosen ?? "none of these"}\n${listed.join("")}`;
  }).join("");
}

/** Guests by destinations, and why a guest may not go there. */
function table(answers: readonly LiveAnswer[]): string {
  if (answers.length === 0) return "no guest is running\n";
  const guests = [...new Set(answers.map(({ guest }) => guest))];
  // Hosts may have one name: columns go by their order, which is that of --to.
  const answersOf = (guest: string | undefined): LiveAnswer[] =>
    answers.filter((answer) => answer.guest === guest);
  const destinations = answersOf(guests[0]).map(({ destination }) => destination);
  const rows = guests.map((guest) => {
    const own = answersOf(guest);
    const cells = own.map(({ unreached, verdict }) => unreached ? "unreachable" : verdict.decision);
    return [guest, ...cells, reasonsOf(own)];
  });
  const lines = [["guest", ...destinations, "reason"], ...rows].map((line) => line.map(printable));
  const widths =
    lines[0]?.map((_cell, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ??
      [];
  return lines.map((line) =>
    line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd() + "\n"
  ).join("");
}

// Whole, QEMU's own line would fill a screen with few guests.
const LONGEST_REASON = 120;

function shorten(reason: string): string {
  return reason.length > LONGEST_REASON
    ? `${reason.slice(0, LONGEST_REASON - 3).toWellFormed()}...`
    : reason;
}

/** The first cause for each destination that is not allowed; one cause is told once. */
function reasonsOf(answers: readonly LiveAnswer[]): string {
  const hosts = new Map<string, string[]>();
  for (const answer of answers) {
    const { verdict, settled, unreached, destination } = answer;
    if (verdict.decision === "allow") continue;
    const because = settled?.because.slice(0, 1) ?? [];
    const [first] = reportFindings({
      ...answer,
      verdict: because.length === 0 ? verdict : { ...verdict, findings: because },
    });
    const reason = shorten(unreached ?? first?.message ?? "");
    hosts.set(reason, [...hosts.get(reason) ?? [], destination]);
  }
  return Array.from(
    hosts,
    ([reason, names]) => answers.length === 1 ? reason : `${names.join(", ")}: ${reason}`,
  ).join("; ");
}
