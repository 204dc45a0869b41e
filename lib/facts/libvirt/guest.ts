import { type Domain, DomainXmlError, parseDomain } from "../../domain/mod.ts";
import { hideSecrets } from "../hide_secrets.ts";
import type { EmulatorChoice, LibvirtHost } from "./host.ts";
import type { LibvirtUri } from "./uri.ts";
import { VirshError, type VirshErrorCode } from "./virsh_error.ts";
import type { Unanswered, VirshAnswer, VirshCommand } from "./virsh_script.ts";

/** Which guest. */
export interface GuestId {
  /** Unique on its host; any characters but line breaks. */
  readonly name: string;
  /** The same on every host. */
  readonly uuid: string;
}

/** A guest that is running, or paused. */
export interface Guest extends GuestId {
  /** In virsh's words: `running`, `paused`, ... */
  readonly state: string;
  /** Its live domain XML, without secrets. */
  readonly xml: string;
  /** The same, read. */
  readonly domain: Domain;
  /** Path of its QEMU. */
  readonly emulator: string | undefined;
  /** Its machine type; an alias is resolved where the host's `machines` are known. */
  readonly machine: string | undefined;
  /** The host where it runs. */
  readonly host: LibvirtHost;
}

/** States that no live migration leaves from. */
const NOT_RUNNING = ["shut off", "crashed"];

/** The commands whose answers {@linkcode parseGuest} reads. */
export function guestCommands(nameOrUuid: string): VirshCommand[] {
  return [["dominfo", "--domain", nameOrUuid], ["dumpxml", "--domain", nameOrUuid]];
}

/**
 * What the answers to {@linkcode guestCommands} say, with what `parseHost` gives; or why
 * they tell of no running guest.
 */
export function parseGuest(
  uri: Pick<LibvirtUri, "host">,
  nameOrUuid: string,
  [info = "", xml = ""]: readonly VirshAnswer[],
  about: (choice: EmulatorChoice) => LibvirtHost,
): Guest | Unanswered {
  if (typeof info !== "string") return info;
  if (typeof xml !== "string") return xml;
  const missing = (code: VirshErrorCode, found: string): Unanswered => ({
    missing: new VirshError(code, uri, found),
  });
  const shown = hideSecrets(xml);
  const domain = parseDumped(uri, field(info, "Name") ?? nameOrUuid, shown);
  if ("missing" in domain) return domain;
  const { name, uuid, arch, emulator, machine } = domain;
  const state = field(info, "State");
  if (uuid === undefined || state === undefined) {
    return missing("unreadable", `found no UUID or state of the guest in: ${info}`);
  }
  // virsh looks a guest up anew for each command, and takes a number for a guest's current id.
  const isWanted = name === nameOrUuid || uuid === nameOrUuid.toLowerCase();
  if (!isWanted || uuid !== field(info, "UUID")) {
    return missing("no-such-domain", `failed to get domain '${nameOrUuid}'`);
  }
  if (NOT_RUNNING.includes(state)) {
    return missing("not-running", `found the guest '${name}' in the state "${state}"`);
  }
  const host = about({ arch, emulator });
  const known = host.machines?.find(({ name }) => name === machine);
  return {
    name,
    uuid,
    state,
    xml: shown,
    domain,
    emulator,
    machine: known?.canonical ?? machine,
    host,
  };
}

/** Reads `virsh list --uuid --name`. */
export function parseGuestList(text: string): GuestId[] {
  return Array.from(
    text.matchAll(/^([0-9a-f-]{36}) (.+)$/gm),
    ([, uuid = "", name = ""]) => ({ name, uuid }),
  );
}

/** Whether there is no such guest, or it has ended since it was listed. */
export function isGone({ code }: VirshError): boolean {
  return code === "no-such-domain" || code === "not-running";
}

/** Whether `dominfo` tells of a guest that runs. */
export function isRunning(info: string): boolean {
  return !NOT_RUNNING.includes(field(info, "State") ?? "");
}

function parseDumped(
  uri: Pick<LibvirtUri, "host">,
  guest: string,
  xml: string,
): Domain | Unanswered {
  try {
    return parseDomain(xml);
  } catch (error) {
    if (!(error instanceof DomainXmlError)) throw error;
    return { missing: new VirshError("unreadable", uri, `the guest '${guest}': ${error.message}`) };
  }
}

/** A line of `virsh dominfo`, in the C locale. */
function field(info: string, label: string): string | undefined {
  return new RegExp(`^${label}: +(.+)$`, "m").exec(info)?.[1];
}
