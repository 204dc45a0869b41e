/**
 * What the launcher starts at `migrate begin` on the destination, bundled to one file.
 *
 *     main.ts ROOT GUEST SECONDS ROUND DEADLINE
 *
 * SECONDS are left for it of the operator's DEADLINE.
 *
 * Its input is the domain XML, what the probe printed, and what VFIO's reader printed of each mediated
 * device, with separators between them. Its output is what the journal is told, and what its status
 * stands for, each behind a separator.
 *
 * @module
 */
import { PremigrateError } from "../error/mod.ts";
import type { Finding } from "../policy/mod.ts";
import { findNetworks } from "../facts/libvirt/networks.ts";
import { oneLine } from "../facts/one_line.ts";
import { SEPARATOR, STATUS } from "./answer_status.ts";
import { judgeArrival, type Judged, type Needed, readGuestXml, withoutPairs } from "./arrival.ts";
import { type Config, parseApplied, parseDuration, salvageApplied } from "../config/config.ts";
import { hookFinding, OWN } from "./codes.ts";
import type { Decision } from "./decision.ts";
import { journalLines, refusal } from "./message.ts";
import { type Paths, pathsBelow } from "../config/paths.ts";
import { recordDecision } from "./records.ts";
import { settle } from "./settle.ts";
import { readWaiver } from "../config/waiver.ts";
import { writeAll } from "./write_all.ts";

/** What the bundle ends with. */
interface Reply {
  readonly status: number;
  readonly journal: string;
  readonly answer: string;
}

const [root = "", name = "", seconds = "", round = "1", deadline = seconds] = Deno.args;
const { status, journal, answer } = await decideArrival(readInput(), pathsBelow(root));
writeAll(Deno.stdout, [SEPARATOR, journal, SEPARATOR, answer, SEPARATOR].join(""));
Deno.exit(status);

async function decideArrival(input: Uint8Array, paths: Paths): Promise<Reply> {
  const now = Date.now();
  const signal = AbortSignal.timeout(Math.max(0, Number(seconds) * 1000 - performance.now()));
  const { config, broken } = readConfig(paths.applied);
  const { xml, probed, regions } = splitInput(input);
  const longest = (parseDuration(config.deadline) ?? 0) * 1000;
  const guest = xml === undefined
    ? { missing: hookFinding("not-a-domain", undefined, { problem: "it is no UTF-8 text" }) }
    : readGuestXml(xml, () => findNetworks(paths, now - longest));
  // A waiver holds for a guest whose document cannot be read, too.
  const uuid = "missing" in guest ? /<uuid>([0-9a-f-]{36})</.exec(xml ?? "")?.[1] : guest.uuid;

  let judged: Judged;
  try {
    if (broken !== undefined || xml === undefined || "missing" in guest) {
      const problems = [broken, "missing" in guest ? guest.missing : undefined];
      judged = withoutPairs(config, problems.filter((found) => found !== undefined));
    } else {
      const arrival = {
        xml,
        probed,
        regions,
        round: Number(round),
        seconds: Number(deadline),
        now,
        paths,
        plugins: { runner: `${paths.lib}/plugin.sh`, ends: Number(seconds) * 1000, signal },
        signal,
      };
      const found = await judgeArrival(guest, arrival, config);
      if ("ask" in found) return askMore(found);
      judged = found;
    }
  } catch (error) {
    const problem = oneLine(
      error instanceof Error ? `${error.name}: ${error.message}` : `${error}`,
    );
    judged = withoutPairs(salvageApplied(""), [
      hookFinding("hook-failed", undefined, { problem }),
    ]);
  }
  if (signal.aborted) {
    judged = withFinding(
      judged,
      hookFinding("deadline-passed", undefined, { seconds: Number(deadline) }),
    );
  }
  return await reply(judged, { config, uuid, paths, now });
}

async function reply(
  judged: Judged,
  { config, uuid, paths, now }: {
    readonly config: Config;
    readonly uuid: string | undefined;
    readonly paths: Paths;
    readonly now: number;
  },
): Promise<Reply> {
  const found = uuid === undefined ? undefined : readWaiver(`${paths.waivers}/${uuid}`);
  const waiver = found !== undefined && found.until * 1000 > now ? found : undefined;
  const time = new Date(now).toISOString();
  const id = `${time.replace(/[-:.]/g, "")}-${crypto.randomUUID().slice(0, 8)}`;
  const describe = (answer: Judged["answer"]): Decision => {
    const settled = settle(answer.verdict.findings, config, uuid, waiver);
    // What was refused but for the mode or a waiver is not made better by another device.
    const rewritten = settled.because.length === 0 ? judged.rewritten : {};
    return {
      ...judged,
      id,
      time,
      name,
      uuid,
      settled,
      answer: { ...answer, policies: [OWN, ...answer.policies] },
      rewritten,
      ms: performance.now(),
    };
  };

  let decision = describe(judged.answer);
  const recorded = await recordDecision(decision, paths);
  if ("missing" in recorded) {
    const { missing: problem } = recorded;
    const unwritten = hookFinding("report-not-written", undefined, { problem });
    decision = describe(withFinding(judged, unwritten).answer);
  }
  const report = "path" in recorded
    ? `report ${recorded.path}`
    : `no report of ${id}: ${recorded.missing}`;
  const journal = journalLines(decision, report);
  if (decision.settled.effect === "refused") {
    const unwritten = "path" in recorded ? undefined : recorded.missing;
    return { status: STATUS.refuse, journal, answer: refusal(decision, unwritten) };
  }
  return judged.xml === undefined || Object.keys(decision.rewritten).length === 0
    ? { status: STATUS.allow, journal, answer: "" }
    : { status: STATUS.rewrite, journal, answer: judged.xml };
}

function askMore({ arch, networks, ask }: Needed): Reply {
  const known = arch !== undefined && /^[a-z0-9_]{1,20}$/.test(arch) ? arch : "-";
  const unknown = [...known === "-" ? [] : ["its QEMU"], ...networks ? ["its networks"] : []];
  const journal = `reading this host again${
    unknown.length === 0 ? "" : `, of which is not known: ${unknown.join(", ")}`
  }`;
  const answer = `${known} ${networks ? "networks" : "-"} ${ask.join(" ")}`;
  return { status: STATUS.more, journal, answer };
}

function withFinding(judged: Judged, finding: Finding): Judged {
  const { verdict } = judged.answer;
  const findings = [...verdict.findings, finding];
  return { ...judged, answer: { ...judged.answer, verdict: { ...verdict, findings } } };
}

function readConfig(path: string): { readonly config: Config; readonly broken?: Finding } {
  let text = "";
  try {
    text = Deno.readTextFileSync(path);
    return { config: parseApplied(text) };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const problem = error instanceof PremigrateError ? error.message : oneLine(String(error));
    return {
      config: salvageApplied(text),
      broken: hookFinding("config-not-read", undefined, { problem }),
    };
  }
}

function readInput(): Uint8Array {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const part = new Uint8Array(65_536);
    const count = Deno.stdin.readSync(part);
    if (count === null) break;
    parts.push(part.subarray(0, count));
    size += count;
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

interface Input {
  /** `undefined` where it is no UTF-8. */
  readonly xml: string | undefined;
  readonly probed: string;
  readonly regions: ReadonlyMap<string, string>;
}

function splitInput(input: Uint8Array): Input {
  const end = input.indexOf(SEPARATOR.charCodeAt(0));
  const [probed = "", ...others] = new TextDecoder().decode(input.subarray(end + 1)).split(
    SEPARATOR,
  );
  const regions = new Map(others.map((part): [string, string] => {
    const [address = "", ...lines] = part.split("\n");
    return [address, lines.join("\n")];
  }));
  try {
    const xml = new TextDecoder("utf-8", { fatal: true }).decode(input.subarray(0, end));
    return { xml, probed, regions };
  } catch {
    return { xml: undefined, probed, regions };
  }
}
