import { child, children } from "../../domain/document.ts";
import { readRoot } from "./xml.ts";

/** What `virsh capabilities` says of a host. */
export interface Capabilities {
  /** The host's UUID: its firmware's, or libvirt's `host_uuid`. */
  readonly uuid: string | undefined;
  /** The host's architecture, as `x86_64`. */
  readonly arch: string | undefined;
  /** One for each architecture that it can run. */
  readonly emulators: readonly Emulator[];
}

/** The QEMU that libvirt chose for an architecture. Others may be installed too. */
export interface Emulator {
  /** The guest's architecture. */
  readonly arch: string;
  /** Absolute path. */
  readonly path: string;
  /** Machine types in libvirt's order, aliases too. */
  readonly machines: readonly MachineType[];
}

/** A machine type of a QEMU. */
export interface MachineType {
  /** As `-machine` takes it. */
  readonly name: string;
  /** What an alias like `q35` stands for; `name` itself for any other. */
  readonly canonical: string;
}

/**
 * Reads `virsh capabilities` (libvirt's `virCapabilitiesFormatXML`); `undefined` for anything else.
 *
 * @example
 * ```ts
 * import { parseCapabilities } from "./capabilities.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const capabilities = parseCapabilities(`
 *   <capabilities>
 *     <host><cpu><arch>x86_64</arch></cpu></host>
 *     <guest>
 *       <os_type>hvm</os_type>
 *       <arch name='x86_64'>
 *         <emulator>/usr/bin/qemu-system-x86_64</emulator>
 *         <machine canonical='pc-q35-7.2' maxCpus='288'>q35</machine>
 *       </arch>
 *     </guest>
 *   </capabilities>`);
 * const [emulator] = capabilities?.emulators ?? [];
 * assertEquals(emulator?.machines, [{ name: "q35", canonical: "pc-q35-7.2" }]);
 * ```
 */
export function parseCapabilities(xml: string): Capabilities | undefined {
  const root = readRoot(xml, "capabilities");
  if (root === undefined) return undefined;
  const host = child(root, "host");
  const emulators = children(root, "guest").flatMap((guest) => {
    const element = child(guest, "arch");
    const arch = element?.attributes["name"];
    const path = child(element, "emulator")?.text;
    if (child(guest, "os_type")?.text !== "hvm" || arch === undefined || path === undefined) {
      return [];
    }
    const machines = children(element, "machine").map(({ text, attributes }) => ({
      name: text,
      canonical: attributes["canonical"] ?? text,
    }));
    return [{ arch, path, machines }];
  });
  return {
    uuid: child(host, "uuid")?.text,
    arch: child(child(host, "cpu"), "arch")?.text,
    emulators,
  };
}
