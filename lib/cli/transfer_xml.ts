import { type Domain, parseDomain, rewriteSources } from "../domain/mod.ts";
import { runVirsh } from "../facts/libvirt/virsh.ts";
import { VirshError } from "../facts/libvirt/virsh_error.ts";
import type { LibvirtAccess } from "./options.ts";

/**
 * The XML for `virsh migrate --xml`, with other source addresses where `targets` (by alias) has
 * them. Libvirt takes its own migratable form only, which it tells to read-write connections alone
 * and with secrets in it.
 *
 * @throws {VirshError} When libvirt does not give it, or gives that of another guest.
 */
export async function transferXml(
  { uri }: LibvirtAccess,
  guest: Domain,
  targets: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<string> {
  const name = guest.uuid ?? guest.name;
  const command = ["dumpxml", "--migratable", "--domain", name];
  const [xml = ""] = await runVirsh(uri, [command], { readOnly: false, signal });
  if (typeof xml !== "string") throw xml.missing;
  const migratable = parseDomain(xml);
  const sources: Record<string, string> = {};
  for (const [alias, address] of targets) {
    // The migratable form has no aliases of libvirt's; what a migration keeps is the guest address.
    const live = guest.hostDevices.find((device) =>
      device.kind !== "other" && device.alias === alias
    );
    const twin = migratable.hostDevices.find((device) =>
      device.kind !== "other" && live?.kind !== "other" && device.address?.type === "pci" &&
      live?.address?.type === "pci" && device.address.bdf === live.address.bdf
    );
    if (twin === undefined || twin.kind === "other") {
      throw new VirshError("unreadable", uri, `found no device ${alias} in the migratable XML`);
    }
    sources[twin.alias] = address;
  }
  return rewriteSources(xml, migratable, sources);
}
