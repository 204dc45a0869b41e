import { encodeHex } from "@std/encoding/hex";
import type { CapturedHost } from "../schema.ts";

const KEYED = /^[0-9a-f]{64}$/;

/**
 * A host with ids that tell one guest's stamps from one host apart, and nobody anything else: in the
 * place of the machine's and the boot's id stands its HMAC-SHA-256 of the guest's UUID, as systemd
 * derives ids from the machine's, which it asks to keep confidential (`sd_id128_get_machine_app_specific`).
 * Ids that are keyed stay as they are.
 *
 * @example
 * ```ts
 * import { keyIds } from "./host_ids.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const host = { name: "hosta", machineId: "5d1f6a2b9c3e4f70812a3b4c5d6e7f80" };
 * const keyed = await keyIds(host, "4dea22b3-1d52-d8f3-2516-782e98ab3fa0");
 * assertEquals(keyed.machineId?.length, 64);
 * assertEquals(await keyIds(keyed, "4dea22b3-1d52-d8f3-2516-782e98ab3fa0"), keyed);
 * ```
 */
export async function keyIds(host: CapturedHost, guest: string): Promise<CapturedHost> {
  const [machineId, bootId] = await Promise.all([
    keyed(host.machineId, guest),
    keyed(host.bootId, guest),
  ]);
  return {
    ...host,
    ...machineId === undefined ? {} : { machineId },
    ...bootId === undefined ? {} : { bootId },
  };
}

async function keyed(id: string | undefined, guest: string): Promise<string | undefined> {
  if (id === undefined || id === "" || KEYED.test(id)) return id;
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(id), algorithm, false, ["sign"]);
  return encodeHex(await crypto.subtle.sign("HMAC", key, encoder.encode(guest)));
}
