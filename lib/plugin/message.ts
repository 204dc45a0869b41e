import { decodeHex, encodeHex } from "@std/encoding/hex";
import { type DeviceFacts, type HostFacts, parseQemuVersion } from "../policy/mod.ts";
import type { Codes, ConfigView, DevicePair, Migration, PolicyDefinition } from "../policy/mod.ts";

/** What a policy is asked about: a pair of devices, or without one the guest as a whole. */
export interface Question {
  readonly pair?: DevicePair;
  readonly migration: Migration;
}

/** What a plugin is asked, with the options that are set for it. */
export type Request =
  & { readonly options: Readonly<Record<string, unknown>> }
  & (
    | { readonly kind: "describe" }
    | { readonly kind: "evaluate"; readonly questions: readonly QuestionMessage[] }
  );

/** All of a policy but its rules. */
export interface Description extends
  Pick<
    Definition,
    | "id"
    | "title"
    | "documentation"
    | "match"
    | "judgesBytesAlone"
    | "attributes"
    | "judgesUnread"
    | "codes"
  > {
  /** Whether it has rules on the guest as a whole. */
  readonly ofGuest: boolean;
}

type Definition = PolicyDefinition<unknown, Codes>;

/** A question as JSON has it: config bytes in hexadecimal, QEMU's version as text. */
export interface QuestionMessage {
  readonly pair?: Omit<DevicePair, Sides> & Readonly<Record<Sides, DeviceMessage>>;
  readonly migration: Omit<Migration, Sides> & Readonly<Record<Sides, HostMessage>>;
}

type Sides = "source" | "destination";
type DeviceMessage = Omit<DeviceFacts, "config"> & {
  readonly config?: Omit<ConfigView, "bytes"> & { readonly bytes: string };
};
type HostMessage = Omit<HostFacts, "qemu"> & { readonly qemu?: string };

/** Makes a question a message. */
export function writeQuestion({ pair, migration }: Question): QuestionMessage {
  return {
    ...pair && {
      pair: {
        ...pair,
        source: writeDevice(pair.source),
        destination: writeDevice(pair.destination),
      },
    },
    migration: {
      ...migration,
      source: writeHost(migration.source),
      destination: writeHost(migration.destination),
    },
  };
}

/** Reads what {@linkcode writeQuestion} made. */
export function readQuestion({ pair, migration }: QuestionMessage): Question {
  return {
    ...pair && {
      pair: {
        ...pair,
        source: readDevice(pair.source),
        destination: readDevice(pair.destination),
      },
    },
    migration: {
      ...migration,
      source: readHost(migration.source),
      destination: readHost(migration.destination),
    },
  };
}

function writeDevice({ config, ...facts }: DeviceFacts): DeviceMessage {
  if (config === undefined) return facts;
  const { kind, bytes, derived, arrived } = config;
  const origin = { ...derived && { derived }, ...arrived && { arrived } };
  return { ...facts, config: { kind, bytes: encodeHex(bytes), ...origin } };
}

function readDevice({ config, ...facts }: DeviceMessage): DeviceFacts {
  if (config === undefined) return facts;
  return { ...facts, config: { ...config, bytes: decodeHex(config.bytes) } };
}

function writeHost({ qemu, ...facts }: HostFacts): HostMessage {
  return qemu === undefined ? facts : { ...facts, qemu: qemu.toString() };
}

function readHost({ qemu, ...facts }: HostMessage): HostFacts {
  return qemu === undefined ? facts : { ...facts, qemu: parseQemuVersion(qemu) };
}
