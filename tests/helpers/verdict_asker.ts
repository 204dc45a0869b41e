/**
 * Asks the hook on hostb, and `check` from a third machine, about guests of hosta, and prints both
 * answers. In a process of its own: its PATH has the virsh and the ssh of both hosts.
 */
import { parseDomain } from "premigrate";
import * as v from "valibot";
import { judgeLive } from "../../lib/cli/live.ts";
import { hostAccess } from "../../lib/cli/options.ts";
import { loadRules } from "../../lib/cli/policies.ts";
import { declaredAttributes, parseApplied } from "../../lib/config/config.ts";
import { pathsBelow } from "../../lib/config/paths.ts";
import { readWaiver } from "../../lib/config/waiver.ts";
import { findNetworks } from "../../lib/facts/libvirt/networks.ts";
import { judgeArrival, type Judged } from "../../lib/hook/arrival.ts";
import { settle } from "../../lib/hook/settle.ts";
import type { Answer } from "../../lib/policy/mod.ts";
import { runScript } from "./probe_shells.ts";

const Request = v.object({
  /** The folder of that virsh and ssh. */
  path: v.string(),
  root: v.string(),
  /** The probe's arguments on hostb that make it read what stands for that. */
  sysfs: v.string(),
  /** As libvirt hands it over. */
  arriving: v.string(),
  guest: v.string(),
  rewrite: v.boolean(),
  /** `--plugin`. */
  plugin: v.optional(v.array(v.string())),
});
type Request = v.InferOutput<typeof Request>;

// Far above what it takes, on a machine that has much else to do.
const PATIENCE = 600_000;

/** What both are to say alike. */
function summary(
  { verdict: { findings } }: Answer,
  { decision, effect, waiver }: Record<"decision" | "effect" | "waiver", unknown>,
): Record<string, unknown> {
  // That the hook reads its host twice is no finding about the guest.
  const codes = findings.filter(({ code }) => code !== "asked-anew").map((
    { severity, policy, code, device = "-" },
  ) => `${severity} ${policy} ${code} ${device}`);
  return { decision, effect, waiver, codes: [...new Set(codes)].sort() };
}

async function askHook(
  { root, sysfs, arriving, guest: uuid, rewrite }: Request,
): Promise<Record<string, unknown>> {
  const paths = pathsBelow(root);
  const config = parseApplied(await Deno.readTextFile(paths.applied));
  const signal = AbortSignal.timeout(PATIENCE);
  const networks = findNetworks(paths, Date.now() - PATIENCE);
  const guest = parseDomain(arriving, networks);
  const attributes = declaredAttributes(config).flatMap((name) => ["--attribute", name]);
  const all = rewrite ? ["--all"] : [];
  let ask = guest.emulator === undefined ? [] : ["--emulator", guest.emulator];
  let judged: Judged | undefined;
  for (let round = 1; judged === undefined; round++) {
    const args = ["--sysfs", sysfs, "--identify", ...all, ...attributes, ...ask];
    const { stdout: probed } = await runScript(["sh"], args);
    const plugins = {
      runner: `${paths.lib}/plugin.sh`,
      ends: performance.now() + PATIENCE,
      signal,
    };
    const arrival = { probed, round, now: Date.now(), paths, plugins, signal };
    const found = await judgeArrival(
      guest,
      { ...arrival, xml: arriving, seconds: 60, regions: new Map() },
      config,
    );
    if ("ask" in found) ask = [...found.ask];
    else judged = found;
  }
  const waiver = readWaiver(`${paths.waivers}/${uuid}`);
  const held = waiver !== undefined && waiver.until * 1000 > Date.now() ? waiver : undefined;
  const settled = settle(judged.answer.verdict.findings, config, uuid, held);
  const { verdict: decision, effect, waiver: used } = settled;
  return summary(judged.answer, { decision, effect, waiver: used?.id });
}

async function askCheck({ plugin, guest }: Request): Promise<Record<string, unknown>> {
  const [answer] = await judgeLive({
    rules: await loadRules({ plugin }),
    from: { ...hostAccess("qemu+ssh://hosta/system", {}), emulators: undefined },
    to: [{ ...hostAccess("qemu+ssh://hostb/system", {}), emulators: undefined }],
    guest,
    map: [],
    choose: false,
    postCopy: false,
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (answer === undefined) return {};
  const { verdict: { decision }, settled, assumptions } = answer;
  const said = summary(answer, { decision, effect: settled?.effect, waiver: settled?.waiver?.id });
  return { ...said, assumptions };
}

const requests = v.parse(
  v.array(Request),
  JSON.parse(await new Response(Deno.stdin.readable).text()),
);
const { PATH } = Deno.env.toObject();
const answers: unknown[] = [];
for (const request of requests) {
  Deno.env.set("PATH", `${request.path}:${PATH}`);
  const [hook, check] = await Promise.all([askHook(request), askCheck(request)]);
  answers.push({ hook, check });
}
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(answers)));
