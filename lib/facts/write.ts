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
export function writeFacts({ devices, ...facts }: Facts): string {
  const written = devices.map(({ address, config, vendor, device, class: code, ...rest }) => ({
    address,
    vendor: hex(vendor, 4),
    device: hex(device, 4),
    class: hex(code, 6),
    ...rest,
    config: config && writeConfig(config),
  }));
  return `${JSON.stringify({ ...facts, devices: written }, null, 2)}\n`;
}

function writeConfig({ kind, bytes, ...origin }: CapturedConfig): Record<string, unknown> {
  return { view: kind, ...origin, hex: encodeHex(bytes) };
}

function hex(value: number | undefined, digits: number): string | undefined {
  return value === undefined ? undefined : `0x${value.toString(16).padStart(digits, "0")}`;
}
