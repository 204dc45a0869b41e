import { PremigrateError } from "../../error/mod.ts";
import { oneLine } from "../one_line.ts";

/** A libvirt URI that cannot be used. */
export class LibvirtUriError extends PremigrateError {
  /** `problem` ends the message. The user, and so a password, is not repeated. */
  constructor(text: string, problem: string) {
    const shown = oneLine(text.replace(/\/\/[^/]*@/, "//...@"));
    super("libvirt-uri", `Cannot use the libvirt URI "${shown}"`, problem);
  }
}

/** Where `ssh` finds a host, as a `qemu+ssh` URI says it. */
export interface SshTarget {
  /** A host name, an alias in ssh's own configuration, or an IP address without brackets. */
  readonly host: string;
  /** `ssh -l`. */
  readonly user: string | undefined;
  /** `ssh -p`. */
  readonly port: number | undefined;
  /** `ssh -i`. */
  readonly keyfile: string | undefined;
  /** The URI says `no_verify=1`: libvirt gives ssh `-o StrictHostKeyChecking=no`. */
  readonly noVerify: boolean;
}

/** How to reach a host's libvirt. */
export interface LibvirtUri {
  /** What virsh is given. */
  readonly text: string;
  /** What messages call the host: the host in the URI, `localhost`, or a socket's path. */
  readonly host: string;
  /**
   * It leads to this machine's libvirt. A socket that the URI names may be forwarded from elsewhere,
   * so that it is not local (as in libvirt's `virURICheckUnixSocket`).
   */
  readonly isLocal: boolean;
  /** The same host by ssh; `undefined` for every transport but `+ssh`. */
  readonly ssh: SshTarget | undefined;
}

const URI =
  /^([a-z][a-z0-9.-]*)(?:\+([a-z0-9]+))?:\/\/(?:([^@/?#]*)@)?([^@:/?#[\]]*|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?(\/[^?#]*)?(?:\?([^?#;]+))?$/i;
const LONGEST = 2048;
const LAST_PORT = 0xffff;

const TRANSPORTS = ["unix", "ssh", "tcp", "tls", "libssh2", "libssh"];
// Left out: "command" runs a program of the URI's choosing, "name" leads to another driver.
const PARAMETERS = [
  "auth",
  "authfile",
  "keyfile",
  "known_hosts",
  "known_hosts_verify",
  "mode",
  "netcat",
  "no_sanity",
  "no_tty",
  "no_verify",
  "pkipath",
  "proxy",
  "socket",
  "sshauth",
  "tls_priority",
];
const SAFE_HOST = /^[a-z0-9_][a-z0-9_.-]{0,252}$/i;
const SAFE_USER = /^[a-z0-9_][a-z0-9_.@\\-]{0,127}$/i;

type Fail = (problem: string) => never;

/**
 * Reads a libvirt URI of QEMU's driver: `qemu:///system`, `qemu+unix:///system?socket=PATH`, and
 * `qemu+ssh`, `+libssh`, `+libssh2`, `+tcp` or `+tls` with a host (libvirt's docs/uri.rst; without
 * a transport a host means TLS, `remoteSplitURIScheme`). It takes less than libvirt does: whatever
 * would start another program, lead to another driver or look like an option is refused.
 *
 * A `+ssh` URI gets `no_tty=1` unless it says otherwise, so that ssh answers instead of asking.
 *
 * @throws {LibvirtUriError} With what to give instead.
 *
 * @example
 * ```ts
 * import { parseLibvirtUri } from "./uri.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const uri = parseLibvirtUri("qemu+ssh://root@hostb:2222/system");
 * assertEquals(uri.text, "qemu+ssh://root@hostb:2222/system?no_tty=1");
 * assertEquals([uri.host, uri.isLocal, uri.ssh?.user, uri.ssh?.port], ["hostb", false, "root", 2222]);
 * ```
 */
export function parseLibvirtUri(text: string): LibvirtUri {
  const fail: Fail = (problem) => {
    throw new LibvirtUriError(text, problem);
  };
  const match = text.length <= LONGEST && /^[!-~]*$/.test(text) ? URI.exec(text) : null;
  if (match === null) return fail('wanted one like "qemu:///system" or "qemu+ssh://host/system"');
  const [, driver, transport, userinfo, authority = "", digits, path = "", query = ""] = match;

  if (driver !== "qemu") {
    return fail(`found the driver "${driver}", wanted "qemu": only QEMU guests are judged`);
  }
  if (transport !== undefined && !TRANSPORTS.includes(transport)) {
    return fail(`found the transport "${transport}", wanted one of ${TRANSPORTS.join(", ")}`);
  }
  if (path !== "/system" && path !== "/session") {
    return fail(`found the path "${path}", wanted "/system" or "/session"`);
  }
  const host = authority.replace(/^\[|\]$/g, "");
  const isUnix = transport === "unix" || (transport === undefined && host === "");
  if (isUnix && (host !== "" || userinfo !== undefined || digits !== undefined)) {
    return fail("found a host for the transport unix, wanted none");
  }
  if (!isUnix && !(authority.startsWith("[") ? host.includes(":") : SAFE_HOST.test(host))) {
    return fail(`found the host "${host}", wanted the name or address of one`);
  }
  const user = userinfo === undefined ? undefined : decode(userinfo);
  if (userinfo !== undefined && (user === undefined || !SAFE_USER.test(user))) {
    return fail('found a user name that is none, or with a password; wanted one like "root"');
  }
  const port = digits === undefined ? undefined : Number(digits);
  if (port === 0 || (port ?? 0) > LAST_PORT) return fail(`found the port ${port}`);

  const parameters = readParameters(query, fail);
  if (isUnix) {
    const socket = parameters.get("socket");
    const isLocal = socket === undefined;
    return { text, host: socket ?? "localhost", isLocal, ssh: undefined };
  }
  if (transport !== "ssh") return { text, host, isLocal: false, ssh: undefined };
  return {
    text: parameters.has("no_tty") ? text : `${text}${query === "" ? "?" : "&"}no_tty=1`,
    host,
    isLocal: false,
    ssh: {
      host,
      user,
      port,
      keyfile: parameters.get("keyfile"),
      noVerify: parameters.get("no_verify") === "1",
    },
  };
}

function readParameters(query: string, fail: Fail): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const parameter of query === "" ? [] : query.split("&")) {
    const [name = "", ...rest] = parameter.split("=");
    const value = decode(rest.join("="));
    if (!PARAMETERS.includes(name) || parameters.has(name)) {
      return fail(`found the parameter "${name}", wanted each of ${PARAMETERS.join(", ")} once`);
    }
    // What begins so may look like an option to the program that gets it.
    if (value === undefined || value === "" || value.startsWith("-")) {
      return fail(`found a value of "${name}" that is empty, malformed or begins with "-"`);
    }
    if (name.startsWith("no_") && value !== "0" && value !== "1") {
      return fail(`found ${name}=${value}, wanted 0 or 1`);
    }
    parameters.set(name, value);
  }
  return parameters;
}

/** Percent-decodes; `undefined` for what is malformed or holds a control character. */
function decode(text: string): string | undefined {
  try {
    const decoded = decodeURIComponent(text);
    return /\p{C}/u.test(decoded) ? undefined : decoded;
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** This host's libvirt. */
export const THIS_HOST = parseLibvirtUri("qemu:///system");
