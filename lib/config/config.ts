import { PremigrateError } from "../error/mod.ts";
import * as v from "valibot";
import { BUILT_IN } from "../../plugins/mod.ts";
import { attributesOf } from "../policy/attributes.ts";
import type { Trouble } from "../policy/own_codes.ts";
import { DescriptionSchema } from "../plugin/schema.ts";
import { underCurrentIds } from "./former_ids.ts";
import { isOfGuest, sitePolicies, SitePoliciesSchema } from "../site/mod.ts";
import { UUID } from "../domain/uuid.ts";

/** `observe`: decide and record, and never refuse. */
export type Mode = "enforce" | "observe";

/** What becomes of a migration that cannot be decided: `closed` refuses it. */
export type Choice = "open" | "closed";

export const MODES = ["enforce", "observe"] as const;
const CHOICES = ["open", "closed"] as const;

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/**
 * Reads a time such as `20s`, `15m`, `1h` or `2d`, in seconds; `undefined` for anything else.
 *
 * @example
 * ```ts
 * import { parseDuration } from "./config.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([parseDuration("15m"), parseDuration("soon")], [900, undefined]);
 * ```
 */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const factor = UNITS[unit];
  return factor === undefined ? undefined : Number(digits) * factor;
}

function duration(least: number, most: number): v.GenericSchema<string> {
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,6}[smhd]$/, "wanted a time such as 20s, 15m, 1h or 2d"),
    v.check((text) => {
      const seconds = parseDuration(text) ?? 0;
      return seconds >= least && seconds <= most;
    }, `wanted ${least} to ${most} seconds`),
  );
}

const ModeSchema = v.picklist(MODES);
const ChoiceSchema = v.picklist(CHOICES);

/** The kinds of trouble, and what each does to a migration unless told otherwise. */
const Troubles = {
  hook: v.optional(
    v.pipe(ChoiceSchema, v.description("Deno or the hook's program is missing, altered or killed")),
    "closed",
  ),
  config: v.optional(
    v.pipe(ChoiceSchema, v.description("The applied configuration cannot be read")),
    "closed",
  ),
  input: v.optional(
    v.pipe(ChoiceSchema, v.description("What libvirt hands over is no domain XML")),
    "closed",
  ),
  facts: v.optional(
    v.pipe(ChoiceSchema, v.description("Something is not known of a host or a device")),
    "closed",
  ),
  policy: v.optional(v.pipe(ChoiceSchema, v.description("A policy failed")), "closed"),
  deadline: v.optional(v.pipe(ChoiceSchema, v.description("The deadline passed")), "closed"),
  report: v.optional(
    v.pipe(ChoiceSchema, v.description("The report or the audit line cannot be written")),
    "open",
  ),
} as const satisfies Readonly<Record<Trouble, v.GenericSchema>>;

// Where the configuration cannot be read, no guest's choices are known.
const TROUBLES = ["hook", "input", "facts", "policy", "deadline", "report"] as const;

const SomeTroubles = v.strictObject(v.entriesFromList(TROUBLES, v.optional(ChoiceSchema)));

const Guest = v.strictObject({
  mode: v.optional(ModeSchema),
  onTrouble: v.optional(SomeTroubles, {}),
  rewrite: v.optional(v.boolean()),
});

const PolicyId = v.pipe(v.string(), v.regex(/^[a-z0-9-]+\/[a-z0-9-]+$/, "wanted a policy's id"));

const PolicyChoice = v.strictObject({
  mode: v.optional(
    v.pipe(v.picklist([...MODES, "off"]), v.description("observe: its vetoes are warnings")),
    "enforce",
  ),
  onUndecided: v.optional(
    v.pipe(ChoiceSchema, v.description("In place of onTrouble.facts, for its findings")),
  ),
  codes: v.optional(
    v.pipe(
      v.record(
        v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,64}$/, "wanted a code")),
        v.literal("warn"),
      ),
      v.description("Codes of which warnings are made: such a finding decides nothing"),
    ),
  ),
  options: v.optional(v.record(v.string(), v.unknown()), {}),
});

// Far above any site's.
const MOST = 10_000;
const MOST_HOSTS = 64;
const MOST_PLUGINS = 32;

/** The schema of `/etc/premigrate/config.yaml`; an empty file is all defaults. */
export const ConfigSchema = v.strictObject({
  mode: v.optional(
    v.pipe(ModeSchema, v.description("observe: decide and record, and never refuse")),
    "enforce",
  ),
  deadline: v.optional(
    v.pipe(duration(2, 600), v.description("The longest that the hook takes, all in all")),
    "20s",
  ),
  onTrouble: v.optional(
    v.pipe(
      v.strictObject(Troubles),
      v.description("open allows, closed refuses what cannot be decided, by the kind of trouble"),
    ),
    {},
  ),
  maxAge: v.optional(
    v.pipe(duration(10, 86_400), v.description("The oldest stamp that is used")),
    "15m",
  ),
  rewrite: v.optional(
    v.pipe(
      v.boolean(),
      v.description("Choose the destination's devices, and change the domain XML to name them"),
    ),
    false,
  ),
  hosts: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(1024))),
      v.maxLength(MOST_HOSTS),
      v.description("Libvirt URIs of the hosts that are asked for a guest without a stamp"),
    ),
    [],
  ),
  guests: v.optional(
    v.pipe(
      v.record(
        v.pipe(
          v.string(),
          v.regex(UUID, "wanted a guest's UUID"),
        ),
        Guest,
      ),
      v.check((guests) => Object.keys(guests).length <= MOST, `wanted ${MOST} guests at most`),
      v.description("Other choices for single guests, by UUID"),
    ),
    {},
  ),
  policies: v.optional(
    v.pipe(
      v.record(PolicyId, PolicyChoice),
      v.description("Other choices for single policies, by id"),
    ),
    {},
  ),
  plugins: v.optional(
    v.pipe(
      v.record(
        PolicyId,
        v.strictObject({
          file: v.pipe(
            v.string(),
            v.nonEmpty(),
            v.maxLength(4096),
            v.description("What `premigrate policy build` made; beside this file, unless absolute"),
          ),
          digest: v.pipe(
            v.string(),
            v.regex(/^[0-9a-f]{64}$/, "wanted a SHA-256 digest of 64 hexadecimal digits"),
            v.description("Its SHA-256 digest; a file that has another is not taken"),
          ),
        }),
      ),
      v.maxEntries(MOST_PLUGINS, `wanted ${MOST_PLUGINS} plugins at most`),
      v.description("Code plugins, by their policy's id"),
    ),
    {},
  ),
  agent: v.optional(
    v.pipe(
      v.strictObject({
        recordStarts: v.optional(
          v.pipe(
            v.boolean(),
            v.description("The hook records a guest's devices when it starts, for its stamps"),
          ),
        ),
        enabled: v.optional(
          v.pipe(v.boolean(), v.description("What recordStarts was called before")),
        ),
        interval: v.optional(
          v.pipe(duration(10, 3600), v.description("How often it renews the stamps")),
          "5m",
        ),
        metrics: v.optional(
          v.pipe(
            v.string(),
            v.regex(/^(\/[^/\0]+)+$/, "wanted an absolute path"),
            v.maxLength(4000),
            v.description("Folder of node_exporter's textfile collector, for premigrate.prom"),
          ),
        ),
      }),
      v.description("The service that stamps guests"),
      v.transform(({ enabled = false, recordStarts = enabled, ...others }) => ({
        recordStarts,
        ...others,
      })),
    ),
    {},
  ),
  reports: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(100_000),
      v.description("How many reports are kept; together 256 MiB at most, and 1 MiB each"),
    ),
    1000,
  ),
});

/** A code plugin as it was when the configuration was applied. */
const LoadedPlugin = v.strictObject({
  /** What it said of itself. */
  description: DescriptionSchema,
  /** In base64. */
  code: v.pipe(v.string(), v.base64()),
});

/** The same with the site's policies and the code plugins, which stand in files of their own. */
const WholeSchema = v.pipe(
  v.strictObject({
    ...ConfigSchema.entries,
    site: v.optional(SitePoliciesSchema),
    loaded: v.optional(v.record(PolicyId, LoadedPlugin)),
  }),
  v.check(
    ({ plugins, loaded = {} }) =>
      Object.keys(plugins).sort().join() === Object.keys(loaded).sort().join() &&
      Object.entries(loaded).every(([id, { description }]) => id === description.id),
    "the plugins are not those that are listed",
  ),
);

/** What the operator has chosen, with all defaults in place. */
export type Config = v.InferOutput<typeof WholeSchema>;

/**
 * Whether guests without host devices are judged, too: a policy of the site's, or a code plugin, is
 * on guests as a whole.
 */
export function judgesPlainGuests(
  { policies, site = {}, loaded = {} }: Pick<Config, "policies" | "site" | "loaded">,
): boolean {
  const ofGuest = [
    ...Object.entries(site).flatMap(([name, rules]) => isOfGuest(rules) ? [`site/${name}`] : []),
    ...Object.entries(loaded).flatMap(([id, { description }]) => description.ofGuest ? [id] : []),
  ];
  return ofGuest.some((id) => policies[id]?.mode !== "off");
}

/**
 * The sysfs attributes that are read: those of the site's policies and the code plugins that are
 * applied, and of all built-in policies, as another host may apply those.
 */
export function declaredAttributes(
  { policies, site = {}, loaded = {} }: Pick<Config, "policies" | "site" | "loaded">,
): string[] {
  const own = [
    ...sitePolicies(site),
    ...Object.values(loaded).map(({ description }) => description),
  ];
  return attributesOf([...BUILT_IN, ...own.filter(({ id }) => policies[id]?.mode !== "off")]);
}

/** What the launcher and the hook run by. */
export interface Applied {
  /** Path of Deno; below `/usr/lib/premigrate` it is taken below the root. */
  readonly deno: string;
  /** The choices. */
  readonly config: Config;
}

/** An applied configuration that cannot be used; `problem` ends the message. */
export function appliedError(problem: string): PremigrateError {
  return new PremigrateError("applied", "Cannot read the applied configuration", problem);
}

/**
 * The applied configuration as a file: lines for the launcher, which is a shell script, and one for
 * the hook. A file without its last line is not whole.
 *
 * @example
 * ```ts
 * import { ConfigSchema, parseApplied, writeApplied } from "./config.ts";
 * import { v } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * const applied = { deno: "/usr/bin/deno", config: v.parse(ConfigSchema, { mode: "observe" }) };
 * assertEquals(parseApplied(writeApplied(applied)), applied.config);
 * ```
 */
export function writeApplied({ deno, config }: Applied): string {
  const { mode, deadline, onTrouble, hosts, rewrite, guests, policies, plugins, agent } = config;
  const listed = Object.keys(plugins);
  const rewrites = rewrite || Object.values(guests).some((guest) => guest.rewrite);
  const programs = [
    ...hosts.length > 0 ? ["ssh"] : [],
    ...hosts.length > 0 || rewrites ? ["virsh"] : [],
  ];
  // An older hook knows no such keys, and reads this.
  const { recordStarts, ...others } = agent;
  const asBefore = {
    plugins: listed.length === 0 ? undefined : plugins,
    agent: { enabled: recordStarts, ...others },
  };
  const lines = [
    "premigrate 1",
    `deno ${deno}`,
    `mode ${mode}`,
    `deadline ${parseDuration(deadline)}`,
    `on-hook ${onTrouble.hook}`,
    `on-config ${onTrouble.config}`,
    `on-deadline ${onTrouble.deadline}`,
    `on-report ${onTrouble.report}`,
    `record ${recordStarts ? "yes" : "no"}`,
    `reports ${config.reports}`,
    `all-devices ${rewrites ? "yes" : "no"}`,
    `attributes ${declaredAttributes(config).join(" ")}`,
    ...judgesPlainGuests(config) ? ["plain-guests yes"] : [],
    ...programs.length > 0 ? [`programs ${programs.join(",")}`] : [],
    ...listed.some((id) => policies[id]?.mode !== "off") ? ["plugins yes"] : [],
    "choices-end",
    ...Object.entries(guests).map(([uuid, guest]) =>
      [
        "guest",
        uuid,
        guest.mode ?? mode,
        ...(["hook", "deadline"] as const).map((kind) => guest.onTrouble[kind] ?? onTrouble[kind]),
      ].join(" ")
    ),
    `config ${JSON.stringify({ ...config, ...asBefore })}`,
    "end",
  ];
  return `${lines.join("\n")}\n`;
}

/** What still holds of an applied configuration that cannot be read: defaults, and single lines. */
export function salvageApplied(text: string): Config {
  // Not by a pattern: to one U+2028, which JSON leaves as it is, ends a line too.
  const lines = text.split("\n");
  return v.parse(ConfigSchema, {
    mode: lines.includes("mode observe") ? "observe" : "enforce",
    onTrouble: { config: lines.includes("on-config open") ? "open" : "closed" },
  });
}

/**
 * Reads the applied configuration.
 *
 * @throws {PremigrateError} When it is not whole, or does not fit the schema.
 */
export function parseApplied(text: string): Config {
  const lines = text.split("\n");
  if (lines[0] !== "premigrate 1") {
    throw appliedError("it does not begin as one of this version");
  }
  if (lines.at(-2) !== "end" || lines.at(-1) !== "") throw appliedError("it is not whole");
  const line = lines.find((line) => line.startsWith("config "));
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), WholeSchema), line?.slice(7));
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const path = v.getDotPath(issue);
    throw appliedError(`${path === null ? "" : `at ${path}: `}${issue.message}`.slice(0, 300));
  }
  return { ...parsed.output, policies: underCurrentIds(parsed.output.policies) };
}
