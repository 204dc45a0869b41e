/** Nothing becomes allow by knowing less: `check` of complete guests. */
import { assert, assertEquals } from "@std/assert";
import { toJsonSchema } from "@valibot/to-json-schema";
import fc from "fast-check";
import * as v from "valibot";
import type { Facts } from "premigrate";
import { FactsSchema } from "../../../lib/facts/schema.ts";
import { policySet } from "../../../lib/config/policy_set.ts";
import type { Verdict } from "../../../lib/policy/mod.ts";
import { judge } from "premigrate/policy";
import { SEED } from "../../seed.ts";
import { DEVICE, FACTS, HOST } from "./absence.ts";
import { difference } from "./differences.ts";
import { type FactsFile, type Guest, GUESTS } from "./guests.ts";
import { weakeningsOf } from "./weakenings.ts";

const REGISTRIES = {
  "as installed": policySet({ policies: {} }),
  "equal drivers": policySet({
    policies: {
      "nvidia/vgpu": { mode: "enforce", options: { drivers: "equal" } },
      "nvidia/vsc": { mode: "enforce", options: { drivers: "equal", unknownRecords: "veto" } },
    },
  }),
} as const;
type Site = keyof typeof REGISTRIES;
const SITES: readonly Site[] = ["as installed", "equal drivers"];
const read = new WeakMap<FactsFile, Facts | "none">();

function factsOf(file: FactsFile): Facts | "none" {
  const old = read.get(file);
  if (old !== undefined) return old;
  const { success, output } = v.safeParse(FactsSchema, file, { abortEarly: true });
  const facts = success ? output : "none";
  read.set(file, facts);
  return facts;
}

/** `undefined`: there are no such facts files. */
function judged(guest: Guest, site: Site): Verdict | undefined {
  const [source, destination] = [guest.source, guest.destination].map(factsOf);
  if (source === undefined || destination === undefined) return undefined;
  if (source === "none" || destination === "none") return undefined;
  const registry = REGISTRIES[site];
  return judge({ registry, source, destination, guest: guest.domain }).verdict;
}

for (const guest of GUESTS) {
  Deno.test(`${guest.name}: allow, with all known`, () => {
    const decisions = SITES.map((site) => judged(guest, site)?.decision);
    assertEquals(decisions, ["allow", "allow"]);
  });
}

const Properties = v.object({ properties: v.record(v.string(), v.unknown()) });
const Schema = v.object({
  properties: v.looseObject({ host: Properties, devices: v.object({ items: Properties }) }),
});

Deno.test("every fact of the schema has a row that says what its absence means", () => {
  const { properties } = v.parse(
    Schema,
    toJsonSchema(FactsSchema, { typeMode: "input", errorMode: "ignore" }),
  );
  const names = (rows: object): string[] => Object.keys(rows).sort();
  assertEquals(names(properties), names(FACTS));
  assertEquals(names(properties.host.properties), names(HOST));
  assertEquals(names(properties.devices.items.properties), names(DEVICE));
});

const WEAKENINGS = 12;
const WANTED = 20_000;

Deno.test(`check: nothing becomes allow by knowing less (seed ${SEED})`, () => {
  let runs = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...GUESTS),
      fc.constantFrom(...SITES),
      difference,
      fc.array(fc.tuple(fc.nat(), fc.option(fc.nat())), {
        minLength: WEAKENINGS,
        maxLength: WEAKENINGS,
      }),
      (base, site, difference, choices) => {
        const guest = difference.put(base);
        const { decision, findings = [] } = judged(guest, site) ?? {};
        fc.pre(decision === "veto" || decision === "undecided");
        const all = weakeningsOf(guest);
        for (const indices of choices) {
          const taken = indices.flatMap((index) =>
            index === null ? [] : all[index % all.length] ?? []
          );
          const less = taken.reduce((guest, { put }) => put(guest), guest);
          runs++;
          if (judged(less, site)?.decision !== "allow") continue;
          const [finding] = findings;
          const names = taken.map(({ name }) => name).join(" and ");
          throw new Error(
            `${base.name}; ${site}; ${difference.name}: ${finding?.policy} ${finding?.code}; allow with ${names}`,
          );
        }
      },
    ),
    { numRuns: Math.ceil(WANTED / WEAKENINGS), seed: SEED },
  );
  assert(runs >= WANTED, `only ${runs} runs`);
});
