import { encodeHex } from "@std/encoding/hex";

/** The SHA-256 digest of bytes, or of a text in UTF-8, in hexadecimal. */
export async function sha256(data: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return encodeHex(await crypto.subtle.digest("SHA-256", bytes));
}
