import { type Domain, parseDomain } from "../domain/mod.ts";
import {
  captureHost,
  type CaptureRequest,
  captureSource,
  type SourceHost,
} from "../facts/capture.ts";
import { addGuestViews } from "../facts/monitor/guest_views.ts";
import { listRunning, readGuest, readGuests } from "../facts/libvirt/guests.ts";
import { type Guest, isGone } from "../facts/libvirt/guest.ts";
import type { Facts } from "../facts/mod.ts";
import { type RomFile, romFilesOf } from "../facts/rom_files.ts";
import type { RealizeOptions } from "../facts/vfio/realize_views.ts";
import {
  type DetailedAnswer,
  type Finding,
  judge,
  type QemuVersion,
  Registry,
} from "../policy/mod.ts";
import { answerWithoutPairs } from "../policy/judge.ts";
import { engineFinding } from "../policy/engine_codes.ts";
import { wantDevices } from "../policy/guest.ts";
import { type LibvirtAccess, parseMap, targetsOf } from "./options.ts";
import { Progress } from "./output.ts";
import type { AllPolicies } from "./policies.ts";

/** A question about guests that run now. */
export interface LiveQuestion {
  readonly policies: AllPolicies;
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
  /** Read what the guest sees of its devices, by QEMU's monitor. */
  readonly monitor: boolean;
  readonly machine?: string | undefined;
  readonly qemu?: QemuVersion | undefined;
  /** The migration may go over to post-copy. */
  readonly postCopy: boolean;
  readonly signal: AbortSignal;
}

/** The answer for one guest and one destination. */
export interface LiveAnswer extends DetailedAnswer {
  readonly guest: string;
  readonly destination: string;
  /** The guest's live XML, read; `undefined` where that cannot be. */
  readonly domain: Domain | undefined;
  /** Devices, by alias, that the destination's XML must give other addresses. */
  readonly targets: ReadonlyMap<string, string>;
}

/** Judges guests that run, from what both hosts tell now. */
export async function judgeLive(question: LiveQuestion): Promise<LiveAnswer[]> {
  const { from, to, realize, signal, policies: { attributes } } = question;
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
  progress.show(`reading ${addresses.length} devices of ${1 + to.length} hosts`);
  const devices = question.choose ? "all" : [...new Set([...addresses, ...targets])];
  const [source, ...destinations] = await Promise.all([
    captureGuests(
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
    ),
    ...to.map((host) =>
      captureHost(
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
      )
    ),
  ]);
  return await question.policies.judge((registry) =>
    asked.flatMap((guest) => {
      if ("missing" in guest) {
        return destinations.map((destination) =>
          unreadAnswer(registry, guest, source.facts, destination)
        );
      }
      const { domain } = guest;
      // Each host was asked of one QEMU; of a guest's other one nothing is known.
      const isAsked = domain.arch === arch && domain.emulator === emulator;
      return destinations.map((destination) =>
        judgeGuest(question, registry, {
          guest,
          // The machine types are those of the QEMU that is installed.
          source: withoutMachines(source.withQemuOf(source.facts, guest.uuid)),
          destination: isAsked ? destination : withoutQemu(destination),
        })
      );
    })
  );
}

function withoutQemu(facts: Facts): Facts {
  const unknown = { qemu: undefined, skipVscCheck: undefined, machineTypes: undefined };
  return { ...facts, host: { ...facts.host, ...unknown } };
}

function withoutMachines(facts: Facts): Facts {
  return { ...facts, host: { ...facts.host, machineTypes: undefined } };
}

async function captureGuests(
  { from, monitor, realize, signal }: LiveQuestion,
  request: CaptureRequest,
  guests: readonly Domain[],
): Promise<SourceHost> {
  const host = await captureSource(from, { ...request, realize }, signal);
  let { facts } = host;
  for (const guest of monitor ? guests : []) {
    facts = await addGuestViews(facts, guest, from.uri, signal);
  }
  return { ...host, facts };
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

/** One guest that cannot be read does not keep the others from being judged. */
function unreadAnswer(
  registry: Registry,
  { name, missing: problem }: UnreadGuest,
  source: Facts,
  destination: Facts,
): LiveAnswer {
  const findings = [engineFinding("guest-not-read", undefined, { problem })];
  return {
    ...answerWithoutPairs({ registry, source, destination, findings }, new Registry()),
    guest: name,
    destination: destination.host.name,
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
  registry: Registry,
  { guest, source, destination }: {
    readonly guest: Guest;
    readonly source: Facts;
    readonly destination: Facts;
  },
): LiveAnswer {
  const { domain } = guest;
  const { machine, qemu, postCopy } = live;
  const targets = targetsFor(live, domain);
  const findings: Finding[] = [];
  const { inUse: unread } = destination.host.missing ?? {};
  if (live.choose && unread !== undefined) {
    findings.push({
      ...engineFinding("guest-not-read", undefined, { problem: unread }),
      severity: "warn",
    });
  }
  const answer = judge({
    registry,
    source,
    destination,
    // The canonical name of what the XML says is no assumption.
    guest: { ...domain, machine: guest.machine },
    machine,
    qemu,
    postCopy,
    targets,
    ...live.choose && { choose: registry },
    findings,
  });
  for (const { name, address } of answer.choices ?? []) {
    if (address !== undefined) targets.set(name, address);
  }
  return { ...answer, guest: guest.name, destination: destination.host.name, domain, targets };
}
