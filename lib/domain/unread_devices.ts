import type { XmlElement } from "@rgrove/parse-xml";
import { child } from "./document.ts";

/** Kinds of devices that are neither VFIO's nor QEMU's own, and into which nothing here looks. */
export type UnreadKind =
  | "nvme-disk"
  | "vdpa-disk"
  | "vdpa-interface"
  | "vhost-user-disk"
  | "vhost-user-interface"
  | "virtiofs";

const KINDS: ReadonlyMap<string, UnreadKind> = new Map([
  ["disk nvme", "nvme-disk"],
  ["disk vhostvdpa", "vdpa-disk"],
  ["disk vhostuser", "vhost-user-disk"],
  ["interface vdpa", "vdpa-interface"],
  ["interface vhostuser", "vhost-user-interface"],
]);

/** Devices of one such kind. */
export interface UnreadDevices {
  /** The kind. */
  readonly kind: UnreadKind;
  /** How many the guest has. */
  readonly count: number;
}

/** How many there are of each kind, in the order of the first of each. */
export function countUnread(devices: readonly XmlElement[]): UnreadDevices[] {
  const counts = new Map<UnreadKind, number>();
  for (const device of devices) {
    const kind = kindOf(device);
    if (kind !== undefined) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return Array.from(counts, ([kind, count]) => ({ kind, count }));
}

function kindOf(device: XmlElement): UnreadKind | undefined {
  const { name, attributes } = device;
  if (name === "filesystem") {
    return child(device, "driver")?.attributes["type"] === "virtiofs" ? "virtiofs" : undefined;
  }
  // What a network is to its guest stands in <actual>.
  const type = child(device, "actual")?.attributes["type"] ?? attributes["type"];
  return KINDS.get(`${name} ${type}`);
}
