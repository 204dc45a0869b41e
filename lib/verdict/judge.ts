import type { Domain } from "../domain/mod.ts";
import type { CapturedHost, Facts } from "../facts/mod.ts";
import {
  engineFinding,
  evaluate,
  type Finding,
  type GuestDevices,
  type HostFacts,
  type Migration,
  notLookedAt,
  pairDevices,
  parseMachine,
  type QemuVersion,
  type Registry,
  wantDevices,
} from "../policy/mod.ts";
import type { DetailedAnswer } from "../report/answer.ts";

/** All that a verdict on a guest rests on. */
export interface Question {
  /** The policies. */
  readonly registry: Registry;
  readonly source: Facts;
  readonly destination: Facts;
  /** Absent: all devices of the source are judged. */
  readonly guest?: Domain | undefined;
  /** In place of the guest's. */
  readonly machine?: string | undefined;
  /** In place of both hosts'. */
  readonly qemu?: QemuVersion | undefined;
  /** Whether the migration may go over to post-copy; absent: not known. */
  readonly postCopy?: boolean | undefined;
  /** Which destination device a device of the guest will have, by the latter's name. */
  readonly targets?: ReadonlyMap<string, string> | undefined;
  /**
   * Asked as the guest arrives: a device that another guest has libvirt itself refuses next, before
   * anything is sent (`virHostdevPreparePCIDevices`).
   */
  readonly atArrival?: boolean | undefined;
  /** What else there is to say of its devices. */
  readonly findings?: readonly Finding[] | undefined;
}

/** Judges a guest. */
export function judge(question: Question): DetailedAnswer {
  const { registry, source, destination, targets } = question;
  const devices = wantedBy(question);
  const { pairs, findings } = pairDevices(
    devices.wanted,
    source.devices,
    destination.devices,
    targets,
  );
  const earlier = [
    ...compareHosts(source.host, destination.host),
    ...devices.findings,
    ...findings.filter(({ code }) => !(question.atArrival && code === "use-not-known")),
    ...question.findings ?? [],
  ];
  const migration = migrationOf(question);
  return {
    verdict: evaluate(pairs, migration, registry, earlier),
    devices: pairs.map(({ name, source, destination }) => ({
      name,
      source: source.address,
      destination: destination.address,
    })),
    assumptions: assumptionsOf(question),
    notLookedAt: notLookedAt(question.guest),
    policies: registry.policies,
    pairs,
    migration,
    ...question.guest && { guest: question.guest.name },
  };
}

function compareHosts(source: CapturedHost, destination: CapturedHost): Finding[] {
  const unknown = Object.entries({ source, destination }).filter(([, { uuid }]) =>
    uuid === undefined
  );
  if (unknown.length > 0) {
    const side = unknown.map(([side]) => side).join(" and ");
    return [engineFinding("hosts-not-told-apart", undefined, { side })];
  }
  const { uuid } = source;
  return uuid !== undefined && uuid === destination.uuid
    ? [engineFinding("same-host", undefined, { uuid })]
    : [];
}

/** The devices that are asked about. */
export function wantedBy({ guest, source }: Pick<Question, "guest" | "source">): GuestDevices {
  if (guest !== undefined) return wantDevices(guest);
  const wanted = source.devices.map(({ address }) => ({
    name: address,
    address,
    guest: { properties: {} },
  }));
  return { wanted, findings: [] };
}

/** The migration that is asked about. */
export function migrationOf(
  { source, destination, guest, ...given }: Omit<Question, "registry">,
): Migration {
  const machine = given.machine ?? guest?.machine;
  const host = (facts: HostFacts): HostFacts =>
    given.qemu === undefined ? facts : { ...facts, qemu: given.qemu };
  return {
    guest: guest?.name,
    machine: machine === undefined ? undefined : parseMachine(machine),
    source: host(source.host),
    destination: host(destination.host),
    vfioDevices: wantedBy({ guest, source }).wanted.length,
    viommu: guest?.viommu,
    postCopy: given.postCopy,
    bytesOnly: false,
  };
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

function replaced(what: string, fact: string | undefined, option: string): string {
  return `${what} (${option})` + (fact === undefined ? "" : `, not ${fact}`);
}
