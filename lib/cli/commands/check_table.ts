import { reportFindings } from "../../report/findings.ts";
import { printable } from "../../report/printable.ts";
import type { LiveAnswer } from "../live.ts";

/** Guests by destinations, and why a guest may not go there. */
export function tableText(answers: readonly LiveAnswer[]): string {
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
