import * as v from "valibot";
import { MODES } from "../config/config.ts";
import { readUnpacked } from "../facts/files.ts";
import { unlessGone } from "../facts/store.ts";

export const VERDICTS = ["allow", "veto", "undecided"] as const;
export const EFFECTS = ["allowed", "refused", "unjudged"] as const;

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** What was counted of the audit file, and up to where. */
export const DecisionCountsForm = v.strictObject({
  /** The file: it is another one after logrotate. Absent: there was none. */
  inode: v.optional(Count, () => undefined),
  /** Bytes of it. */
  read: Count,
  /** By `VERDICT MODE EFFECT`. */
  decisions: v.record(v.string(), Count),
  /** How long all of them took. */
  milliseconds: Count,
});

/** What was counted of the audit file, and up to where. */
export type DecisionCounts = v.InferOutput<typeof DecisionCountsForm>;

/** Nothing was counted. */
export const NO_DECISIONS: DecisionCounts = {
  inode: undefined,
  read: 0,
  decisions: {},
  milliseconds: 0,
};

/** What is counted of a line that lib/hook writes. */
const Line = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    verdict: v.picklist(VERDICTS),
    mode: v.picklist(MODES),
    effect: v.picklist(EFFECTS),
    ms: Count,
  }),
);

/**
 * Counts on: the lines that were written since, in a file that logrotate has put away, too. Damaged
 * lines are left out, and one that is not whole yet is for the next time.
 */
export async function countDecisions(
  audit: string,
  before: DecisionCounts,
): Promise<DecisionCounts> {
  const now = statOf(audit);
  const isSame = now?.inode === before.inode && (now?.size ?? 0) >= before.read;
  const rotated = [`${audit}.1`, `${audit}.1.gz`].find((path) => statOf(path) !== undefined);
  const old = isSame || before.inode === undefined || rotated === undefined
    ? undefined
    : await linesAfter(rotated, before.read);
  const from = isSame ? before.read : 0;
  const added = now === undefined ? undefined : await linesAfter(audit, from);

  const decisions = new Map(Object.entries(before.decisions));
  let { milliseconds } = before;
  for (const line of [...old?.lines ?? [], ...added?.lines ?? []]) {
    const { success, output } = v.safeParse(Line, line);
    if (!success) continue;
    const key = `${output.verdict} ${output.mode} ${output.effect}`;
    decisions.set(key, (decisions.get(key) ?? 0) + 1);
    milliseconds += output.ms;
  }
  return {
    inode: now?.inode,
    read: from + (added?.length ?? 0),
    decisions: Object.fromEntries(decisions),
    milliseconds,
  };
}

function statOf(path: string): { readonly inode: number; readonly size: number } | undefined {
  const info = unlessGone(() => Deno.statSync(path));
  return info?.isFile ? { inode: info.ino ?? 0, size: info.size } : undefined;
}

/** The whole lines behind an offset, and how long they are together. */
async function linesAfter(
  path: string,
  offset: number,
): Promise<{ readonly lines: readonly string[]; readonly length: number }> {
  const parts = await Array.fromAsync(readUnpacked(path, offset));
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  const length = bytes.lastIndexOf(0x0a) + 1;
  return { lines: new TextDecoder().decode(bytes.subarray(0, length)).split("\n"), length };
}
