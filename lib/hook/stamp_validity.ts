import type { Finding } from "../policy/mod.ts";
import type { CapturedHost } from "../facts/mod.ts";
import type { Stamp, StampedDevice } from "../facts/stamp/stamp.ts";
import { hookFinding } from "./codes.ts";

/** What a stamp must fit. */
export interface StampTerms {
  /** The guest's UUID. */
  readonly uuid: string | undefined;
  /** Its devices, as the XML that libvirt hands over has them. */
  readonly devices: readonly StampedDevice[];
  /** Where it has interfaces that may be devices of a pool on the source. */
  readonly interfaces?: readonly string[];
  /** The destination, with its ids as a stamp of the guest has them. */
  readonly host: Pick<CapturedHost, "name" | "uuid" | "machineId" | "bootId">;
  /** Now, in milliseconds since 1970. */
  readonly now: number;
  /** The oldest stamp that is used, in seconds. */
  readonly maxAge: number;
}

// More than clocks that are set by NTP ever differ.
const MOST_AHEAD = 60;
const OFFLINE_MARK_SECONDS = 600;

/** Why a stamp is not used; `undefined` when it is. */
export function doubtStamp(stamp: Stamp, terms: StampTerms): Finding | undefined {
  const { host } = stamp.facts;
  const age = Math.floor((terms.now - Date.parse(stamp.time)) / 1000);
  if (stamp.guest !== terms.uuid) {
    return hookFinding("stamp-of-other-guest", undefined, { guest: stamp.guest });
  }
  if (isSameHost(host, terms.host)) {
    return hookFinding("stamp-of-destination", undefined, { host: host.name });
  }
  if (age < -MOST_AHEAD) return hookFinding("stamp-from-future", undefined, { seconds: -age });
  if (Number.isNaN(age)) {
    const reason = `its time is ${stamp.time}`;
    return hookFinding("stamp-unusable", undefined, { reason });
  }
  if (age > terms.maxAge) {
    return hookFinding("stamp-too-old", undefined, { age, most: terms.maxAge });
  }
  const devices = stamp.devices.filter(({ guest }) => !terms.interfaces?.includes(guest));
  const [wanted, stamped] = [terms.devices, devices].map(listAddresses);
  if (wanted !== stamped) {
    const data = { wanted: wanted || "none", stamped: stamped || "none" };
    return hookFinding("stamp-of-other-devices", undefined, data);
  }
  return undefined;
}

/** libvirt's UUID tells; where one side's is not known, the machine's id, which a cloned disk copies. */
function isSameHost(stamped: CapturedHost, here: StampTerms["host"]): boolean {
  const isEqual = (id: "uuid" | "machineId" | "bootId"): boolean =>
    stamped[id] !== undefined && stamped[id] === here[id];
  const isKnown = stamped.uuid !== undefined && here.uuid !== undefined;
  return isEqual(isKnown ? "uuid" : "machineId") || isEqual("bootId");
}

/** What the mark of a guest that was shut off says. */
export function readOfflineMark(time: string, now: number): Finding {
  const age = Math.floor((now - Date.parse(time)) / 1000);
  if (age < -MOST_AHEAD) return hookFinding("stamp-from-future", undefined, { seconds: -age });
  return age <= OFFLINE_MARK_SECONDS
    ? hookFinding("offline-migration", undefined, { age })
    : hookFinding("offline-mark-too-old", undefined, { age, most: OFFLINE_MARK_SECONDS });
}

function listAddresses(devices: readonly StampedDevice[]): string {
  return devices.map(({ guest }) => guest).sort().join(" ");
}
