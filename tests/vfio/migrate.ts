import { type BadConfig, type BusKind, parseBadConfig } from "premigrate/policy";
import { type DeviceTemplate, Mdev } from "./mdev.ts";
import { delay, type GuestFunction, Qemu } from "./qemu.ts";

/** Two devices, and the guest that is to be migrated from one to the other. */
export interface Pair {
  /** The machine type of both sides: `pc-q35-9.0`. */
  readonly machine: string;
  /** Where the guest has the device. */
  readonly bus: BusKind;
  /** The properties of vfio-pci on both sides, as after `-device vfio-pci,`. */
  readonly properties: string;
  readonly source: DeviceTemplate;
  readonly destination: DeviceTemplate;
  /** What the guest writes to config space on the source, 32 bits each. */
  readonly writes: readonly (readonly [offset: number, value: number])[];
}

/** What became of a migration. */
export interface Outcome {
  /** What a guest reads of the device on each side, before; where QEMU opened it. */
  readonly guestSource?: Uint8Array;
  readonly guestDestination?: Uint8Array;
  /** `failed` is a failure of another kind than those that premigrate foretells. */
  readonly result: "completed" | "bad-config" | "realize-failed" | "failed";
  /** What QEMU printed of the byte at which it failed. */
  readonly bad?: BadConfig;
  /** Which QEMU refused to open its device. */
  readonly side?: "source" | "destination";
  /** What QEMU said. */
  readonly said?: string;
}

const LIMIT_MS = 60_000;
const POLL_MS = 10;
const BRIDGE_SLOT = 4;

/** The device's place in the guest, and what of QEMU's arguments puts it there. */
const PLACES: Readonly<Record<BusKind, { bridge?: string; at: GuestFunction; device: string }>> = {
  root: { at: { bus: 0, slot: 5 }, device: "addr=5.0" },
  pci: { at: { bus: 0, slot: 5 }, device: "addr=5.0" },
  port: {
    bridge: `pcie-root-port,id=b0,chassis=1,addr=${BRIDGE_SLOT}.0`,
    at: { bus: 1, slot: 0 },
    device: "bus=b0",
  },
  "pci-under-pcie": {
    bridge: `pcie-pci-bridge,id=b0,addr=${BRIDGE_SLOT}.0`,
    at: { bus: 1, slot: 1 },
    device: "bus=b0,addr=1.0",
  },
};

/** Migrates a guest with a real VFIO device to another QEMU with another, and says how it went. */
export async function migratePair(emulator: string, pair: Pair): Promise<Outcome> {
  using from = new Mdev(pair.source);
  using to = new Mdev(pair.destination);
  let seen: Pick<Outcome, "guestSource" | "guestDestination"> = {};
  const outcome = await migrateMachine(
    emulator,
    machineWith(from, pair),
    machineWith(to, pair),
    async (source, destination) => {
      const [guestSource, guestDestination] = await Promise.all([
        readGuestView(source, pair),
        readGuestView(destination, pair),
      ]);
      seen = { guestSource, guestDestination };
      for (const [offset, value] of pair.writes) {
        await writeRegister(source, pair.bus, offset, value);
      }
    },
  );
  return { ...seen, ...outcome };
}

/**
 * Migrates from one QEMU to another.
 *
 * @param emulator Of both sides, or of each.
 * @param before What is done with both before that.
 * @param after What is done with a machine that has arrived.
 */
export async function migrateMachine(
  emulator: string | readonly [source: string, destination: string],
  sourceArgs: readonly string[],
  destinationArgs: readonly string[],
  before: (source: Qemu, destination: Qemu) => Promise<void>,
  after: (destination: Qemu) => Promise<void> = () => Promise.resolve(),
): Promise<Outcome> {
  const folder = await Deno.makeTempDir();
  const [from, to] = typeof emulator === "string" ? [emulator, emulator] : emulator;
  const opened = await Promise.all([
    Qemu.start(from, sourceArgs),
    Qemu.start(to, [...destinationArgs, "-incoming", "defer"]),
  ]);
  const [source, destination] = opened;
  const running = opened.filter((qemu) => typeof qemu !== "string");
  const limit = setTimeout(() => endAll(running), LIMIT_MS);
  try {
    if (typeof source === "string") {
      return { result: "realize-failed", side: "source", said: source };
    }
    if (typeof destination === "string") {
      return { result: "realize-failed", side: "destination", said: destination };
    }
    await before(source, destination);
    await destination.execute("migrate-incoming", { uri: `unix:${folder}/socket` });
    await source.execute("migrate", { uri: `unix:${folder}/socket` });
    const outcome = await awaitArrival(destination);
    if (outcome.result === "completed") await after(destination);
    return outcome;
  } finally {
    clearTimeout(limit);
    await endAll(running);
    await Deno.remove(folder, { recursive: true });
  }
}

/** QEMU's arguments for a machine that has the device. */
export function machineWith(
  { sysfs }: Pick<Mdev, "sysfs">,
  { machine, bus, properties }: Pick<Pair, "machine" | "bus" | "properties">,
  migration: "on" | "off" = "on",
): string[] {
  const { bridge, device } = PLACES[bus];
  const options = [
    "vfio-pci",
    "id=h0",
    device,
    `sysfsdev=${sysfs}`,
    `enable-migration=${migration}`,
  ];
  return [
    ...["-machine", machine],
    ...bridge === undefined ? [] : ["-device", bridge],
    ...["-device", [...options, ...properties === "" ? [] : [properties]].join(",")],
  ];
}

/** Writes a register of the device, as the guest does. */
export async function writeRegister(
  qemu: Qemu,
  bus: BusKind,
  offset: number,
  value: number,
): Promise<void> {
  await qemu.writeConfig(PLACES[bus].at, offset, value);
}

/** What a guest reads of the device's first 256 bytes. */
export async function readGuestView(
  qemu: Qemu,
  { machine, bus }: Pick<Pair, "machine" | "bus">,
): Promise<Uint8Array> {
  const { bridge, at } = PLACES[bus];
  if (bridge !== undefined) await qemu.numberBus(BRIDGE_SLOT, at.bus);
  if (!machine.startsWith("pc-q35-")) return await qemu.readConfig(at);
  return (await qemu.readExpressConfig(at)).subarray(0, 256);
}

/** The source may say "completed" where the destination has refused: only the latter is asked. */
async function awaitArrival(destination: Qemu): Promise<Outcome> {
  while (await destination.isMigrating()) await delay(POLL_MS);
  if (await destination.migrationStatus() === "completed") return { result: "completed" };
  const said = await destination.ended;
  const bad = parseBadConfig(said);
  return bad === undefined ? { result: "failed", said } : { result: "bad-config", bad };
}

async function endAll(all: readonly Qemu[]): Promise<void> {
  for (const qemu of all) await qemu[Symbol.asyncDispose]();
}
