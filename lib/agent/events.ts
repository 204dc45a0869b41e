/**
 * What virsh prints of a guest that started here, arrived, goes on or got another device
 * (`virshEventPrintf`, in the C locale). A guest's name stands in the middle and may hold anything,
 * so that only both ends are looked at.
 */
const RELEVANT = [
  /^event 'lifecycle' for domain .*: (Started|Resumed) [^:]*$/s,
  // A guest that arrives paused.
  /^event 'lifecycle' for domain .*: Suspended Paused$/s,
  /^event 'device-(added|removed)' for domain /,
];

/**
 * Whether a line of `virsh event` tells of something that stamps depend on. A change of metadata is
 * none: stamping is one.
 *
 * @example
 * ```ts
 * import { isRelevantEvent } from "./events.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isRelevantEvent("event 'lifecycle' for domain 'vm1': Started Booted"), true);
 * assertEquals(isRelevantEvent("event 'lifecycle' for domain 'vm1': Stopped Shutdown"), false);
 * ```
 */
export function isRelevantEvent(line: string): boolean {
  return RELEVANT.some((pattern) => pattern.test(line));
}
