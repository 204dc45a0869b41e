import { PremigrateError } from "../../error/mod.ts";
import { isAttributeName } from "../../policy/attributes.ts";
import { isFilePath, MOST_FILES } from "./file_path.ts";
import type { SshTarget } from "../libvirt/uri.ts";
import { oneLine } from "../one_line.ts";
import script from "./probe.sh" with { type: "text" };
import { MAX_REPORT_BYTES, parseProbeReport, type ProbeReport } from "./report.ts";
import { isDeviceAddress, ProbeError, type ProbeErrorCode } from "./sections.ts";
import { isTimeout, type ProgramEnd, runProgram } from "../run_program.ts";

/** The host that is probed. */
export interface ProbeTarget {
  /** How to reach it; without, it is this host. */
  readonly ssh?: SshTarget | undefined;
  /** Run the probe by `sudo -n`. */
  readonly sudo?: boolean | undefined;
}

/** What the probe is to read, beside the host itself. */
export interface ProbeRequest {
  /** PCI addresses `DDDD:BB:SS.F` and mdev UUIDs, in lower case. */
  readonly devices?: readonly string[] | undefined;
  /** Names of sysfs attributes to read of each device too, as `fw_rev` and `parent/fw_rev`; 256 at most. */
  readonly attributes?: readonly string[] | undefined;
  /** Files of which to tell the size; 512 at most. */
  readonly files?: readonly string[] | undefined;
  /** All VFs and mdevs, and whatever a VFIO driver is bound to. */
  readonly all?: boolean | undefined;
  /** Where sysfs is, if not at `/sys`. */
  readonly sysfs?: string | undefined;
  /**
   * A QEMU to ask for its machine types. It is run as the user that the probe runs as, so that the
   * path must come from the host's own libvirt, never from a guest's XML.
   */
  readonly emulator?: string | undefined;
  /** The identity of an emulator whose answers are known: it is not run. */
  readonly known?: string | undefined;
  /** Also tell of the QEMUs of the guests that run there. */
  readonly guests?: boolean | undefined;
  /** Also tell what premigrate keeps that is installed below this folder, and read what its hook would. */
  readonly premigrate?: string | undefined;
}

/**
 * Why a host was not probed:
 *
 * - `bad-request`: the probe takes no such argument;
 * - `not-installed`: there is no ssh, sudo or sh here, or it may not be run;
 * - `unknown-name`: no such host name;
 * - `unreachable`: no connection;
 * - `unknown-host-key`, `changed-host-key`: the host's key is not known here, or is another;
 * - `auth-refused`: the host does not let this user in;
 * - `ssh-failed`: anything else that ssh says;
 * - `sudo-refused`: sudo wants a password, or does not let this user;
 * - `not-run`: a shell is there, but it did not run the probe;
 * - `timeout`: the deadline passed;
 * - `aborted`: the signal was aborted for another reason;
 * - `truncated`, `malformed`, `too-large`, `version`: the report is not whole ({@linkcode ProbeError}).
 */
export type ProbeRunErrorCode =
  | "bad-request"
  | "not-installed"
  | "unknown-name"
  | "unreachable"
  | "unknown-host-key"
  | "changed-host-key"
  | "auth-refused"
  | "ssh-failed"
  | "sudo-refused"
  | "not-run"
  | "timeout"
  | "aborted"
  | Exclude<ProbeErrorCode, "no-report">;

const ADVICE: Readonly<Record<ProbeRunErrorCode, string>> = {
  "bad-request":
    "give addresses as 0000:3b:00.4, UUIDs in lower case, paths of A-Z a-z 0-9 . _ / -, attributes by their names in sysfs",
  "not-installed": "install it",
  "unknown-name": "see that the host's name is right",
  "unreachable": "see that the host is up, and that sshd listens there",
  "unknown-host-key": "log in by hand once with ssh and accept the key",
  "changed-host-key":
    "find out why; if the host was installed anew, remove its old key with `ssh-keygen -R`",
  "auth-refused": "see that `ssh -o BatchMode=yes` logs in there without a password",
  "ssh-failed": "see that `ssh -o BatchMode=yes` logs in there",
  "sudo-refused": "allow this user `sudo -n sh` there, or log in as root",
  "not-run":
    "see that `ssh HOST sh -s` runs what it is given, not a restricted shell or forced command",
  "timeout": "allow more time, or see what keeps the host busy",
  "aborted": "try again",
  "truncated": "try again, and see that the connection is stable",
  "malformed": "see what the host's shell prints besides the probe",
  "too-large": "ask for fewer devices",
  "version": "use one version of premigrate",
};

/** A host was not probed. */
export class ProbeRunError extends PremigrateError {
  /** Why, for programs. */
  declare readonly code: ProbeRunErrorCode;
  /** The host's name or address, `localhost` for this one. */
  readonly host: string;
  /** What was found, without where and what to do: one line. */
  readonly found: string;

  /** `found` is cut to one line. */
  constructor(code: ProbeRunErrorCode, host: string, found: string) {
    const line = oneLine(found);
    super(code, `Cannot probe ${oneLine(host)}`, `${line}; ${ADVICE[code]}`);
    this.host = host;
    this.found = line;
  }
}

const CONNECT_SECONDS = 10;
// Far below what Linux allows a command line's one argument (MAX_ARG_STRLEN), as sshd hands it on.
const LONGEST_COMMAND = 100_000;
const PATH = /^\/(?!.*\.\.)[A-Za-z0-9._/-]*$/;

/** What ssh says when it fails, first match first (OpenSSH's ssh.c, sshconnect.c, packet.c). */
const SSH_MEANINGS: readonly (readonly [RegExp, ProbeRunErrorCode])[] = [
  [/REMOTE HOST IDENTIFICATION HAS CHANGED!/, "changed-host-key"],
  [/Host key verification failed/, "unknown-host-key"],
  [/Could not resolve hostname/, "unknown-name"],
  [/^ssh: connect to /, "unreachable"],
  [/Permission denied|Too many authentication failures/, "auth-refused"],
  [/timed out|^kex_exchange_identification: |^Connection (?:closed|reset) by /, "unreachable"],
];

/**
 * Reads a host's facts by running `probe.sh` there, once: `sh -s` with the script as its input, here
 * or by ssh, so that nothing has to be installed on the host and nothing is left there. ssh asks
 * nothing: keys and host keys must be set up.
 *
 * @throws {ProbeRunError} With the host's name and what to do.
 *
 * @example
 * ```ts ignore
 * import { runProbe } from "./lib/facts/probe/run_probe.ts";
 * import { parseSshTarget } from "./lib/facts/probe/ssh_target.ts";
 *
 * const report = await runProbe(
 *   { ssh: parseSshTarget("root@hostb") },
 *   { devices: ["0000:3b:00.4"] },
 *   AbortSignal.timeout(20_000),
 * );
 * ```
 */
export async function runProbe(
  target: ProbeTarget,
  request: ProbeRequest,
  signal: AbortSignal,
): Promise<ProbeReport> {
  const host = target.ssh?.host ?? "localhost";
  const [program, ...args] = commandLine(target, request, host);
  const end = await runProgram(program, args, { limit: MAX_REPORT_BYTES, signal, input: script });
  switch (end.kind) {
    case "not-started":
      throw new ProbeRunError("not-installed", host, `${program} cannot be started: ${end.stderr}`);
    case "aborted":
      throw isTimeout(signal)
        ? new ProbeRunError("timeout", host, "the probe did not end before the deadline")
        : new ProbeRunError("aborted", host, "the probe was stopped");
    case "too-much":
      throw new ProbeRunError("too-large", host, `it printed more than ${MAX_REPORT_BYTES} bytes`);
    case "ended":
      return readEnd(target, end, host);
  }
}

const IDENTITY = /^[0-9:]{1,100}$/;

function commandLine(
  { ssh, sudo }: ProbeTarget,
  { devices = [], attributes = [], files = [], all, sysfs, emulator, known, guests, premigrate }:
    ProbeRequest,
  host: string,
): [program: string, ...args: string[]] {
  const badPath = [sysfs, emulator, premigrate].find((path) =>
    path !== undefined && !PATH.test(path)
  );
  const bad = badPath ?? devices.find((device) => !isDeviceAddress(device)) ??
    attributes.find((name) => !isAttributeName(name)) ??
    files.find((path) => !isFilePath(path)) ?? files[MOST_FILES];
  if (bad !== undefined) {
    throw new ProbeRunError("bad-request", host, `found the argument ${JSON.stringify(bad)}`);
  }
  const args = [
    ...sysfs === undefined ? [] : ["--sysfs", sysfs],
    ...emulator === undefined ? [] : ["--emulator", emulator],
    ...known === undefined || !IDENTITY.test(known) ? [] : ["--known", known],
    ...guests ? ["--guests"] : [],
    ...premigrate === undefined ? [] : ["--premigrate", premigrate],
    ...all ? ["--all"] : [],
    ...attributes.flatMap((name) => ["--attribute", name]),
    ...files.flatMap((path) => ["--file", path]),
    ...devices,
  ];
  if (args.join(" ").length > LONGEST_COMMAND) {
    throw new ProbeRunError("too-large", host, `found ${devices.length} devices to ask for`);
  }
  if (ssh === undefined) {
    return sudo ? ["sudo", "-n", "sh", "-s", "--", ...args] : ["sh", "-s", "--", ...args];
  }
  return sshCommand(ssh, sudo, ["sh", "-s", "--", ...args]);
}

/** A command line that runs another one on a host by ssh, which asks nothing. */
export function sshCommand(
  ssh: SshTarget,
  sudo: boolean | undefined,
  command: readonly string[],
): [program: string, ...args: string[]] {
  return [
    "ssh",
    ...["-T", "-a", "-x", "-o", "BatchMode=yes", "-o", `ConnectTimeout=${CONNECT_SECONDS}`],
    ...ssh.noVerify ? ["-o", "StrictHostKeyChecking=no"] : [],
    ...ssh.keyfile === undefined ? [] : ["-i", ssh.keyfile],
    ...ssh.port === undefined ? [] : ["-p", String(ssh.port)],
    ...ssh.user === undefined ? [] : ["-l", ssh.user],
    "--",
    ssh.host,
    // By env, as not every login shell takes an assignment before a command.
    ...sudo ? ["env", "LC_ALL=C", "sudo", "-n"] : [],
    ...command,
  ];
}

function readEnd(target: ProbeTarget, end: ProgramEnd, host: string): ProbeReport {
  try {
    return parseProbeReport(end.stdout);
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    if (error.code === "no-report") throw explainNoReport(target, end, host);
    const said = lastLine(end.stderr);
    throw new ProbeRunError(
      error.code,
      host,
      said === undefined ? error.message : `${error.message} (${said})`,
    );
  }
}

const SSH_FAILED = 255;

function explainNoReport(
  { ssh, sudo }: ProbeTarget,
  { code, stdout, stderr }: ProgramEnd,
  host: string,
): ProbeRunError {
  const lines = stderr.split("\n").map((line) => line.trim());
  if (ssh !== undefined && code === SSH_FAILED) {
    for (const [pattern, meaning] of SSH_MEANINGS) {
      const line = lines.find((line) => pattern.test(line));
      if (line !== undefined) {
        return new ProbeRunError(meaning, host, line.replace(/^@ *| *@$/g, ""));
      }
    }
    return new ProbeRunError("ssh-failed", host, lastLine(stderr) ?? "ssh says nothing");
  }
  const refusal = lines.find((line) => line.startsWith("premigrate-probe: "));
  if (refusal !== undefined) return new ProbeRunError("bad-request", host, refusal);
  const bySudo = lines.find((line) => line.includes("sudo"));
  if (sudo && bySudo !== undefined) return new ProbeRunError("sudo-refused", host, bySudo);
  const said = lastLine(stderr) ?? lastLine(stdout);
  return new ProbeRunError(
    "not-run",
    host,
    said === undefined ? `its shell ended with ${code} and no word` : `its shell says "${said}"`,
  );
}

function lastLine(text: string): string | undefined {
  return text.split("\n").map((line) => line.trim()).findLast((line) => line !== "");
}
