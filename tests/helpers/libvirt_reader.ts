/**
 * Calls a reader and prints what it gave, in a process of its own: its PATH is the test's to set,
 * and it may run virsh and nothing else.
 */
import {
  listRunning,
  readGuest,
  readGuests,
  readHost,
  readNodeDevices,
} from "../../lib/facts/libvirt/guests.ts";
import { parseLibvirtUri } from "../../lib/facts/libvirt/uri.ts";
import { VirshError } from "../../lib/facts/libvirt/virsh_error.ts";

const [reader = "", milliseconds = "", ...rest] = Deno.args;
const uri = parseLibvirtUri("qemu+tcp://hostb/system");
const signal = AbortSignal.timeout(Number(milliseconds));
const [first = ""] = rest;

const READERS: Readonly<Record<string, () => Promise<unknown>>> = {
  listRunning: () => listRunning(uri, signal),
  readGuest: () => readGuest(uri, first, signal),
  readGuests: () => readGuests(uri, rest, signal),
  readHost: () => readHost(uri, {}, signal),
  readNodeDevices: () => readNodeDevices(uri, rest, signal),
};

function describe(value: unknown): unknown {
  if (value instanceof VirshError) return { code: value.code, message: value.message };
  if (typeof value === "object" && value !== null && "missing" in value) {
    if (value.missing instanceof VirshError) return describe(value.missing);
  }
  return Array.isArray(value) ? value.map(describe) : value;
}

let result: unknown;
try {
  result = await READERS[reader]?.();
} catch (error) {
  if (!(error instanceof VirshError)) throw error;
  result = error;
}
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(describe(result))));
