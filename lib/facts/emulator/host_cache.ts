import * as v from "valibot";
import { parseQemuVersion, QemuVersionError } from "../../qemu/version.ts";
import { type EmulatorReplies, readEmulatorReplies } from "./replies.ts";
import { readHost } from "../libvirt/guests.ts";
import type { LibvirtHost } from "../libvirt/host.ts";
import { THIS_HOST } from "../libvirt/uri.ts";
import { runProbe } from "../probe/run_probe.ts";
import type { ProbedEmulator } from "../probe/report.ts";

/** What this host's libvirt and one of its QEMUs said of themselves. */
export interface KeptHost {
  /** What libvirt said. */
  readonly host: LibvirtHost;
  /** What the QEMU said that libvirt chose. */
  readonly replies: EmulatorReplies;
}

// A QEMU of each architecture, with a hundred machine types, stays far below.
const LARGEST = 4 * 1024 * 1024;
const MOST_EMULATORS = 100;

const Text = v.optional(v.string());
const Missing = v.record(v.string(), v.string());
const Machine = v.strictObject({
  name: v.string(),
  canonical: v.string(),
  isDeprecated: v.boolean(),
});
const Entry = v.strictObject({
  identity: v.string(),
  /** The file that answered; absent: that could not be told. */
  exe: v.optional(v.string()),
  asked: v.pipe(v.string(), v.isoTimestamp()),
  daemons: v.string(),
  host: v.strictObject({
    name: Text,
    uuid: Text,
    libvirt: Text,
    emulator: Text,
    installedQemu: Text,
    machines: v.optional(v.array(Machine)),
    missing: Missing,
  }),
  replies: v.strictObject({
    qemu: Text,
    skipVscCheck: v.optional(v.record(v.string(), v.boolean())),
    missing: Missing,
  }),
});
const Cache = v.pipe(
  v.string(),
  v.parseJson(),
  v.strictObject({ premigrate: v.literal("host/2"), emulators: v.record(v.string(), Entry) }),
);
type Entries = Readonly<Record<string, v.InferOutput<typeof Entry>>>;

// What is asked while a guest arrives is used at once.
const WRAPPER_SECONDS = 60;

/**
 * What is kept of this host for a QEMU, which must be the file that was asked then, as libvirt's
 * daemons must be; `undefined` where that is not so. A wrapper, which stays the same file whatever it
 * starts, must have been asked just now.
 *
 * @param dir The folder of the cache.
 * @param emulator The QEMU as the probe saw it now.
 * @param now In milliseconds since 1970.
 */
export function findHost(
  dir: string,
  emulator: ProbedEmulator,
  now: number,
): KeptHost | undefined {
  const entries = readEntries(dir);
  const entry = Object.hasOwn(entries, emulator.path) ? entries[emulator.path] : undefined;
  if (entry === undefined || emulator.identity === undefined) return undefined;
  const isSame = entry.identity === emulator.identity && entry.daemons === emulator.daemons;
  const isFresh = Math.abs(now - Date.parse(entry.asked)) < WRAPPER_SECONDS * 1000;
  if (!isSame || (entry.exe !== entry.identity && !isFresh)) return undefined;
  try {
    const { qemu, skipVscCheck, missing } = entry.replies;
    const version = qemu === undefined ? undefined : parseQemuVersion(qemu);
    return { host: withAll(entry.host), replies: { qemu: version, skipVscCheck, missing } };
  } catch (error) {
    if (error instanceof QemuVersionError) return undefined;
    throw error;
  }
}

/** Whose QEMU is asked. */
export interface CacheRequest {
  /** A guest's architecture; the host's unless given. */
  readonly arch?: string | undefined;
  /**
   * A QEMU that libvirt may have chosen earlier: where only that has changed since, libvirt is not
   * asked. It has no time for questions while it waits for twenty hooks (`max_workers`).
   */
  readonly emulator?: string | undefined;
}

/**
 * Asks this host's libvirt, and the QEMU that libvirt chose for an architecture, and keeps the
 * answers for the hook.
 *
 * @throws {VirshError} When libvirt gives no answer.
 * @throws {ProbeRunError} When the probe cannot be run.
 * @throws {Error} Deno's own, when the cache cannot be written.
 */
export async function refreshHostCache(
  dir: string,
  signal: AbortSignal,
  { arch, emulator }: CacheRequest = {},
): Promise<LibvirtHost> {
  const entries = readEntries(dir);
  const entry = await renewQemu(entries, emulator, signal) ??
    await askAnew(entries, arch, signal);
  if (!("identity" in entry)) return entry.host;
  const emulators = Object.fromEntries([
    ...Object.entries(entries).slice(0, MOST_EMULATORS),
    [entry.host.emulator, entry],
  ]);
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  const file = `${dir}/host.json`;
  const unfinished = `${file}.${crypto.randomUUID()}`;
  const text = JSON.stringify({ premigrate: "host/2", emulators });
  await Deno.writeTextFile(unfinished, text, { createNew: true, mode: 0o600 });
  await Deno.rename(unfinished, file);
  return entry.host;
}

type NewEntry = Pick<KeptHost, "host"> & Omit<v.InferOutput<typeof Entry>, "host">;

/** A kept QEMU asked anew; `undefined` where it is not kept, or libvirt has changed since. */
async function renewQemu(
  entries: Entries,
  path: string | undefined,
  signal: AbortSignal,
): Promise<NewEntry | undefined> {
  const old = path !== undefined && Object.hasOwn(entries, path) ? entries[path] : undefined;
  if (path === undefined || old === undefined) return undefined;
  const asked = await askQemu(path, old, signal);
  if (asked?.daemons !== old.daemons) return undefined;
  // What libvirt said of the QEMU was of the one before.
  return {
    ...asked,
    host: { ...withAll(old.host), installedQemu: undefined, machines: undefined },
  };
}

async function askAnew(
  entries: Entries,
  arch: string | undefined,
  signal: AbortSignal,
): Promise<NewEntry | Pick<NewEntry, "host">> {
  const host = await readHost(THIS_HOST, { arch }, signal);
  if (host.emulator === undefined) return { host };
  return { ...await askQemu(host.emulator, entries[host.emulator], signal), host };
}

/** Runs a QEMU to ask it, unless it is the one that was asked before. */
async function askQemu(
  path: string,
  old: v.InferOutput<typeof Entry> | undefined,
  signal: AbortSignal,
): Promise<Omit<NewEntry, "host"> | undefined> {
  const isWrapper = old?.exe !== old?.identity;
  const known = old?.replies.qemu === undefined || isWrapper ? undefined : old.identity;
  const { emulator } = await runProbe({}, { emulator: path, known }, signal);
  if (emulator?.identity === undefined || emulator.daemons === undefined) return undefined;
  const { identity, daemons, exe } = emulator;
  const asked = new Date().toISOString();
  if (old !== undefined && identity === known) {
    return { identity, exe: identity, asked, daemons, replies: old.replies };
  }
  const { qemu, ...others } = readEmulatorReplies(emulator.qmp);
  const replies = { qemu: qemu?.toString(), ...others };
  return { identity, ...exe === undefined ? {} : { exe }, asked, daemons, replies };
}

function readEntries(dir: string): Entries {
  const file = `${dir}/host.json`;
  try {
    if (Deno.statSync(file).size > LARGEST) return {};
    const kept = v.safeParse(Cache, Deno.readTextFileSync(file));
    return kept.success ? kept.output.emulators : {};
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    // A cache that is not there or cannot be read costs time, not the answer.
    return {};
  }
}

/** With the keys that JSON leaves out. */
function withAll(host: v.InferOutput<typeof Entry>["host"]): LibvirtHost {
  const { name, uuid, libvirt, emulator, installedQemu, machines, missing } = host;
  return { name, uuid, libvirt, emulator, installedQemu, machines, missing };
}
