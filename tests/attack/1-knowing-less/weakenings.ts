/** What can be taken away from what is known of a guest. */
import { DEVICE, HOST, kindOf } from "./absence.ts";
import { hexOf, objectOf, withFacts, withHex } from "./differences.ts";
import type { Guest, Json, JsonObject } from "./guests.ts";

/** Something that is not known any more. */
export interface Weakening {
  readonly name: string;
  readonly put: (guest: Guest) => Guest;
}

const SIDES = ["source", "destination"] as const;
type Side = typeof SIDES[number];
type Path = readonly string[];

/** All that can be taken away from a guest, one at a time. */
export function weakeningsOf(guest: Guest): readonly Weakening[] {
  return [
    ...SIDES.flatMap((side) => [...ofHost(guest, side), ...ofDevices(guest, side)]),
    ...OF_GUEST,
  ];
}

function* ofHost(guest: Guest, side: Side): Generator<Weakening> {
  for (const [key, absence] of Object.entries(HOST)) {
    const value = guest[side].host[key];
    if (value === undefined || key === "name" || !isRemoved(kindOf(absence))) continue;
    for (const [name, change] of removals([key], value)) {
      yield {
        name: `${side} host: ${name}`,
        put: (guest) => withFacts(guest, side, (facts) => ({ ...facts, host: change(facts.host) })),
      };
    }
  }
}

function* ofDevices(guest: Guest, side: Side): Generator<Weakening> {
  for (const index of guest[side].devices.keys()) {
    const device = guest[side].devices[index] ?? {};
    const changes = [...ofDevice(device), ...ofConfig(device)];
    for (const [name, change] of changes) {
      yield {
        name: `${side} device ${index}: ${name}`,
        put: (guest) =>
          withFacts(guest, side, ({ devices, ...facts }) => ({
            ...facts,
            devices: devices.map((device, at) => at === index ? change(device) : device),
          })),
      };
    }
    yield {
      name: `${side} device ${index}: all`,
      put: (guest) =>
        withFacts(guest, side, ({ devices, ...facts }) => ({
          ...facts,
          devices: devices.toSpliced(index, 1),
        })),
    };
  }
}

type Change = readonly [name: string, change: (from: JsonObject) => JsonObject];

function* ofDevice(device: JsonObject): Generator<Change> {
  for (const [key, absence] of Object.entries(DEVICE)) {
    const value = device[key];
    if (value === undefined || key === "address" || !isRemoved(kindOf(absence))) continue;
    yield* removals([key], value);
  }
}

function isRemoved(kind: string): boolean {
  return kind === "not-read" || kind === "no-part";
}

/** It, and what is in it, gone or empty. */
function* removals(path: Path, value: Json): Generator<Change> {
  const name = path.join(".");
  if (NEEDED.has(name)) return;
  yield [`no ${name}`, (from) => changed(from, path, undefined)];
  if (typeof value === "string" && !EMPTY_IS_A_VALUE.has(name)) {
    yield [`${name} empty`, (from) => changed(from, path, "")];
  }
  if (name === "skipVscCheck") return;
  for (const [key, inner] of Object.entries(objectOf(value) ?? {})) {
    yield* removals([...path, key], inner);
  }
}

/** Without these what they are in is no longer of the schema; and ofConfig has the bytes. */
const NEEDED = new Set(["config.view", "config.source", "config.hex", "migration.offered"]);
const EMPTY_IS_A_VALUE = new Set(["attributes.nvidia/vgpu_params"]);

function changed(from: JsonObject, [key = "", ...rest]: Path, value: Json | undefined): JsonObject {
  if (rest.length > 0) {
    const inner = objectOf(from[key]);
    return inner === undefined ? from : { ...from, [key]: changed(inner, rest, value) };
  }
  if (value !== undefined) return { ...from, [key]: value };
  return Object.fromEntries(Object.entries(from).filter(([name]) => name !== key));
}

const VF = /^[0-9a-f]{4}:/;

/** Fewer bytes, and those of another view. */
function* ofConfig(device: JsonObject): Generator<Change> {
  const hex = hexOf(device);
  for (const size of [256, 64]) {
    if (hex.length <= 2 * size) continue;
    yield [`${size} bytes`, (device) => withHex(device, hexOf(device).slice(0, 2 * size))];
  }
  const own = objectOf(device["config"])?.["view"];
  for (const view of ["realize", "running", "sysfs", "guest"]) {
    // What the kernel does not have it does not show, and what it shows of a VF has no ids.
    const isFunction = VF.test(`${device["address"]}`);
    if (view === own || (view === "sysfs" && !isFunction)) continue;
    yield [`the ${view} view`, (device) => {
      const hex = hexOf(device);
      const shown = view === "sysfs" ? `ffffffff${hex.slice(8)}` : hex;
      const seen = withHex(device, shown);
      return { ...seen, config: { ...objectOf(seen["config"]), view } };
    }];
  }
  yield ["another's bytes", (device) => ({
    ...device,
    config: { ...objectOf(device["config"]), derived: true },
  })];
}

const OF_GUEST: readonly Weakening[] = [
  {
    name: "no machine type",
    put: (guest) => ({ ...guest, domain: { ...guest.domain, machine: undefined } }),
  },
  {
    name: "no bus of the guest",
    put: (guest) => ({
      ...guest,
      domain: {
        ...guest.domain,
        hostDevices: guest.domain.hostDevices.map((device) =>
          device.kind === "other" ? device : { ...device, bus: undefined }
        ),
      },
    }),
  },
];
