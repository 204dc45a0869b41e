import type { Domain } from "../domain/domain.ts";
import { parseMachine, resolveAlias } from "../qemu/machine.ts";
import type { QemuVersion } from "../qemu/version.ts";
import type { DetailedAnswer } from "./answer.ts";
import { type Choice, chooseDevices } from "./choose.ts";
import { evaluate } from "./engine.ts";
import { engineFinding } from "./engine_codes.ts";
import type { Finding } from "./finding.ts";
import { type GuestDevices, notLookedAt, wantDevices } from "./guest.ts";
import type { DeviceFacts, DevicePair, HostFacts, Migration } from "./migration.ts";
import { type Placed, placeOnNetworks } from "./networks.ts";
import { pairDevices, type WantedDevice } from "./pair.ts";
import { drawFromPools, type Pool } from "./pools.ts";
import type { Registry } from "./registry.ts";

/** What is known of one host and its devices. */
export interface SideFacts {
  /** The host. */
  readonly host: HostFacts;
  /** Its devices. */
  readonly devices: readonly DeviceFacts[];
}

/** All that a verdict on a guest rests on. */
export interface Question {
  /** The policies. */
  readonly registry: Registry;
  /** The host that the guest leaves. */
  readonly source: SideFacts;
  /** The host that it goes to. */
  readonly destination: SideFacts;
  /**
   * The guest, parsed with what the destination's libvirt networks are. Absent: all devices of the
   * source are judged.
   */
  readonly guest?: Domain | undefined;
  /** The machine type, in place of the guest's. */
  readonly machine?: string | undefined;
  /** QEMU's version, in place of both hosts'. */
  readonly qemu?: QemuVersion | undefined;
  /** Whether the migration may go over to post-copy; absent: not known. */
  readonly postCopy?: boolean | undefined;
  /** Which destination device a device of the guest will have, by the latter's name. */
  readonly targets?: ReadonlyMap<string, string> | undefined;
  /** Choose free devices of the destination that these policies allow, the targets' if they do. */
  readonly choose?: Registry | undefined;
  /**
   * Asked as the guest arrives, its devices as the source has them: the pools from which libvirt will
   * take a device here, by the names of the guest's. A device that another guest has libvirt itself
   * refuses next, before anything is sent (`virHostdevPreparePCIDevices`).
   */
  readonly arriving?: ReadonlyMap<string, Pool> | undefined;
  /** Other findings about its devices. */
  readonly findings?: readonly Finding[] | undefined;
}

/**
 * Judges the migration of a guest: pairs its devices on both hosts and applies the policies. Where the
 * facts do not tell what a network is that the guest is on, that is undecided.
 *
 * @example Nothing is known of the guest's only device on the destination.
 * ```ts
 * import { judge, Registry } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * const { verdict } = judge({
 *   registry: new Registry(),
 *   source: { host: { name: "a", uuid: "1" }, devices: [{ address: "0000:3b:00.4" }] },
 *   destination: { host: { name: "b", uuid: "2" }, devices: [] },
 * });
 * assertEquals(verdict.findings.map(({ code }) => code), ["no-facts"]);
 * ```
 */
export function judge(question: Question): DetailedAnswer {
  const { registry, source, destination, guest, arriving } = question;
  const devices = devicesOf(question);
  const choice = question.choose && choose(question, devices.wanted, question.choose);
  const targets = choice?.targets ?? question.targets ?? NONE;
  const placed = placeDevices(question, targets);
  const wanted = devices.wanted.filter(({ name }) => !placed.dropped.has(name));
  const migration = migrationOf(question, wanted);
  const asked = {
    wanted,
    source: source.devices,
    destination: destination.devices,
    migration,
    registry,
  };
  const drawn = drawFromPools(placed.pools, { ...asked, targets });
  const { pairs, findings } = pairDevices(
    wanted,
    source.devices,
    destination.devices,
    drawn.targets,
  );
  const answer = judgePairs({
    pairs,
    migration,
    registry,
    findings: [
      ...compareHosts(question),
      ...devices.findings.filter(({ device = "" }) => !placed.dropped.has(device)),
      ...findings.filter(({ code }) => arriving === undefined || code !== "use-not-known"),
      ...question.findings ?? [],
      ...choice?.findings ?? [],
      ...placed.findings,
      ...drawn.findings,
    ],
    assumptions: assumptionsOf(question),
  });
  return {
    ...answer,
    notLookedAt: notLookedAt(guest),
    ...guest && { guest: guest.name },
    ...choice && { choices: choice.choices },
  };
}

/** Pairs of devices that are known already, as those of two dumps. */
export interface PairsQuestion {
  /** The pairs. */
  readonly pairs: readonly DevicePair[];
  /** The migration. */
  readonly migration: Migration;
  /** The policies. */
  readonly registry: Registry;
  /** What else there is to say of the devices. */
  readonly findings?: readonly Finding[] | undefined;
  /** What was taken for granted, a sentence each. */
  readonly assumptions?: readonly string[] | undefined;
}

/**
 * Judges pairs of devices.
 *
 * @example
 * ```ts
 * import { Registry } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * const migration = { source: { name: "a" }, destination: { name: "b" }, bytesOnly: true };
 * const { verdict } = judgePairs({ pairs: [], migration, registry: new Registry() });
 * assertEquals(verdict.decision, "allow");
 * ```
 */
export function judgePairs(
  { pairs, migration, registry, findings, assumptions = [] }: PairsQuestion,
): DetailedAnswer {
  return {
    verdict: evaluate(pairs, migration, registry, findings),
    devices: pairs.map(({ name, source, destination }) => ({
      name,
      source: source.address,
      destination: destination.address,
    })),
    assumptions: [...assumptions, ...aliasOf(migration)],
    policies: registry.policies,
    pairs,
    migration,
  };
}

/**
 * The answer where no devices can be compared: its `findings` say why.
 *
 * @param applied Policies whose rules on the guest as a whole are applied all the same.
 */
export function answerWithoutPairs(question: Question, applied: Registry): DetailedAnswer {
  const { registry: { policies }, findings } = question;
  const migration = migrationOf(question, devicesOf(question).wanted);
  return { ...judgePairs({ pairs: [], migration, registry: applied, findings }), policies };
}

const NONE = new Map<string, never>();

/** The devices that are asked about. */
function devicesOf({ guest, source }: Question): GuestDevices {
  if (guest !== undefined) return wantDevices(guest);
  const wanted = source.devices.map(({ address }) => ({
    name: address,
    address,
    guest: { properties: {} },
  }));
  return { wanted, findings: [] };
}

interface Chosen {
  readonly choices: readonly Choice[];
  readonly targets: ReadonlyMap<string, string>;
  readonly findings: readonly Finding[];
}

function choose(question: Question, wanted: readonly WantedDevice[], registry: Registry): Chosen {
  const { source, destination, targets = NONE, arriving = NONE } = question;
  const pooled = new Set([...arriving.values()].flatMap(({ devices }) => devices));
  const choices = chooseDevices({
    wanted: wanted.filter(({ name }) => !arriving.has(name)),
    source: source.devices,
    destination: destination.devices.filter(({ address }) => !pooled.has(address)),
    migration: migrationOf(question, wanted),
    registry,
    targets,
  });
  const chosen = new Map(targets);
  const findings: Finding[] = [];
  for (const { name, address } of choices) {
    if (address === undefined) findings.push(engineFinding("none-chosen", name, {}));
    // One that arrives without a target is none of the source's.
    else if (question.arriving === undefined || targets.has(name)) chosen.set(name, address);
  }
  return { choices, targets: chosen, findings };
}

/** What libvirt's networks make of the guest's devices. */
function placeDevices(
  { guest, source, destination, arriving }: Question,
  targets: ReadonlyMap<string, string>,
): Placed {
  if (guest === undefined || arriving !== undefined) {
    return { dropped: new Set(), pools: arriving ?? NONE, findings: [] };
  }
  const networks = { source: source.host.networks, destination: destination.host.networks };
  return placeOnNetworks(guest, networks, targets);
}

function migrationOf(
  { source, destination, guest, ...given }: Question,
  wanted: readonly WantedDevice[],
): Migration {
  const machine = given.machine ?? guest?.machine;
  const host = (facts: HostFacts): HostFacts =>
    given.qemu === undefined ? facts : { ...facts, qemu: given.qemu };
  return {
    guest: guest?.name,
    machine: machine === undefined ? undefined : parseMachine(machine),
    source: host(source.host),
    destination: host(destination.host),
    vfioDevices: wanted.length,
    viommu: guest?.viommu,
    postCopy: given.postCopy,
    bytesOnly: false,
  };
}

function compareHosts({ source, destination }: Question): Finding[] {
  const [here, there] = [source.host.uuid, destination.host.uuid];
  if (here !== undefined && there !== undefined) {
    return here === there ? [engineFinding("same-host", undefined, { uuid: here })] : [];
  }
  const unknown = [
    ...here === undefined ? ["source"] : [],
    ...there === undefined ? ["destination"] : [],
  ];
  return [engineFinding("hosts-not-told-apart", undefined, { side: unknown.join(" and ") })];
}

function assumptionsOf({ source, destination, guest, machine, qemu }: Question): string[] {
  const hosts = [["source", source], ["destination", destination]] as const;
  const standIns = hosts.flatMap(([side, { devices }]) =>
    devices.filter(({ config }) => config?.derived).map(({ address }) =>
      `the ${side}'s ${address} shows what another device of its type and driver showed`
    )
  );
  return [
    ...standIns,
    ...machine === undefined
      ? []
      : [replaced(`machine type ${machine}`, guest?.machine, "--machine")],
    ...qemu === undefined
      ? []
      : hosts.map(([side, { host }]) =>
        replaced(`QEMU ${qemu} on the ${side}`, host.qemu?.toString(), "--qemu")
      ),
  ];
}

/** Only the binary knows what it means by an alias; upstream's means the newest that it has. */
function aliasOf({ machine, source: { qemu } }: Migration): string[] {
  if (machine === undefined || qemu === undefined) return [];
  const { name } = resolveAlias(machine, qemu);
  return name === machine.name
    ? []
    : [`machine type ${name} for ${machine.name}, the newest of QEMU ${qemu} on the source`];
}

function replaced(what: string, fact: string | undefined, option: string): string {
  return `${what} (${option})` + (fact === undefined ? "" : `, not ${fact}`);
}
