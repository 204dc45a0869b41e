/**
 * From what can be seen of a device to what QEMU will read of it: the VFIO config region. Only a
 * realize view is that region; the others allow one reading or two.
 */
import { get32, set16, set32 } from "../pci/bytes.ts";
import type { ConfigView, RealizeView } from "./view.ts";

/** Ids that the kernel's own attributes tell, for functions whose config space does not. */
export interface KnownIds {
  /** PCI vendor id (sysfs `vendor`). */
  readonly vendor?: number | undefined;
  /** PCI device id (sysfs `device`). */
  readonly device?: number | undefined;
}

/**
 * The config regions that a view may stand for, the likeliest last. What is true of all of them is
 * certain.
 *
 * - A realize view stands for itself, and a running view for what it shows at run time.
 * - A guest view has QEMU's virtual capabilities in its list: they are taken out.
 * - A sysfs view may hold capabilities that the kernel's vfio-pci hides; which ones depends on the
 *   kernel, so it is read both ways.
 */
export function readRegions(view: ConfigView, ids: KnownIds = {}): readonly RealizeView[] {
  if (view.kind === "realize") return [view];
  const bytes = view.bytes.slice();
  if (view.kind === "running") return [{ kind: "realize", bytes }];
  if (view.kind === "guest") {
    removeGpudirectClique(bytes);
    return [{ kind: "realize", bytes }];
  }
  // vfio_config_init: a VF's ids come from struct pci_dev, and it has no interrupt pin.
  if (ids.vendor !== undefined) set16(bytes, 0x00, ids.vendor);
  if (ids.device !== undefined) set16(bytes, 0x02, ids.device);
  bytes[0x3d] = 0;
  const hidden = bytes.slice();
  hideStandard(hidden);
  hideExtended(hidden);
  return [{ kind: "realize", bytes }, { kind: "realize", bytes: hidden }];
}

// vfio_add_nv_gpudirect_cap puts its capability at c8 or d4, at the end of the list.
function removeGpudirectClique(bytes: Uint8Array): void {
  const isClique = (at: number): boolean =>
    (at === 0xc8 || at === 0xd4) && get32(bytes, at + 2) === 0x50325008;
  for (const link of standardLinks(bytes)) {
    const at = bytes[link] ?? 0;
    if (!isClique(at)) continue;
    bytes[link] = bytes[at + 1] ?? 0;
    bytes.fill(0, at, at + 8);
    if (bytes[0x34] === 0) bytes[0x06] = (bytes[0x06] ?? 0) & ~0x10;
    return;
  }
}

// Ids of length 0 in the kernel's pci_cap_length (drivers/vfio/pci/vfio_pci_config.c), or past it.
const HIDDEN_STANDARD: ReadonlySet<number> = new Set([
  0x04,
  0x06,
  0x0a,
  0x0b,
  0x0c,
  0x0d,
  0x0e,
  0x0f,
]);

// vfio_cap_init
function hideStandard(bytes: Uint8Array): void {
  const links = standardLinks(bytes);
  // From the end, so that a pointer that is moved on points past what was hidden before.
  for (const link of links.reverse()) {
    const at = bytes[link] ?? 0;
    const id = bytes[at] ?? 0;
    const isHidden = HIDDEN_STANDARD.has(id) || id > 0x13 || id === 0 ||
      (id === 0x09 && bytes[at + 2] === 0);
    if (isHidden) bytes[link] = bytes[at + 1] ?? 0;
  }
  if (bytes[0x34] === 0) bytes[0x06] = (bytes[0x06] ?? 0) & ~0x10;
}

/** The offsets of the pointers of the list, as far as it does not loop. */
function standardLinks(bytes: Uint8Array): number[] {
  if (((bytes[0x06] ?? 0) & 0x10) === 0) return [];
  const links: number[] = [];
  for (
    let link = 0x34;
    (bytes[link] ?? 0) >= 0x40 && links.length < 48;
    link = (bytes[link] ?? 0) + 1
  ) {
    links.push(link);
  }
  return links;
}

// Ids of length 0 in the kernel's pci_ext_cap_length, or past it.
const SHOWN_EXTENDED: ReadonlySet<number> = new Set([
  0x01,
  0x02,
  0x03,
  0x04,
  0x08,
  0x09,
  0x0b,
  0x0d,
  0x0e,
  0x0f,
  0x10,
  0x12,
  0x13,
  0x15,
  0x16,
  0x17,
  0x18,
]);

// vfio_ecap_init: a hidden head keeps its place with id 0, others are skipped by their predecessor.
function hideExtended(bytes: Uint8Array): void {
  if (bytes.length < 4096 || get32(bytes, 0x100) === 0) return;
  let previous = 0;
  const seen = new Set<number>();
  for (let at = 0x100; at >= 0x100 && !seen.has(at);) {
    seen.add(at);
    const header = get32(bytes, at);
    const next = (header >>> 20) & 0xffc;
    if (SHOWN_EXTENDED.has(header & 0xffff)) {
      previous = at;
    } else if (previous === 0) {
      set16(bytes, at, 0);
      previous = at;
    } else {
      set32(bytes, previous, (get32(bytes, previous) & 0xfffff) | next << 20);
    }
    at = next;
  }
}
