import { PremigrateError } from "../../error/mod.ts";
import type { LibvirtUri } from "./uri.ts";
import { oneLine } from "../one_line.ts";

/**
 * Why libvirt on a host gave no answer.
 *
 * - `not-installed`: there is no virsh here, or it may not be run;
 * - `unreachable`: no connection, in libvirt's words;
 * - `auth-refused`: the connection was refused to this user;
 * - `unknown-host-key`: the host's ssh key or TLS certificate is not known here;
 * - `timeout`: the deadline passed;
 * - `aborted`: the signal was aborted for another reason;
 * - `too-old`: libvirt, here or there, does not know what was asked;
 * - `truncated`: virsh ended before it had answered, or said more than any host does;
 * - `no-such-domain`: no guest has that name or UUID;
 * - `not-running`: the guest is shut off;
 * - `read-only-refused`: what was asked takes a read-write connection;
 * - `unreadable`: the answer is none that virsh gives;
 * - `failed`: anything else that libvirt says.
 */
export type VirshErrorCode =
  | "not-installed"
  | "unreachable"
  | "auth-refused"
  | "unknown-host-key"
  | "timeout"
  | "aborted"
  | "too-old"
  | "truncated"
  | "no-such-domain"
  | "not-running"
  | "read-only-refused"
  | "unreadable"
  | "failed";

const ADVICE: Readonly<Record<VirshErrorCode, string>> = {
  "not-installed": "install libvirt's client (Debian: libvirt-clients, Fedora: libvirt-client)",
  "unreachable": "see that the host is up, that libvirt runs there and that the URI is right",
  "auth-refused": "see that this user may log in there without a password and may use libvirt",
  "unknown-host-key":
    "log in by hand once to check and accept the key, or install the TLS certificates",
  "timeout": "allow more time, or see what keeps the host busy",
  "aborted": "try again",
  "too-old": "update libvirt",
  "truncated": "try again, and see libvirt's log on that host",
  "no-such-domain": "see `virsh list --all` on that host",
  "not-running": "only a running guest has facts to read; start it",
  "read-only-refused": "it takes a read-write connection",
  "unreadable": "see what `virsh` prints on that host",
  "failed": "see libvirt's log on that host",
};

/** libvirt on a host gave no answer. */
export class VirshError extends PremigrateError {
  /** Why, for programs. */
  declare readonly code: VirshErrorCode;
  /** What the URI calls the host. */
  readonly host: string;
  /** What was found, without where and what to do: one line. */
  readonly found: string;

  /** `found` is cut to one line. */
  constructor(code: VirshErrorCode, { host }: Pick<LibvirtUri, "host">, found: string) {
    const line = oneLine(found);
    super(code, `Cannot ask libvirt on ${oneLine(host)}`, `${line}; ${ADVICE[code]}`);
    this.host = host;
    this.found = line;
  }
}

/**
 * What libvirt's errors (src/util/virerror.c, src/rpc) and ssh's mean, first match first. A program
 * in the C locale says them so.
 */
const MEANINGS: readonly (readonly [RegExp, VirshErrorCode])[] = [
  [/^operation forbidden/m, "read-only-refused"],
  [/^failed to get domain|^Domain not found/m, "no-such-domain"],
  [/domain is not running/, "not-running"],
  [
    /not supported by the connection driver|unknown procedure|^unknown command|support option|unsupported flags/m,
    "too-old",
  ],
  [/host key|certificate|x509/i, "unknown-host-key"],
  [/permission denied|authentication|access denied/i, "auth-refused"],
  [/^failed to (re)?connect to|^Disconnected from|socket is closed/im, "unreachable"],
];

/** What makes libvirt take the first four letters of a text for a packet's length. */
const NO_LIBVIRT = "the login there prints a text of its own, or its shell is restricted";

/**
 * An error from what virsh printed to standard error.
 *
 * @example
 * ```ts
 * import { virshErrorFrom } from "./virsh_error.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const error = virshErrorFrom({ host: "hostb" }, "error: failed to get domain 'vm1'\n");
 * assertEquals([error.code, error.found], ["no-such-domain", "failed to get domain 'vm1'"]);
 * ```
 */
export function virshErrorFrom(uri: Pick<LibvirtUri, "host">, stderr: string): VirshError {
  const text = stderr.replace(/^error: /gm, "");
  const [, code = "failed"] = MEANINGS.find(([pattern]) => pattern.test(text)) ?? [];
  const found = text
    // It says no more than the code, where there is another line.
    .replace(/^failed to connect to the hypervisor\n(?=.)/, "")
    .replace(/^packet \d+ bytes received from server too large.*/, NO_LIBVIRT)
    .replace(/@{9,}/g, "");
  return new VirshError(code, uri, found);
}
