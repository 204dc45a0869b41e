import { encodeHex } from "@std/encoding/hex";
import type { CapturedConfig, Facts } from "./schema.ts";

/**
 * Writes facts as a facts file, which {@linkcode parseFacts} reads back.
 *
 * @example
 * ```ts
 * import { parseFacts, writeFacts } from "premigrate";
 * import { assertEquals } from "@std/assert";
 *
 * const text = Deno.readTextFileSync("examples/source.json");
 * assertEquals(parseFacts(writeFacts(parseFacts(text))), parseFacts(text));
 * ```
 */
export function writeFacts(facts: Facts): string {
  return `${JSON.stringify(factsJson(facts), null, 2)}\n`;
}

/** The same as data. */
export function factsJson({ devices, ...facts }: Facts): Record<string, unknown> {
  const written = devices.map(({ address, config, vendor, device, class: code, ...rest }) => ({
    address,
    vendor: hex(vendor, 4),
    device: hex(device, 4),
    class: hex(code, 6),
    ...rest,
    config: config && writeConfig(config),
  }));
  return { ...facts, devices: written };
}

function writeConfig({ kind, bytes, ...origin }: CapturedConfig): Record<string, unknown> {
  return { view: kind, ...origin, hex: encodeHex(bytes) };
}

function hex(value: number | undefined, digits: number): string | undefined {
  return value === undefined ? undefined : `0x${value.toString(16).padStart(digits, "0")}`;
}
