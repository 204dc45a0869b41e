import { PremigrateError } from "../error/mod.ts";
import type { Bar } from "./bars.ts";
import { get16, get32 } from "./bytes.ts";
import {
  type Capability,
  describeCapabilities,
  EXTENDED_LIST,
  type ExtendedCapability,
  STANDARD_LIST,
} from "./capability.ts";
import { hasRootDuties } from "./decode_express.ts";
import {
  barsEnd,
  capabilityPointerOffset,
  decodeHeader,
  decodeHeaderBars,
  type Header,
} from "./header.ts";
import { type ConfigSpaceSize, isConfigSpaceSize } from "./sizes.ts";
import {
  type Chain,
  type ListedCapability,
  type Problem,
  walkExtended,
  walkStandard,
} from "./walk.ts";

/** A decoded config space: plain data that survives JSON. */
export interface ConfigSpace {
  /** Bytes that were given. */
  readonly size: ConfigSpaceSize;
  /** The first 64 bytes (in a CardBus bridge the first 72). */
  readonly header: Header;
  /** BARs that are not zero. */
  readonly bars: readonly Bar[];
  /** In the order of the list, not by offset. */
  readonly capabilities: readonly Capability[];
  /** In the order of the list, not by offset; empty unless all 4096 bytes were given. */
  readonly extended: readonly ExtendedCapability[];
  /** What is wrong with the bytes; nothing in a healthy device. */
  readonly problems: readonly Problem[];
}

const HEADER_SIZE = 0x40;
const STANDARD_SIZE = 0x100;
const STATUS_CAPABILITY_LIST = 0x10;
const EXPRESS_ID = 0x10;

/**
 * Decodes a function's config space: header, BARs, both capability lists and the fields of common
 * capabilities. Registers are little-endian; offsets count from the start of config space.
 *
 * Whatever the bytes are, there is a result: what is wrong with them is in its `problems`.
 *
 * @param bytes All 4096 bytes of config space, its first 256, or the header alone (64).
 * @throws {PremigrateError} The number of bytes is another one.
 *
 * @example
 * ```ts
 * import { decodeConfigSpace } from "premigrate/pci";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array(256);
 * bytes.set([0xde, 0x10, 0xb8, 0x1e]);
 * bytes[0x06] = 0x10; // status: there is a capability list
 * bytes[0x34] = 0xd0;
 * bytes.set([0x09, 0x00, 0x1b, 0x56], 0xd0);
 *
 * const { header, capabilities } = decodeConfigSpace(bytes);
 *
 * assertEquals([header.vendor, header.device], [0x10de, 0x1eb8]);
 * assertEquals(capabilities[0]?.name, "Vendor Specific");
 * assertEquals(capabilities[0]?.length, 0x1b);
 * ```
 */
export function decodeConfigSpace(bytes: Uint8Array): ConfigSpace {
  const size = bytes.length;
  if (!isConfigSpaceSize(size)) {
    const problem = `found ${size} bytes, wanted 64, 256 or 4096`;
    throw new PremigrateError("config-space", "Decoding config space", problem);
  }
  const header = decodeHeader(bytes);
  if (bytes.subarray(0, HEADER_SIZE).every((byte) => byte === 0xff)) {
    const problems: Problem[] = [{ code: "all-ff", offset: 0, value: 0xff }];
    return { size, header, bars: [], capabilities: [], extended: [], problems };
  }
  const bars = decodeHeaderBars(bytes, header.headerType);
  const standardChain = walkFromHeader(bytes, header);
  const express = standardChain.listed.find(({ id }) => id === EXPRESS_ID);
  const extendedChain = size === 4096
    ? walkExtended(bytes, express !== undefined)
    : { listed: [], problems: [] };
  const root = express !== undefined && hasRootDuties(get16(bytes, express.offset + 2));
  const standardBytes = bytes.subarray(0, STANDARD_SIZE);
  const standard = describeCapabilities(standardBytes, standardChain.listed, STANDARD_LIST, root);
  const extended = describeCapabilities(bytes, extendedChain.listed, EXTENDED_LIST, root);
  return {
    size,
    header,
    bars,
    capabilities: standard.capabilities,
    extended: extended.capabilities,
    problems: [
      ...barProblems(bytes, bars, header.headerType),
      ...standardChain.problems,
      ...standard.problems,
      ...extendedChain.problems,
      ...extended.problems,
    ],
  };
}

function walkFromHeader(bytes: Uint8Array, header: Header): Chain<ListedCapability> {
  const pointer = capabilityPointerOffset(header.headerType);
  if (pointer === undefined) {
    const problem: Problem = {
      code: "unknown-header-type",
      offset: 0x0e,
      value: header.headerType,
    };
    return { listed: [], problems: [problem] };
  }
  if ((header.status & STATUS_CAPABILITY_LIST) === 0) return { listed: [], problems: [] };
  return walkStandard(bytes, pointer);
}

function barProblems(bytes: Uint8Array, bars: readonly Bar[], headerType: number): Problem[] {
  return bars
    .filter(({ kind, offset }) => kind === "memory64" && offset + 8 > barsEnd(headerType))
    .map(({ offset }) => ({
      code: "bar-cut-off",
      offset,
      value: get32(bytes, offset),
    }));
}
