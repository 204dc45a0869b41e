import type { CapturedHost, Facts } from "../facts/mod.ts";
import type { Answer } from "../policy/mod.ts";
import type { Settled } from "./settle.ts";

/** A device of the XML, and the device that the guest gets instead. */
export interface Rewritten {
  /** The address in the XML that libvirt handed over. */
  readonly from: string;
  /** The address in the XML that it gets back. */
  readonly to: string;
}

/** A decision, with all that is to be told of it. */
export interface Decision {
  /** By which the report is found: when, and a random part. */
  readonly id: string;
  /** When, in ISO 8601. */
  readonly time: string;
  /** The guest's name on this host. */
  readonly name: string;
  readonly uuid: string | undefined;
  /** What becomes of it. */
  readonly settled: Settled;
  /** The verdict, with its findings. */
  readonly answer: Answer;
  /** Where the guest comes from. */
  readonly source: Facts | undefined;
  /** This host. */
  readonly destination: Facts | undefined;
  /** The devices that the guest gets instead of those in the XML, by alias. */
  readonly rewritten: Readonly<Record<string, Rewritten>>;
  /** How long it took so far, in milliseconds. */
  readonly ms: number;
}

/** What an audit line and a message call a host. */
export function nameOf(facts: { readonly host: CapturedHost } | undefined): string | null {
  return facts?.host.name ?? null;
}
