/** Pairs of config spaces for the benchmarks: made from a seed, the same at every run. */
import { parseQemuVersion, type RealizeFacts, type RestoreSide } from "premigrate/policy";

type Random = (below: number) => number;

// mulberry32
function seeded(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const STANDARD = [[0x01, 8], [0x05, 14], [0x09, 20], [0x10, 60], [0x13, 6], [0x03, 8]] as const;
const EXTENDED = [[0x0001, 72], [0x0003, 12], [0x000b, 32], [0x0018, 8], [0x000e, 8]] as const;

function makeConfig(size: 256 | 4096, random: Random): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set([0xde, 0x10, 0xb8, 0x1e, 0, 0, 0x10, 0, 0xa1, 0, 0, 3]);
  let link = 0x34;
  let at = 0x40;
  for (const [id, length] of STANDARD.slice(0, 3 + random(4))) {
    bytes[link] = at;
    bytes[at] = id;
    for (let offset = 4; offset < length; offset++) bytes[at + offset] = random(256);
    if (id === 0x09) bytes[at + 2] = length;
    if (id === 0x10) bytes[at + 2] = 2;
    link = at + 1;
    at += Math.ceil(length / 4) * 4;
  }
  if (size === 256) return bytes;
  at = 0x100;
  for (const [index, [id, length]] of EXTENDED.entries()) {
    const next = index === EXTENDED.length - 1 ? 0 : at + length;
    bytes.set([id & 0xff, id >> 8, 1 | (next & 0xf) << 4, next >> 4], at);
    for (let offset = 4; offset < length; offset++) bytes[at + offset] = random(256);
    at += length;
  }
  return bytes;
}

/** 200 pairs; in half of them one byte of the destination differs. */
export function makePairs(size: 256 | 4096): [source: RestoreSide, destination: RestoreSide][] {
  const random = seeded(size);
  const facts: RealizeFacts = {
    qemu: parseQemuVersion("11.1"),
    skipVscCheck: true,
    bus: "port",
    bars: [0x1000000, 0x10000000, 0, 0x2000000, 0, 0],
    properties: {},
  };
  return Array.from({ length: 200 }, (_, index) => {
    const source = makeConfig(size, random);
    const destination = source.slice();
    if (index % 2 === 1) destination[0x44 + random(size - 0x44)] = random(256);
    const side = (bytes: Uint8Array): RestoreSide => ({ view: { kind: "realize", bytes }, facts });
    return [side(source), side(destination)];
  });
}
