/**
 * Prints the guest view of a domain as JSON, with the bytes in hexadecimal: what the tests run on
 * the operator's machine.
 *
 *     print_guest_view.ts URI DOMAIN
 */
import { encodeHex } from "@std/encoding/hex";
import { readGuestView, virshMonitor } from "../../lib/facts/monitor/ecam.ts";
import { parseLibvirtUri } from "../../lib/facts/libvirt/uri.ts";

const [uriText = "", domain = ""] = Deno.args;
const uri = parseLibvirtUri(uriText);
const monitor = virshMonitor(uri, domain, AbortSignal.timeout(30_000));
const view = await readGuestView(monitor, { host: uri.host });
const json = JSON.stringify(
  view,
  (_, value) => value instanceof Uint8Array ? encodeHex(value) : value,
);
await Deno.stdout.write(new TextEncoder().encode(json));
