import * as v from "valibot";
import { Store } from "../store.ts";
import { readEmulatorReplies, RepliesForm, repliesJson } from "./replies.ts";
import { readHost } from "../libvirt/guests.ts";
import type { LibvirtHost } from "../libvirt/host.ts";
import { THIS_HOST } from "../libvirt/uri.ts";
import { runProbe } from "../probe/run_probe.ts";
import type { ProbedEmulator } from "../probe/report.ts";

const MOST_EMULATORS = 100;

// JSON leaves it out where it is not known.
const Text = v.optional(v.string(), () => undefined);
const Machine = v.object({ name: v.string(), canonical: v.string() });
const EntryForm = v.strictObject({
  identity: v.string(),
  /** The file that answered; absent: that could not be told. */
  exe: v.optional(v.string()),
  asked: v.pipe(v.string(), v.isoTimestamp()),
  daemons: v.string(),
  /** What libvirt said. */
  host: v.strictObject({
    name: Text,
    uuid: Text,
    libvirt: Text,
    emulator: Text,
    installedQemu: Text,
    machines: v.optional(v.pipe(v.array(Machine), v.readonly()), () => undefined),
    missing: v.record(v.string(), v.string()),
  }),
  /** What the QEMU said that libvirt chose. */
  replies: RepliesForm,
});
type Entry = v.InferOutput<typeof EntryForm>;

/** What this host's libvirt and one of its QEMUs said of themselves. */
export type KeptHost = Pick<Entry, "host" | "replies">;

// A QEMU of each architecture, with a hundred machine types, stays far below.
const STORE = new Store(
  v.strictObject({ premigrate: v.literal("host/2"), emulators: v.record(v.string(), EntryForm) }),
  { largest: 4 * 1024 * 1024 },
);
const NAME = "host";

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
  const entry = readEntries(dir).get(emulator.path);
  if (entry === undefined || emulator.identity === undefined) return undefined;
  const isSame = entry.identity === emulator.identity && entry.daemons === emulator.daemons;
  const isFresh = Math.abs(now - Date.parse(entry.asked)) < WRAPPER_SECONDS * 1000;
  if (!isSame || (entry.exe !== entry.identity && !isFresh)) return undefined;
  return entry;
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
  const renewed = await renewQemu(entries, emulator, signal);
  const host = renewed?.host ?? await readHost(THIS_HOST, { arch }, signal);
  const { emulator: path } = host;
  if (path === undefined) return host;
  const asked = renewed ?? await askQemu(path, entries.get(path), signal);
  if (asked === undefined) return host;
  const kept = new Map([...entries].slice(0, MOST_EMULATORS)).set(path, { ...asked, host });
  STORE.keep(dir, NAME, {
    premigrate: "host/2",
    emulators: Object.fromEntries(
      Array.from(
        kept,
        ([path, entry]) => [path, { ...entry, replies: repliesJson(entry.replies) }],
      ),
    ),
  });
  return host;
}

/** A kept QEMU asked anew; `undefined` where it is not kept, or libvirt has changed since. */
async function renewQemu(
  entries: ReadonlyMap<string, Entry>,
  path: string | undefined,
  signal: AbortSignal,
): Promise<Entry | undefined> {
  const old = entries.get(path ?? "");
  if (path === undefined || old === undefined) return undefined;
  const asked = await askQemu(path, old, signal);
  if (asked?.daemons !== old.daemons) return undefined;
  // What libvirt said of the QEMU was of the one before.
  return { ...asked, host: { ...old.host, installedQemu: undefined, machines: undefined } };
}

/** Runs a QEMU to ask it, unless it is the one that was asked before. */
async function askQemu(
  path: string,
  old: Entry | undefined,
  signal: AbortSignal,
): Promise<Omit<Entry, "host"> | undefined> {
  const isWrapper = old?.exe !== old?.identity;
  const known = old?.replies.qemu === undefined || isWrapper ? undefined : old.identity;
  const { emulator } = await runProbe({}, { emulator: path, known }, signal);
  if (emulator?.identity === undefined || emulator.daemons === undefined) return undefined;
  const { identity, daemons, exe } = emulator;
  const asked = { identity, asked: new Date().toISOString(), daemons };
  return old !== undefined && identity === known
    ? { ...asked, exe: identity, replies: old.replies }
    : { ...asked, exe, replies: readEmulatorReplies(emulator.qmp) };
}

function readEntries(dir: string): Map<string, Entry> {
  return new Map(Object.entries(STORE.find(dir, NAME)?.emulators ?? {}));
}
