/**
 * Finds a source, judges an arrival, or a guest that runs, stamps one, and prints what came of it, in a process of
 * its own: its PATH is the test's to set, and it may run virsh, and what the request names.
 */
import { BUILT_IN, parseDomain } from "premigrate";
import { readStampMetadata } from "../../lib/facts/mod.ts";
import * as v from "valibot";
import { judgeArrival } from "../../lib/hook/arrival.ts";
import { ConfigSchema, parseApplied } from "../../lib/config/config.ts";
import { settle } from "../../lib/hook/settle.ts";
import { judgeLive } from "../../lib/cli/live.ts";
import type { OwnRules } from "../../lib/cli/policies.ts";
import { pathsBelow } from "../../lib/config/paths.ts";
import { stampGuests } from "../../lib/agent/stamping.ts";
import { findDevicesInUse } from "../../lib/facts/libvirt/devices_in_use.ts";
import { THIS_HOST } from "../../lib/facts/libvirt/uri.ts";
import { findSource } from "../../lib/hook/source.ts";
import { devicesToStamp } from "../../lib/facts/stamp/stamp_guest.ts";

const Request = v.object({
  what: v.picklist(["source", "arrival", "live", "all", "in-use", "stamp"]),
  /** Of both hosts. */
  sysfs: v.optional(v.string()),
  attributes: v.optional(v.array(v.string()), []),
  milliseconds: v.optional(v.number(), 30_000),
  patience: v.optional(v.number(), 5000),
  config: v.optional(ConfigSchema, {}),
  /** In place of `config`: with what stands in files of their own. */
  applied: v.optional(v.string()),
  runner: v.optional(v.string(), "/none"),
  arrival: v.object({
    xml: v.string(),
    probed: v.optional(v.string(), ""),
    regions: v.optional(v.array(v.tuple([v.string(), v.string()])), []),
    round: v.optional(v.number(), 1),
    now: v.number(),
    paths: v.optional(v.object({ cache: v.string(), realize: v.string() }), {
      cache: "",
      realize: "",
    }),
  }),
});

const request = v.parse(Request, JSON.parse(await new Response(Deno.stdin.readable).text()));
const { milliseconds, runner } = request;
const config = request.applied === undefined ? request.config : parseApplied(request.applied);
const signal = AbortSignal.timeout(milliseconds);
const { regions, ...given } = request.arrival;
const plugins = { runner, ends: milliseconds, signal };
const arrival = { ...given, seconds: 30, regions: new Map(regions), plugins, signal };
const guest = parseDomain(arrival.xml);

const access = { uri: THIS_HOST, probe: {}, sysfs: request.sysfs, root: "/none" };

/** Rules without policies. */
function rulesOf(attributes: readonly string[]): OwnRules {
  const off = Object.fromEntries(BUILT_IN.map(({ id }) => [id, { mode: "off" }]));
  const config = v.parse(ConfigSchema, { policies: off });
  const told = { config: undefined, site: undefined, plugins: [] };
  return { config, attributes, plugins: [], unasked: [], told };
}

async function ask(): Promise<unknown> {
  if (request.what === "live") {
    const [answer] = await judgeLive({
      rules: rulesOf(request.attributes),
      ...{ from: access, to: [access], guest: guest.uuid ?? "", map: [], choose: false },
      ...{ postCopy: false, signal },
    });
    return answer?.pairs.map(({ source, destination }) =>
      [source, destination].map(({ attributes }) => attributes)
    );
  }
  if (request.what === "in-use") {
    const { addresses, ...rest } = await findDevicesInUse(THIS_HOST, signal);
    return { ...rest, addresses: [...addresses].sort() };
  }
  if (request.what === "all") {
    const answers = await judgeLive({
      rules: rulesOf([]),
      ...{ from: access, to: [access], map: [], choose: false },
      ...{ postCopy: false, signal },
    });
    return {
      answers: answers.map(({ guest, verdict: { decision, findings } }) => ({
        ...{ guest, decision },
        codes: findings.map(({ code }) => code),
      })),
    };
  }
  if (request.what === "stamp") {
    const results = await stampGuests([guest.uuid ?? ""], pathsBelow("/none"), signal);
    return { outcomes: results.map(({ outcome }) => outcome.kind) };
  }
  if (request.what === "arrival") {
    const found = await judgeArrival(guest, arrival, config);
    if ("ask" in found) return found;
    const { answer, rewritten, xml, source } = found;
    return {
      decision: answer.verdict.decision,
      effect: settle(answer.verdict.findings, config, guest.uuid, undefined).effect,
      findings: answer.verdict.findings,
      devices: answer.devices,
      source: source?.host.name,
      rewritten,
      xml,
    };
  }
  const { facts, devices, findings } = await findSource(
    await readStampMetadata(guest.metadataElements),
    {
      uuid: guest.uuid,
      devices: devicesToStamp(guest),
      host: { name: "hostb" },
      now: arrival.now,
      maxAge: 900,
    },
    { hosts: config.hosts, name: guest.name, patience: request.patience, signal },
  );
  return {
    host: facts?.host.name,
    qemu: facts?.host.qemu?.toString(),
    captured: facts?.devices.map(({ address, config, missing }) => ({
      address,
      config: config?.source,
      missing: missing?.["config"],
    })),
    devices,
    findings,
  };
}

let result: unknown;
try {
  result = await ask();
} catch (error) {
  result = { error: String(error) };
}
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(result)));
