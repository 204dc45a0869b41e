import type { FindingValue, HostName, Migration } from "../policy/mod.ts";

/**
 * What sentences call the hosts: by their names, where these are known.
 *
 * @param side The finding's `data.side`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const hosts = { source: { name: "hosta" }, destination: { name: "" }, bytesOnly: false };
 * assertEquals(hostNames(hosts, "source").sideHost, "hosta");
 * assertEquals(hostNames(hosts, "destination").sideHost, "the destination");
 * ```
 */
export function hostNames(
  migration: Pick<Migration, "source" | "destination"> | undefined,
  side?: FindingValue,
): Readonly<Record<HostName, string>> {
  const name = (side: "source" | "destination"): string => {
    const { name = "" } = migration?.[side] ?? {};
    // Of two dumps the hosts are called by their sides.
    return name === "" || name === side ? `the ${side}` : name;
  };
  const [sourceHost, destinationHost] = [name("source"), name("destination")];
  const sideHost = side === "source" || side === "the source"
    ? sourceHost
    : side === "destination" || side === "the destination"
    ? destinationHost
    : `${sourceHost} and ${destinationHost}`;
  return { sourceHost, destinationHost, sideHost };
}
