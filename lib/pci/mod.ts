/**
 * PCI config space: reading dumps, decoding bytes, naming registers. Pure: nothing here touches the
 * outside world.
 *
 * @module
 */
export { type Bar } from "./bars.ts";
export { normalizeBdf } from "./bdf.ts";
export { BUS_KINDS, type BusKind } from "./bus.ts";
export {
  type Capability,
  type CapabilityBody,
  type ExtendedCapability,
  type Register,
} from "./capability.ts";
export { type ConfigSpace, decodeConfigSpace } from "./config_space.ts";
export { type DumpedFunction } from "./dump.ts";
export { PremigrateError } from "../error/mod.ts";
export { fieldAt, type FieldName } from "./field_at.ts";
export {
  type BridgeHeader,
  type BridgeWindow,
  type CardbusHeader,
  type ExpansionRom,
  type Header,
} from "./header.ts";
export { type Fields, type FieldValue } from "./layout.ts";
export { capabilityName, extendedCapabilityName } from "./names.ts";
export { MAX_DUMP_BYTES, readDump } from "./read_dump.ts";
export { CONFIG_SPACE_SIZES, type ConfigSpaceSize } from "./sizes.ts";
export {
  type ListedCapability,
  type ListedExtendedCapability,
  type Problem,
  type ProblemCode,
} from "./walk.ts";
