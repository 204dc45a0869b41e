import { decodeHex } from "@std/encoding/hex";
import type { BusKind } from "../pci/bus.ts";
import type { ConfigSpaceSize } from "../pci/sizes.ts";
import { parseMachine } from "../qemu/machine.ts";
import { parseQemuVersion } from "../qemu/version.ts";
import type { ConfigView } from "../qemu/view.ts";
import type { Decision, Verdict } from "./engine.ts";
import type { FindingValue, Severity } from "./finding.ts";
import { judgePairs } from "./judge.ts";
import type { DeviceFacts, DevicePair, HostFacts, Migration } from "./migration.ts";
import type { Policy } from "./policy.ts";
import { Registry } from "./registry.ts";

/** What is known of one side: host and device, as data. What is absent is not known. */
export interface CaseSide
  extends Omit<DeviceFacts, "address" | "config">, Omit<HostFacts, "name" | "qemu"> {
  /** The host's name. */
  readonly host?: string | undefined;
  /** Where the device is; a PCI function where it does not say. */
  readonly address?: string | undefined;
  /** The host's QEMU, as in `9.1`. */
  readonly qemu?: string | undefined;
  /** Config space: hexadecimal by offset, zero elsewhere; of two that overlap the later offset wins. */
  readonly config?: Readonly<Record<number, string>> | undefined;
  /** How many bytes of config space are known; 256 where it does not say. */
  readonly size?: ConfigSpaceSize | undefined;
  /** Whose view of the config space it is; `realize` where it does not say. */
  readonly view?: ConfigView["kind"] | undefined;
  /** Whether the config space is another device's of the same kind. */
  readonly derived?: boolean | undefined;
  /** Whether it was read of a guest that arrived. */
  readonly arrived?: boolean | undefined;
}

/** A finding as a case expects it; of its data only what matters. */
export type CaseFinding<Code extends string = string> = readonly [
  code: Code,
  severity: Severity,
  offset?: number | undefined,
  data?: Readonly<Record<string, FindingValue>>,
];

/** One migration of one device. */
export interface CaseMigration {
  /** What the case shows. */
  readonly name: string;
  /** The guest's name. */
  readonly guest?: string | undefined;
  /** The host that the guest leaves. */
  readonly source: CaseSide;
  /** The host that it goes to. */
  readonly destination: CaseSide;
  /** The machine type, as in `pc-q35-9.1`. */
  readonly machine?: string | undefined;
  /** Where the guest has the device. */
  readonly bus?: BusKind | undefined;
  /** Properties of the device on QEMU's command line. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /** How many VFIO devices the guest takes along. */
  readonly vfioDevices?: number | undefined;
  /** Whether the guest has an IOMMU of its own. */
  readonly viommu?: boolean | undefined;
  /** Whether it may go over to post-copy. */
  readonly postCopy?: boolean | undefined;
  /** Whether nothing but config bytes was asked about; `false` where it does not say. */
  readonly bytesOnly?: boolean | undefined;
  /** The site's options for the policy. */
  readonly options?: unknown;
}

/** A migration and what a policy is to say of it: its documentation, and its test. */
export interface PolicyCase<Code extends string = string> extends CaseMigration {
  /** All that the policy finds, those that decide first. */
  readonly findings: readonly CaseFinding<Code>[];
  /** What the policy decides alone. */
  readonly decision: Decision;
}

/**
 * Lets a policy, and no other, judge a case.
 *
 * @throws {PremigrateError} When the case's options do not fit the policy.
 * @throws {QemuVersionError} When a side's QEMU version cannot be read.
 *
 * @example
 * ```ts
 * import { BUILT_IN } from "premigrate";
 * import { runCase } from "premigrate/policy";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const policy = BUILT_IN.find(({ id }) => id === "qemu/restore-check");
 * assert(policy !== undefined);
 * const { findings } = runCase(policy, {
 *   name: "the revision differs",
 *   source: { qemu: "9.2", config: { 0x00: "de 10 b8 1e", 0x08: "a1" } },
 *   destination: { qemu: "9.2", config: { 0x00: "de 10 b8 1e", 0x08: "a2" } },
 *   machine: "pc-q35-9.2",
 *   bytesOnly: true,
 * });
 * assertEquals(findings[0]?.code, "will-fail");
 * ```
 */
export function runCase(policy: Policy, given: CaseMigration): Verdict {
  const { pair, migration } = caseQuestion(given);
  const registry = new Registry().use(policy, given.options ?? {});
  return judgePairs({ pairs: [pair], migration, registry }).verdict;
}

/**
 * The codes that no case of a policy expects with the code's own severity.
 *
 * @example
 * ```ts
 * import { BUILT_IN } from "premigrate";
 * import { codesWithoutCase } from "premigrate/policy";
 * import { assertEquals } from "@std/assert";
 *
 * const [policy] = BUILT_IN;
 * const codes = policy?.codes ?? {};
 * assertEquals(codesWithoutCase(codes, []), Object.keys(codes));
 * ```
 */
export function codesWithoutCase(
  codes: Policy["codes"],
  cases: readonly PolicyCase[],
): string[] {
  const findings = cases.flatMap(({ findings }) => findings);
  return Object.entries(codes)
    .filter(([code, { severity }]) => !findings.some(([c, s]) => c === code && s === severity))
    .map(([code]) => code);
}

/**
 * The pair and the migration of a case.
 *
 * @throws {QemuVersionError} When a side's QEMU version cannot be read.
 */
export function caseQuestion(
  given: CaseMigration,
): { readonly pair: DevicePair; readonly migration: Migration } {
  const { guest, machine, bus, properties = {}, vfioDevices, viommu, postCopy } = given;
  const source = readSide("source", given.source);
  const destination = readSide("destination", given.destination);
  return {
    pair: {
      name: "device",
      guest: { bus, properties },
      source: source.device,
      destination: destination.device,
    },
    migration: {
      guest,
      machine: machine === undefined ? undefined : parseMachine(machine),
      source: source.host,
      destination: destination.host,
      vfioDevices,
      viommu,
      postCopy,
      bytesOnly: given.bytesOnly ?? false,
    },
  };
}

function readSide(
  side: "source" | "destination",
  { host: name = side, qemu, ...given }: CaseSide,
): { readonly device: DeviceFacts; readonly host: HostFacts } {
  const { skipVscCheck, machineTypes, libvirt, kernel, nvidiaDriver, romFiles, ...more } = given;
  const { address = "0000:3b:00.4", config, size, view = "realize", derived, arrived, ...facts } =
    more;
  return {
    device: {
      ...facts,
      address,
      ...config && { config: { kind: view, bytes: bytesOf(config, size), derived, arrived } },
    },
    host: {
      name,
      qemu: qemu === undefined ? undefined : parseQemuVersion(qemu),
      skipVscCheck,
      machineTypes,
      libvirt,
      kernel,
      nvidiaDriver,
      romFiles,
    },
  };
}

// Numeric keys come in ascending order, however they were written.
function bytesOf(
  config: Readonly<Record<number, string>>,
  size: ConfigSpaceSize = 256,
): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const [offset, hex] of Object.entries(config)) {
    bytes.set(decodeHex(hex.replaceAll(" ", "")), Number(offset));
  }
  return bytes;
}
