/** The example's guest between two hosts of one driver, with what a test changes of it. */
import {
  BUILT_IN,
  type CapturedDevice,
  type CapturedHost,
  type Facts,
  parseDomain,
  parseFacts,
} from "premigrate";
import { Registry } from "premigrate/policy";
import type { DetailedAnswer } from "premigrate/policy";
import { judge } from "premigrate/policy";

const EXAMPLES = new URL("../../../examples/", import.meta.url);
const read = (name: string): string => Deno.readTextFileSync(new URL(name, EXAMPLES));
const GUEST = parseDomain(read("domain.xml").replace("pc-q35-9.0", "pc-q35-9.1"));

type Change = (device: CapturedDevice) => CapturedDevice;

/** What is changed of the example. */
export interface Changes {
  readonly source?: Change | undefined;
  readonly destination?: Change | undefined;
  readonly sourceHost?: Partial<CapturedHost> | undefined;
  readonly destinationHost?: Partial<CapturedHost> | undefined;
  /** `null`: the document does not tell. */
  readonly machine?: null | undefined;
  readonly registry?: Registry | undefined;
}

/** Judges it; without a change it is allowed. */
export function judgeExample(changes: Changes = {}): DetailedAnswer {
  const facts = parseFacts(read("source.json"));
  const there = parseFacts(read("destination.json"));
  const same = (device: CapturedDevice): CapturedDevice => device;
  const put = (
    { host }: Facts,
    change: Change = same,
    others: Partial<CapturedHost> = {},
  ): Facts => ({
    ...facts,
    host: { ...host, ...others },
    devices: facts.devices.map((device) => change({ ...device, inUse: false })),
  });
  return judge({
    registry: changes.registry ?? builtIn(),
    source: put(facts, changes.source, changes.sourceHost),
    destination: put(there, changes.destination, changes.destinationHost),
    guest: changes.machine === null ? { ...GUEST, machine: undefined } : GUEST,
  });
}

function builtIn(): Registry {
  const registry = new Registry();
  for (const policy of BUILT_IN) registry.use(policy);
  return registry;
}
