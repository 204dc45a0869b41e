import type { NetworkPool, Networks } from "../../domain/host_device.ts";
import { child, children } from "../../domain/document.ts";
import { normalizeBdf } from "../../pci/bdf.ts";
import type { LibvirtUri } from "./uri.ts";
import { readRoot } from "./xml.ts";
import { readKept, replaceFile } from "../store.ts";
import { runVirsh } from "./virsh.ts";

/** Where the list of a host's networks is kept, and what tells of its age. */
export interface NetworkPaths {
  /** The list: lines that the hook's launcher reads, too. */
  readonly networks: string;
  /** Libvirt's folder with a file for each active network, written when it is started or changed. */
  readonly networkStates: string;
}

const FIRST = "premigrate networks 1";
const LAST = "end";
// A host has a handful.
const LARGEST = 1024 * 1024;

/**
 * What a host's libvirt networks are. One virsh process that lists them and one that reads them,
 * read-only.
 *
 * @throws {VirshError} When libvirt gives no answer.
 */
export async function readNetworks(uri: LibvirtUri, signal: AbortSignal): Promise<Networks> {
  const options = { readOnly: true, signal };
  const [listed = ""] = await runVirsh(uri, [["net-list", "--all", "--name"]], options);
  if (typeof listed !== "string") {
    // Without its network driver libvirt has no network to put a guest on.
    if (/not supported by the connection driver/.test(listed.missing.found)) return {};
    throw listed.missing;
  }
  // virsh ends each name with a line break, and pads none.
  const names = listed.split("\n").filter((name) => name !== "");
  if (names.length === 0) return {};
  const commands = names.map((name) => ["net-dumpxml", "--network", name]);
  const answers = await runVirsh(uri, commands, options);
  return Object.fromEntries(names.flatMap((name, index) => {
    const answer = answers[index];
    const network = typeof answer === "string" ? parseNetwork(answer) : undefined;
    // One that is gone, or that virsh took for another's UUID, is not known.
    return network?.name === name ? [[name, network.kind]] : [];
  }));
}

/**
 * Reads `virsh net-dumpxml` (libvirt's `virNetworkDefFormatBuf`); `undefined` for anything else.
 *
 * @example
 * ```ts
 * import { parseNetwork } from "./networks.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const pool = parseNetwork(`<network><name>vfs</name><forward mode='hostdev' managed='yes'>
 *   <address type='pci' domain='0x0000' bus='0x3b' slot='0x02' function='0x1'/>
 * </forward></network>`);
 * assertEquals(pool?.kind, { managed: true, model: undefined, devices: ["0000:3b:02.1"] });
 * assertEquals(parseNetwork("<network><name>lan</name></network>")?.kind, "plain");
 * ```
 */
export function parseNetwork(
  xml: string,
): { readonly name: string; readonly kind: "plain" | NetworkPool } | undefined {
  const root = readRoot(xml, "network");
  const name = child(root, "name")?.text;
  if (root === undefined || name === undefined) return undefined;
  const forward = child(root, "forward");
  if (forward?.attributes["mode"] !== "hostdev") return { name, kind: "plain" };
  const devices = children(forward, "address").flatMap(({ attributes }) => {
    const { domain, bus, slot, function: number } = attributes;
    const digits = [domain, bus, slot, number].map((part) => part?.replace(/^0x/, ""));
    return normalizeBdf(`${digits[0]}:${digits[1]}:${digits[2]}.${digits[3]}`) ?? [];
  });
  const managed = forward.attributes["managed"] === "yes";
  return { name, kind: { managed, model: child(forward, "driver")?.attributes["model"], devices } };
}

/**
 * Asks this host's libvirt what its networks are, and keeps the list for the hook.
 *
 * @throws {VirshError} When libvirt gives no answer.
 * @throws {Error} Deno's own, when the list cannot be written.
 */
export async function refreshNetworks(
  path: string,
  uri: LibvirtUri,
  signal: AbortSignal,
): Promise<Networks> {
  // As old as the question: what changed since makes it stale.
  const asked = new Date();
  const networks = await readNetworks(uri, signal);
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
  replaceFile(path, (unfinished) => {
    Deno.writeTextFileSync(unfinished, writeNetworks(networks), { createNew: true, mode: 0o600 });
    Deno.utimeSync(unfinished, asked, asked);
  });
  return networks;
}

/** Says how many there are. */
export function countNetworks(networks: Networks): string {
  const kinds = Object.values(networks);
  const pools = kinds.filter((kind) => kind !== "plain").length;
  return `${kinds.length} networks${pools === 0 ? "" : `, ${pools} of them pools of host devices`}`;
}

/** The list as lines, the names last as they may hold blanks. */
export function writeNetworks(networks: Networks): string {
  const lines = Object.entries(networks).flatMap(([name, kind]) => {
    if (/\p{C}/u.test(name)) return [];
    if (kind === "plain") return [`plain ${name}`];
    const { managed, model, devices } = kind;
    const module = /^[\w-]+$/.test(model ?? "") ? `:${model}` : "";
    return [`pool ${managed ? "yes" : "no"}${module} ${devices.join(",") || "-"} ${name}`];
  });
  return [FIRST, ...lines, LAST, ""].join("\n");
}

/** Reads what {@linkcode writeNetworks} made; a list that is not whole has nothing in it. */
export function parseNetworks(text: string): Networks {
  const lines = text.split("\n");
  if (lines[0] !== FIRST || lines.at(-2) !== LAST || lines.at(-1) !== "") return {};
  return Object.fromEntries(
    lines.slice(1, -2).flatMap((line): [string, Networks[string]][] => {
      const [, plain] = /^plain (.+)$/.exec(line) ?? [];
      if (plain !== undefined) return [[plain, "plain"]];
      const [, managed, model, devices = "", name] =
        /^pool (yes|no)(?::([\w-]+))? (-|[0-9a-f:.,]+) (.+)$/.exec(line) ?? [];
      if (name === undefined) return [];
      const addresses = devices === "-" ? [] : devices.split(",");
      return [[name, { managed: managed === "yes", model, devices: addresses }]];
    }),
  );
}

/**
 * The networks of the list that libvirt has not started or changed since it was made. Of one that is
 * not active nothing tells that, so that it must be a list that was made only now.
 *
 * @param newest Milliseconds since 1970: what was made later is of now.
 */
export function findNetworks({ networks, networkStates }: NetworkPaths, newest: number): Networks {
  const made = modified(networks);
  if (made === undefined) return {};
  const listed = Object.entries(parseNetworks(readKept(networks, LARGEST) ?? ""));
  return Object.fromEntries(listed.filter(([name]) => {
    const changed = modified(`${networkStates}/${name}.xml`);
    return changed === undefined ? made >= newest : changed < made;
  }));
}

function modified(path: string): number | undefined {
  try {
    return Deno.statSync(path).mtime?.getTime();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return undefined;
  }
}
