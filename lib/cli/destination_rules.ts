import * as v from "valibot";
import { parseApplied } from "../config/config.ts";
import { pathsBelow } from "../config/paths.ts";
import { policySet } from "../config/policy_set.ts";
import { readApplied } from "../config/read_applied.ts";
import { parseWaiver, type Waiver } from "../config/waiver.ts";
import { PremigrateError } from "../error/mod.ts";
import type { ProbedPremigrate } from "../facts/probe/report.ts";
import { hookFinding } from "../hook/codes.ts";
import { settle, type Settled } from "../hook/settle.ts";
import { PLUGIN_CODES } from "../plugin/codes.ts";
import type { DescribedPlugin } from "../plugin/mod.ts";
import { definePolicy, type DetailedAnswer, type Finding, type Policy } from "../policy/mod.ts";
import { idOf, type OwnRules, type Rules, withTold } from "./policies.ts";

/** By what a destination decides. */
export interface DestinationRules extends Rules {
  /** What reports call the host. */
  readonly host: string;
  /** Whether a hook there decides by it. */
  readonly isApplied: boolean;
  /** Those that have not ended, by the guest's UUID. */
  readonly waivers: ReadonlyMap<string, Waiver>;
  /** What is not known and decides. */
  readonly findings: readonly Finding[];
  /** Where it comes from, and what else is not known: a sentence each. */
  readonly said: readonly string[];
}

const NO_PROBE: ProbedPremigrate = {
  applied: undefined,
  kept: new Map(),
  missing: Object.fromEntries(
    ["applied.conf", "realize", "waivers"].map((name) => [name, "the probe is not run there"]),
  ),
};

/**
 * The rules of a destination, by what its premigrate keeps; what the command was told goes before. Where
 * nothing is applied there, this command's own are taken.
 *
 * Code that another host sends is not run here, in a sandbox or not: only where this host has applied the
 * same code, by its digest, or the command names it. For what another plugin claims the verdict is open.
 *
 * @param now In milliseconds since 1970.
 * @param isHere The destination is this host.
 */
export async function rulesOf(
  own: OwnRules,
  host: string,
  { premigrate = NO_PROBE, now, isHere }: {
    readonly premigrate: ProbedPremigrate | undefined;
    readonly now: number;
    readonly isHere: boolean;
  },
): Promise<DestinationRules> {
  const { applied, kept, missing } = premigrate;
  const { told } = own;
  const waivers = Array.from(kept).flatMap(([path, text]) => {
    const waiver = parseWaiver(text);
    const isHeld = waiver !== undefined && waiver.until * 1000 > now;
    return isHeld ? [[path.replace("waivers/", ""), waiver] as const] : [];
  });
  const rest = { host, waivers: new Map(waivers), findings: [] };
  const unread = [
    ["realize", `${host} has no config bytes of devices on record`],
    ["waivers", `${host} waives nothing`],
  ].flatMap(([name = "", what]) =>
    missing[name] === undefined ? [] : [`${what} (${missing[name]})`]
  );
  if (told.config !== undefined) {
    const said = [`${host} decides by ${told.config} (--config)`, ...unread];
    return { ...own, ...rest, isApplied: true, said };
  }
  if (applied === null) {
    const said = [`${host} has no premigrate that decides: this command's policies do`];
    return { ...own, ...rest, isApplied: false, said };
  }
  try {
    if (applied === undefined) {
      throw new PremigrateError("applied", "applied.conf", missing["applied.conf"] ?? "not told");
    }
    const config = parseApplied(applied);
    const rules = await withTold(config, told);
    // Options that do not fit a policy's schema show here.
    policySet(config);
    return {
      ...await withTrusted(rules, told, host, isHere),
      ...rest,
      isApplied: true,
      said: [`${host} decides by its applied configuration${insteadOf(told)}`, ...unread],
    };
  } catch (error) {
    if (!(error instanceof PremigrateError)) throw error;
    const finding = hookFinding("config-not-known", undefined, { host, problem: error.message });
    return { ...own, ...rest, isApplied: false, findings: [finding], said: unread };
  }
}

function insteadOf({ site, plugins }: OwnRules["told"]): string {
  const options = [
    ...site === undefined ? [] : ["--policies"],
    ...plugins.length === 0 ? [] : ["--plugin"],
  ];
  return options.length === 0 ? "" : `, with ${options.join(" and ")} in place of its own`;
}

/** With the plugins that may be run here, and something in the place of the others. */
async function withTrusted(
  rules: Rules,
  told: OwnRules["told"],
  host: string,
  isHere: boolean,
): Promise<Rules> {
  const here = await readApplied(pathsBelow().applied);
  const trusted = new Set(Object.values(here.plugins).map(({ digest }) => digest));
  const isTrusted = (plugin: DescribedPlugin): boolean =>
    isHere || told.plugins.some((own) => idOf(own) === plugin.description.id) ||
    trusted.has(rules.config.plugins[plugin.description.id]?.digest ?? "");
  return {
    ...rules,
    plugins: rules.plugins.filter((plugin) => "missing" in plugin || isTrusted(plugin)),
    unasked: rules.plugins.flatMap((plugin) =>
      "missing" in plugin || isTrusted(plugin) ? [] : [unasked(plugin, host)]
    ),
  };
}

const NOT_ASKED = "plugin-not-asked";

/** A policy that says of all that a plugin is for that it was not asked. */
function unasked(
  { description: { ofGuest, ...description } }: DescribedPlugin,
  host: string,
): Policy {
  const { id, codes } = description;
  const found = [{ code: NOT_ASKED, data: { id, host } } as const];
  return definePolicy({
    ...description,
    codes: { ...codes, [NOT_ASKED]: PLUGIN_CODES[NOT_ASKED] },
    options: v.record(v.string(), v.unknown()),
    evaluate: () => found,
    ...ofGuest ? { evaluateGuest: () => found } : {},
  });
}

/** The rules of a destination that is known by facts alone: those that the command was told. */
export function rulesOfFile(own: OwnRules, host: string): DestinationRules {
  const isApplied = own.told.config !== undefined;
  const said = isApplied ? [`${host} decides by ${own.told.config} (--config)`] : [];
  return { ...own, host, isApplied, waivers: new Map(), findings: [], said };
}

/** An answer with what becomes of it. */
export type Settles<Answered> = Answered & {
  /** What a hook does; `undefined`: none is known to decide. */
  readonly settled: Settled | undefined;
};

/** Puts an answer beside the rules of its destination, as a hook does. */
export function settleBy<Answered extends DetailedAnswer>(
  answer: Answered,
  rules: DestinationRules,
  uuid: string | undefined,
  said: readonly string[] = [],
): Settles<Answered> {
  const { config, waivers, isApplied } = rules;
  const waiver = waivers.get(uuid ?? "");
  const settled = settle(answer.verdict.findings, config, uuid, waiver);
  return {
    ...answer,
    verdict: { ...answer.verdict, decision: settled.verdict },
    assumptions: [
      ...answer.assumptions,
      ...said,
      ...rules.said,
      ...isApplied ? choicesThatCount(answer, rules, settled, waiver) : [],
    ],
    settled: isApplied ? settled : undefined,
  };
}

/** What of the configuration lets pass what was found. */
function choicesThatCount(
  { verdict: { findings } }: DetailedAnswer,
  { host, config }: DestinationRules,
  { verdict, mode, because, trouble }: Settled,
  waiver: Waiver | undefined,
): string[] {
  const observed = findings.filter(({ severity }) =>
    severity === "veto" || severity === "undecided"
  )
    .map(({ about, policy }) => about ?? policy)
    .filter((id) => Object.hasOwn(config.policies, id) && config.policies[id]?.mode === "observe");
  const passes = "whatever is found the guest passes there";
  return [
    ...[...new Set(observed)].map((id) => `${host} only observes ${id}: it decides nothing`),
    ...mode === "observe" ? [`${host} only observes (mode): ${passes}`] : [],
    ...verdict === "undecided" && because.length === 0
      ? [`${host} lets what is undecided pass (onTrouble.${trouble} or onUndecided is open)`]
      : [],
    ...waiver === undefined ? [] : [
      `${host} has waiver ${waiver.id} until ${
        new Date(waiver.until * 1000).toISOString()
      } (${waiver.reason}): ${passes}`,
    ],
  ];
}
