import { bold, dim, yellow } from "@std/fmt/colors";
import type { Capability, ConfigSpace, ExtendedCapability } from "../policy/mod.ts";
import { fieldTexts } from "./field_texts.ts";
import { printable, wrap } from "./printable.ts";
import { hex } from "./hex.ts";

/** A decoded function, with what the dump says of it. */
export interface DescribedFunction extends ConfigSpace {
  /** Its address, if the dump names it. */
  readonly slot: string | null;
  /** What else the dump says of it. */
  readonly description: string | null;
  /** How many bytes the dump has; the others are taken as 0. */
  readonly known: number;
}

/**
 * A decoded config space as text for a terminal; lines end in `\n`.
 *
 * @example
 * ```ts
 * import { decodeConfigSpace } from "premigrate/policy";
 * import { describeConfigSpace } from "premigrate/report";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const space = decodeConfigSpace(Uint8Array.of(0xde, 0x10, 0xb8, 0x1e, ...new Uint8Array(60)));
 * const text = describeConfigSpace({ ...space, slot: null, description: null, known: 64 });
 * assertStringIncludes(text, "10de:1eb8");
 * ```
 */
export function describeConfigSpace(space: DescribedFunction): string {
  const { slot, description, header, bars, capabilities, extended, problems, size, known } = space;
  const subsystem = header.subsystemVendor === undefined
    ? ""
    : `, subsystem ${hex(header.subsystemVendor, 4)}:${hex(header.subsystemDevice ?? 0, 4)}`;
  const lines = [
    bold(printable([slot, description].filter((part) => part !== null).join(" ") || "device")),
    `  ${hex(header.vendor, 4)}:${hex(header.device, 4)} rev ${hex(header.revision, 2)}, ` +
    `class ${hex(header.class, 6)}${subsystem}, ${size} bytes`,
    ...known < size ? [yellow(`  problem: the dump ends after ${known} bytes`)] : [],
    ...bars.map(({ index, kind, prefetchable, address }) =>
      `  BAR ${index}: ${kind}${prefetchable ? " prefetchable" : ""} at ${address}`
    ),
    ...capabilities.flatMap(capabilityLines),
    ...extended.flatMap(capabilityLines),
    ...problems.map(({ code, offset }) => yellow(`  problem: ${code} at 0x${hex(offset, 2)}`)),
  ];
  return lines.join("\n") + "\n";
}

function capabilityLines(capability: Capability | ExtendedCapability): string[] {
  const { offset, name, length, lengthKnown, fields } = capability;
  const version = "version" in capability ? ` v${capability.version}` : "";
  const size = `${length} bytes${lengthKnown ? "" : " to the next one"}`;
  const values = fieldTexts(fields).join(", ");
  return [
    `  ${bold(hex(offset, 2))} ${name}${version} ${dim(`(${size})`)}`,
    ...values === "" ? [] : wrap(values, 7),
  ];
}
