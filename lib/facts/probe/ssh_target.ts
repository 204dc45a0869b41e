import type { SshTarget } from "../libvirt/uri.ts";

const TARGET =
  /^(?:ssh:\/\/(?=[^/]+\/?$))?(?:([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})@)?(?:([A-Za-z0-9_][A-Za-z0-9_.-]{0,252})|\[([0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9_.-]{1,32})?)\])(?::([0-9]{1,5}))?\/?$/;
const LAST_PORT = 0xffff;

/**
 * Reads a host that is reached by ssh: `host`, `user@host:port`, `ssh://user@host:port`; an IPv6
 * address is in brackets, and a host may be an alias of ssh's own configuration.
 *
 * @returns `undefined` for anything else, such as what ssh would take for an option.
 *
 * @example
 * ```ts
 * import { parseSshTarget } from "./ssh_target.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const target = parseSshTarget("root@hostb:2222");
 * assertEquals([target?.user, target?.host, target?.port], ["root", "hostb", 2222]);
 * assertEquals(parseSshTarget("-oProxyCommand=reboot"), undefined);
 * ```
 */
export function parseSshTarget(text: string): SshTarget | undefined {
  const [match, user, name, address, digits] = TARGET.exec(text) ?? [];
  const host = name ?? address;
  const port = digits === undefined ? undefined : Number(digits);
  if (match === undefined || host === undefined) return undefined;
  if (port === 0 || (port ?? 0) > LAST_PORT) return undefined;
  return { host, user, port, keyfile: undefined, noVerify: false };
}
