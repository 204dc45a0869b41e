import { pathsBelow } from "../config/paths.ts";
import { policySet } from "../config/policy_set.ts";
import { type Domain, parseDomain } from "../domain/mod.ts";
import {
  captureDestination,
  type CaptureRequest,
  captureSource,
  type DestinationHost,
  type SourceHost,
} from "../facts/capture.ts";
import { type Guest, isGone } from "../facts/libvirt/guest.ts";
import { listRunning, readGuest, readGuests } from "../facts/libvirt/guests.ts";
import { VirshError } from "../facts/libvirt/virsh_error.ts";
import type { CapturedDevice, Facts } from "../facts/mod.ts";
import { ProbeRunError } from "../facts/probe/run_probe.ts";
import { type RomFile, romFilesOf } from "../facts/rom_files.ts";
import type { RealizeOptions } from "../facts/vfio/realize_views.ts";
import { hookFinding } from "../hook/codes.ts";
import type { PluginPolicies } from "../plugin/apply.ts";
import { engineFinding } from "../policy/engine_codes.ts";
import { wantDevices } from "../policy/guest.ts";
import { answerWithoutPairs, type Question } from "../policy/judge.ts";
import {
  type DetailedAnswer,
  type Finding,
  judge,
  type QemuVersion,
  Registry,
} from "../policy/mod.ts";
import { type DestinationRules, rulesOf, settleBy, type Settles } from "./destination_rules.ts";
import { type LibvirtAccess, parseMap, targetsOf } from "./options.ts";
import { Progress } from "./output.ts";
import { judgeBy, type OwnRules } from "./policies.ts";
import { type TakenSource, takeSource } from "./taken_source.ts";

/** A question about guests that run now. */
export interface LiveQuestion {
  /** This command's own rules. */
  readonly rules: OwnRules;
  readonly from: LibvirtAccess;
  readonly to: readonly LibvirtAccess[];
  /** A name or UUID; absent: every guest that runs. */
  readonly guest?: string | undefined;
  /** `SRC=DST` options. */
  readonly map: readonly string[];
  /** The domain XML that the destination will be given. */
  readonly xml?: string | undefined;
  readonly choose: boolean;
  /** Read realize views of this host's devices. */
  readonly realize?: RealizeOptions | undefined;
  readonly machine?: string | undefined;
  readonly qemu?: QemuVersion | undefined;
  /** The migration may go over to post-copy. */
  readonly postCopy: boolean;
  readonly signal: AbortSignal;
}

/** The answer for one guest and one destination. */
export interface LiveAnswer extends Settles<DetailedAnswer> {
  readonly guest: string;
  readonly destination: string;
  /** Why the destination could not be asked. */
  readonly unreached?: string | undefined;
  /** The guest's live XML, read; `undefined` where that cannot be. */
  readonly domain: Domain | undefined;
  /** Devices, by alias, that the destination's XML must give other addresses. */
  readonly targets: ReadonlyMap<string, string>;
}

/** A host that gave no answer. */
interface Unreached {
  readonly missing: VirshError | ProbeRunError;
}

/**
 * Judges guests that run, as the hook of each destination would, from what both hosts tell now: each
 * guest for each destination, in their order.
 *
 * @throws {VirshError | ProbeRunError} When the source gives no answer, or no destination does.
 */
export async function judgeLive(question: LiveQuestion): Promise<LiveAnswer[]> {
  const { from, to, realize, signal, rules: { attributes } } = question;
  using progress = new Progress();
  progress.show(`asking libvirt of ${from.uri.host}`);
  const asked = await readAskedGuests(question);
  const guests = asked.filter((guest): guest is Guest => !("missing" in guest));
  const domains = guests.map(({ domain }) => domain);
  const addresses = [...new Set(domains.flatMap(sourceAddresses))];
  const targets = targetAddresses(question, domains);
  const [first] = domains;
  const { arch, emulator } = first ?? {};

  const romFiles = (running: boolean): RomFile[] =>
    domains.flatMap((domain) => romFilesOf(domain, { running }));
  // A VF of a network's pool is a device here, and nothing in the XML says where it comes from.
  const hasNetworks = domains.some(({ interfaces, hostDevices }) =>
    interfaces.length > 0 || hostDevices.some(({ kind }) => kind === "pci")
  );
  const about = `(guests: ${guests.length}, devices: ${addresses.length})`;
  const counted = progress.counter((done) => `reading hosts: ${done} of ${1 + to.length} ${about}`);
  const devices = question.choose ? "all" : [...new Set([...addresses, ...targets])];
  const [source, ...destinations] = await Promise.all([
    counted(captureGuests(
      question,
      {
        devices: addresses,
        attributes,
        romFiles: romFiles(true),
        arch,
        emulator,
        networks: hasNetworks,
      },
      domains,
    )),
    ...to.map((host) =>
      counted(readDestination(
        host,
        {
          devices,
          attributes,
          romFiles: romFiles(false),
          arch,
          emulator,
          inUse: true,
          networks: hasNetworks && "devices",
          realize,
        },
        signal,
      ))
    ),
  ]);
  const [unreached, ...others] = destinations.flatMap((found) =>
    "missing" in found ? [found.missing] : []
  );
  if (unreached !== undefined && others.length + 1 === to.length) throw unreached;
  const judged = progress.counter((done) =>
    `judging destinations: ${done} of ${to.length} ${about}`
  );
  const columns = await Promise.all(
    destinations.map((destination) =>
      "missing" in destination
        ? asked.map((guest) => unreachedAnswer(guest, source.facts, destination))
        : judged(judgeFor(question, asked, source, destination))
    ),
  );
  return asked.flatMap((_guest, row) => columns.flatMap((column) => column[row] ?? []));
}

interface AskedDestination extends DestinationHost {
  readonly access: LibvirtAccess;
}

async function readDestination(
  access: LibvirtAccess,
  request: CaptureRequest,
  signal: AbortSignal,
): Promise<AskedDestination | Unreached> {
  try {
    return { access, ...await captureDestination(access, request, signal) };
  } catch (error) {
    if (error instanceof VirshError || error instanceof ProbeRunError) return { missing: error };
    throw error;
  }
}

/** Judges the guests for one destination, by its rules. */
async function judgeFor(
  question: LiveQuestion,
  asked: readonly (Guest | UnreadGuest)[],
  source: SourceHost,
  { access, facts: destination, premigrate }: AskedDestination,
): Promise<LiveAnswer[]> {
  const { from: { uri: from } } = question;
  const isHere = access.probe !== undefined && access.probe.ssh === undefined;
  // The clock is the one by which a hook there goes.
  const now = Date.parse(destination.host.time ?? "") || Date.now();
  const rules = await rulesOf(question.rules, destination.host.name, { premigrate, now, isHere });
  const [first] = asked.flatMap((guest) => "missing" in guest ? [] : [guest.domain]);
  const running = await Promise.all(asked.map(async (guest) => {
    if ("missing" in guest) return guest;
    // The machine types are those of the QEMU that is installed.
    const live = withoutMachines(source.withQemuOf(source.facts, guest.uuid));
    const { arch, emulator } = guest.domain;
    // Each host was asked of one QEMU; of a guest's other one nothing is known.
    const isAsked = arch === first?.arch && emulator === first?.emulator;
    const there = isAsked ? destination : withoutQemu(destination);
    const taken = await takeSource({ guest, from, live }, there, rules, now);
    return { guest, live, taken, destination: there };
  }));
  const answers = await judgeBy(
    rules,
    (plugins) =>
      running.map((running) =>
        "missing" in running
          ? unreadAnswer(running, source.facts, destination)
          : judgeGuest(question, rules, plugins, running)
      ),
  );
  return answers.map(({ said, uuid, ...answer }) => settleBy(answer, rules, uuid, said));
}

function withoutQemu(facts: Facts): Facts {
  const unknown = { qemu: undefined, skipVscCheck: undefined, machineTypes: undefined };
  return { ...facts, host: { ...facts.host, ...unknown } };
}

function withoutMachines(facts: Facts): Facts {
  return { ...facts, host: { ...facts.host, machineTypes: undefined } };
}

async function captureGuests(
  { from, realize, signal }: LiveQuestion,
  request: CaptureRequest,
  domains: readonly Domain[],
): Promise<SourceHost> {
  const guests = domains.map((domain) => ({
    uuid: domain.uuid ?? "",
    devices: sourceAddresses(domain),
  }));
  const running = { records: pathsBelow().realize, guests };
  return await captureSource(from, { ...request, realize, running }, signal);
}

/** A guest that cannot be read, and why. */
interface UnreadGuest {
  readonly name: string;
  readonly missing: string;
}

async function readAskedGuests(
  { from, guest, signal }: LiveQuestion,
): Promise<(Guest | UnreadGuest)[]> {
  const { uri } = from;
  if (guest !== undefined) return [await readGuest(uri, guest, signal)];
  const running = await listRunning(uri, signal);
  const guests = running.length === 0
    ? []
    : await readGuests(uri, running.map(({ uuid }) => uuid), signal);
  return guests.flatMap((guest, index): (Guest | UnreadGuest)[] => {
    if (!("missing" in guest)) return [guest];
    // One that has ended since is no question any more.
    if (isGone(guest.missing)) return [];
    return [{ name: running[index]?.name ?? "", missing: guest.missing.found }];
  });
}

/** What is judged before a destination's choices are put beside it. */
interface JudgedGuest extends Omit<LiveAnswer, "settled"> {
  readonly uuid: string | undefined;
  readonly said: readonly string[];
}

/** One guest that cannot be read does not keep the others from being judged. */
function unreadAnswer(
  { name, missing: problem }: UnreadGuest,
  source: Facts,
  destination: Facts,
): JudgedGuest {
  const findings = [engineFinding("guest-not-read", undefined, { problem })];
  return { ...withoutAnswer(name, { source, destination, findings }), uuid: undefined, said: [] };
}

/** Nor does a destination that cannot be asked keep the others from it. */
function unreachedAnswer(
  { name }: Guest | UnreadGuest,
  source: Facts,
  { missing: { host, found, message: problem } }: Unreached,
): LiveAnswer {
  const findings = [hookFinding("destination-not-read", undefined, { problem })];
  const destination = { host: { name: host }, devices: [] };
  const answer = withoutAnswer(name, { source, destination, findings });
  return { ...answer, settled: undefined, unreached: found };
}

function withoutAnswer(
  guest: string,
  question: Omit<Question, "registry">,
): Omit<LiveAnswer, "settled"> {
  const registry = new Registry();
  return {
    ...answerWithoutPairs({ ...question, registry }, registry),
    guest,
    destination: question.destination.host.name,
    domain: undefined,
    targets: new Map(),
  };
}

function sourceAddresses({ hostDevices }: Domain): string[] {
  return hostDevices.flatMap((device) =>
    device.kind === "pci" || device.kind === "mdev" ? [device.source] : []
  );
}

function targetAddresses(question: LiveQuestion, domains: readonly Domain[]): string[] {
  return domains.flatMap((domain) => [...targetsFor(question, domain).values()]);
}

function targetsFor({ map, xml }: LiveQuestion, domain: Domain): Map<string, string> {
  return new Map([
    ...xml === undefined ? [] : targetsOf(domain, parseDomain(xml)),
    ...parseMap(map, wantDevices(domain).wanted),
  ]);
}

function judgeGuest(
  live: LiveQuestion,
  { config, isApplied, findings: unknown }: DestinationRules,
  plugins: PluginPolicies,
  { guest, live: { host: { name } }, taken, destination }: {
    readonly guest: Guest;
    readonly live: Facts;
    readonly taken: TakenSource;
    readonly destination: Facts;
  },
): JudgedGuest {
  const { domain, uuid } = guest;
  const { machine, qemu, postCopy } = live;
  const registry = policySet(config, plugins);
  const targets = targetsFor(live, domain);
  const known = { destination, machine, qemu, postCopy };
  // The canonical name of what the XML says is no assumption.
  const named = { ...domain, machine: guest.machine };
  const { name: there } = destination.host;
  const about = { guest: guest.name, destination: there, domain, targets, uuid, said: taken.said };
  if (taken.facts === undefined) {
    const arriving = {
      ...parseDomain(guest.xml, destination.host.networks),
      machine: guest.machine,
    };
    const findings = [...unknown, ...taken.findings, ...wantDevices(arriving).findings];
    const source = { host: { name }, devices: [] };
    const question = { ...known, source, guest: arriving, registry, findings };
    return { ...answerWithoutPairs(question, registry), ...about };
  }
  const own = config.guests[uuid];
  const chooses = live.choose || (isApplied && (own?.rewrite ?? config.rewrite));
  const { inUse: unread } = destination.host.missing ?? {};
  const findings: Finding[] = [...unknown, ...taken.findings];
  if (chooses && unread !== undefined) {
    findings.push({
      ...engineFinding("guest-not-read", undefined, { problem: unread }),
      severity: "warn",
    });
  }
  const onFailed = own?.onTrouble.policy ?? config.onTrouble.policy;
  const answer = judge({
    ...known,
    registry,
    source: taken.facts,
    guest: named,
    targets,
    ...chooses && { choose: policySet(config, plugins, onFailed) },
    findings,
  });
  for (const { name, address } of answer.choices ?? []) {
    if (address !== undefined) targets.set(name, address);
  }
  const unopened = destination.devices.filter((device) =>
    isApplied && isOpenedByHook(device) &&
    answer.devices.some(({ destination: address }) => address === device.address)
  ).map(({ address }) =>
    `${there}'s ${address} was not opened: the hook there opens it, and so knows its bytes`
  );
  return { ...answer, ...about, said: [...taken.said, ...unopened] };
}

/** What lib/hook/launcher.sh opens before the guest arrives, where that is not known. */
function isOpenedByHook({ mdevType, config }: CapturedDevice): boolean {
  return mdevType !== undefined && !mdevType.id.startsWith("nvidia-") &&
    (config === undefined || config.derived === true);
}
