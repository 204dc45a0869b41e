import { assert, assertEquals } from "@std/assert";
import { makeHost, MDEV, withHost } from "../../../helpers/probe_hosts.ts";
import type { RunCase, RunResult } from "../../../helpers/probe_run_cases.ts";
import { runProgram } from "../../../helpers/run_program.ts";

const ADDRESS = "0000:3b:00.4";

/** What ssh, or the shell that it leads to, says and how it ends; texts are OpenSSH's and sudo's. */
interface Saying {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly code: number;
}

interface Case {
  readonly says: Saying;
  readonly sudo?: true;
  readonly code: string;
  /** How the message goes on after "Cannot probe HOST: ". */
  readonly found: string;
}

const SAYINGS: Readonly<Record<string, Case>> = {
  "no-such-name": {
    says: {
      stderr: "ssh: Could not resolve hostname no-such-name: Name or service not known\r\n",
      code: 255,
    },
    code: "unknown-name",
    found:
      "ssh: Could not resolve hostname no-such-name: Name or service not known; see that the host's name",
  },
  "no-dns": {
    says: {
      stderr: "ssh: Could not resolve hostname no-dns: Temporary failure in name resolution\r\n",
      code: 255,
    },
    code: "unknown-name",
    found: "ssh: Could not resolve hostname no-dns: Temporary failure",
  },
  "refused": {
    says: { stderr: "ssh: connect to host refused port 22: Connection refused\r\n", code: 255 },
    code: "unreachable",
    found: "ssh: connect to host refused port 22: Connection refused; see that the host is up",
  },
  "no-route": {
    says: { stderr: "ssh: connect to host no-route port 22: No route to host\r\n", code: 255 },
    code: "unreachable",
    found: "ssh: connect to host no-route port 22: No route to host;",
  },
  "firewall": {
    says: { stderr: "ssh: connect to host firewall port 22: Permission denied\r\n", code: 255 },
    code: "unreachable",
    found: "ssh: connect to host firewall port 22: Permission denied;",
  },
  "silent": {
    says: { stderr: "ssh: connect to host silent port 22: Connection timed out\r\n", code: 255 },
    code: "unreachable",
    found: "ssh: connect to host silent port 22: Connection timed out;",
  },
  "silent-banner": {
    says: {
      stderr:
        "Connection timed out during banner exchange\r\nConnection to 10.0.0.1 port 22 timed out\r\n",
      code: 255,
    },
    code: "unreachable",
    found: "Connection timed out during banner exchange;",
  },
  "closes": {
    says: {
      stderr:
        "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by 10.0.0.1 port 22\r\n",
      code: 255,
    },
    code: "unreachable",
    found: "kex_exchange_identification: Connection closed by remote host;",
  },
  "resets": {
    says: { stderr: "Connection reset by 10.0.0.1 port 22\r\n", code: 255 },
    code: "unreachable",
    found: "Connection reset by 10.0.0.1 port 22;",
  },
  "key-refused": {
    says: {
      stderr:
        "Authorized uses only. All activity may be monitored.\nroot@key-refused: Permission denied (publickey,password).\r\n",
      code: 255,
    },
    code: "auth-refused",
    found:
      "root@key-refused: Permission denied (publickey,password).; see that `ssh -o BatchMode=yes`",
  },
  "too-many-keys": {
    says: {
      stderr:
        "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\r\nDisconnected from 10.0.0.1 port 22\r\n",
      code: 255,
    },
    code: "auth-refused",
    found: "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures;",
  },
  "new-host": {
    says: {
      stderr:
        "No ED25519 host key is known for new-host and you have requested strict checking.\r\nHost key verification failed.\r\n",
      code: 255,
    },
    code: "unknown-host-key",
    found: "Host key verification failed.; log in by hand once",
  },
  "other-key": {
    says: {
      stderr: [
        "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
        "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
        "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!",
        "Someone could be eavesdropping on you right now (man-in-the-middle attack)!",
        "Host key for other-key has changed and you have requested strict checking.",
        "Host key verification failed.",
        "",
      ].join("\r\n"),
      code: 255,
    },
    code: "changed-host-key",
    found: "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!; find out why",
  },
  "old-sshd": {
    says: {
      stderr:
        "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa\r\n",
      code: 255,
    },
    code: "ssh-failed",
    found: "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found.",
  },
  "bad-config": {
    says: {
      stderr:
        "/home/ops/.ssh/config: line 3: Bad configuration option: foo\r\n/home/ops/.ssh/config: terminating, 1 bad configuration options\r\n",
      code: 255,
    },
    code: "ssh-failed",
    found: "/home/ops/.ssh/config: terminating, 1 bad configuration options;",
  },
  "mute": { says: { code: 255 }, code: "ssh-failed", found: "ssh says nothing;" },
  "nologin": {
    says: { stdout: "This account is currently not available.\n", code: 1 },
    code: "not-run",
    found: 'its shell says "This account is currently not available."; see that `ssh HOST sh -s`',
  },
  "rbash": {
    says: { stderr: "rbash: line 1: sh: command not found\n", code: 127 },
    code: "not-run",
    found: 'its shell says "rbash: line 1: sh: command not found";',
  },
  "git": {
    says: {
      stderr: "fatal: unrecognized command 'sh -s -- 0000:3b:00.4'\n",
      stdout: "",
      code: 128,
    },
    code: "not-run",
    found: "its shell says \"fatal: unrecognized command 'sh -s -- 0000:3b:00.4'\";",
  },
  "forced-command": {
    says: { stdout: "\u001b[2JWelcome to the backup service\n", code: 0 },
    code: "not-run",
    found: 'its shell says " [2JWelcome to the backup service";',
  },
  "wordless": { says: { code: 1 }, code: "not-run", found: "its shell ended with 1 and no word;" },
  "sudo-password": {
    says: { stderr: "sudo: a password is required\n", code: 1 },
    sudo: true,
    code: "sudo-refused",
    found: "sudo: a password is required; allow this user `sudo -n sh` there",
  },
  "sudo-tty": {
    says: { stderr: "sudo: sorry, you must have a tty to run sudo\n", code: 1 },
    sudo: true,
    code: "sudo-refused",
    found: "sudo: sorry, you must have a tty to run sudo;",
  },
  "sudo-not-allowed": {
    says: {
      stderr:
        "Sorry, user ops is not allowed to execute '/usr/bin/sh -s' as root on sudo-not-allowed.\n",
      code: 1,
    },
    sudo: true,
    code: "sudo-refused",
    found:
      "Sorry, user ops is not allowed to execute '/usr/bin/sh -s' as root on sudo-not-allowed.;",
  },
  "sudo-missing": {
    says: { stderr: "env: 'sudo': No such file or directory\n", code: 127 },
    sudo: true,
    code: "sudo-refused",
    found: "env: 'sudo': No such file or directory;",
  },
  "loses-connection": {
    says: {
      stdout: "premigrate-probe 1\nhost\nattr uid s 0\n",
      stderr: "client_loop: send disconnect: Broken pipe\r\n",
      code: 255,
    },
    code: "truncated",
    found:
      "Reading the probe's report: its end is missing (client_loop: send disconnect: Broken pipe); try again",
  },
  "says-goodbye": {
    says: { stdout: "premigrate-probe 1\nhost\nend 1\nGoodbye\n", code: 0 },
    code: "malformed",
    found: "Reading the probe's report: found text after its end; see what the host's shell prints",
  },
  "newer": {
    says: { stdout: "premigrate-probe 2\nend 0\n", code: 0 },
    code: "version",
    found: "Reading the probe's report: found version 2, wanted 1; use one version of premigrate",
  },
};

const SSH = `#!/bin/sh
# As ssh: options, then "--" and the host, then words that are joined and given to a shell there.
words=
while [ "$1" != -- ]; do words="$words $1"; shift; done
host=$2
shift 2
case $host in
  works | works.example | ::1) FAKE_HOST=$host exec sh -c "$*" ;;
  noisy) printf 'Last login: today\\nYou have mail\\n'; FAKE_HOST=$host exec sh -c "$*" ;;
  deaf) exec sleep 1000 ;;
  floods) exec yes ;;
  says-arguments) printf '%s\\n' "$words -- $host $*" >&2; exit 1 ;;
esac
cat "$0.$host.stdout"
cat "$0.$host.stderr" >&2
read -r code <"$0.$host.code"
exit "$code"
`;

const SUDO = `#!/bin/sh
[ "$1" = -n ] && shift
case \${FAKE_HOST-localhost} in
  works) exec "$@" ;;
esac
echo 'sudo: a password is required' >&2
exit 1
`;

/** Runs the cases with the ssh and the sudo above. */
async function runAll(
  cases: readonly RunCase[],
  programs: readonly string[] = [SSH, SUDO],
): Promise<RunResult[]> {
  const folder = Deno.makeTempDirSync({ prefix: "premigrate-ssh-" });
  try {
    for (const [index, name] of ["ssh", "sudo"].entries()) {
      Deno.writeTextFileSync(`${folder}/${name}`, programs[index] ?? "");
      Deno.chmodSync(`${folder}/${name}`, 0o755);
    }
    for (const [host, { says: { stdout = "", stderr = "", code } }] of Object.entries(SAYINGS)) {
      for (const [kind, text] of Object.entries({ stdout, stderr, code: `${code}\n` })) {
        Deno.writeTextFileSync(`${folder}/ssh.${host}.${kind}`, text);
      }
    }
    const { stdout, stderr } = await runProgram(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        "--allow-run=sh,ssh,sudo",
        new URL("../../../helpers/probe_run_cases.ts", import.meta.url).pathname,
      ],
      env: { PATH: `${folder}:${Deno.env.get("PATH")}` },
    }, JSON.stringify(cases));
    assert(stdout !== "", stderr);
    return JSON.parse(stdout);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("what ssh and the shells behind it say", async (t) => {
  const cases = Object.entries(SAYINGS);
  const results = await runAll(
    cases.map(([host, { sudo = false }]) => ({ host, sudo, request: { devices: [ADDRESS] } })),
  );
  for (const [index, [host, { code, found }]] of cases.entries()) {
    await t.step(host, () => {
      const { code: actual, message = "" } = results[index] ?? {};
      assertEquals(actual, code, message);
      const expected = `Cannot probe ${host}: ${found}`;
      assertEquals(message.slice(0, expected.length), expected);
      assert(/^[ -~]*[^.]$/.test(message), message);
    });
  }
});

Deno.test("hosts are probed", (t) =>
  withHost(makeHost(), async (host) => {
    const request = { devices: [ADDRESS, MDEV], sysfs: host.root };
    const both = { devices: [ADDRESS, MDEV] };
    const cases: Record<string, [RunCase, RunResult]> = {
      "this one": [{ request }, both],
      "by ssh": [{ host: "works", request }, both],
      "by ssh, with a user and a port": [{ host: "root@works.example:2222", request }, both],
      "by ssh, with an IPv6 address": [{ host: "ssh://[::1]:22/", request }, both],
      "where the login shell is chatty": [{ host: "noisy", request }, both],
      "by ssh and sudo": [{ host: "works", sudo: true, request }, both],
      "all devices": [
        { request: { all: true, sysfs: host.root } },
        {
          devices: [
            "0000:3b:00.4",
            "0000:3b:00.5",
            "0000:5e:00.2",
            "0000:6b:00.1",
            "0000:d1:1f.7",
            "10000:e1:00.0",
            MDEV,
          ],
        },
      ],
      "no devices": [{ request: { sysfs: host.root } }, { devices: [] }],
    };
    const results = await runAll(Object.values(cases).map(([run]) => run));
    for (const [index, [title, [, expected]]] of Object.entries(cases).entries()) {
      await t.step(title, () => assertEquals(results[index], expected));
    }
  }));

Deno.test("hosts are not probed", async (t) => {
  const request = { devices: [ADDRESS] };
  const cases: Record<string, [RunCase, code: string, message: RegExp]> = {
    "sudo wants a password here": [
      { sudo: true, request },
      "sudo-refused",
      /^Cannot probe localhost: sudo: a password is required; allow/,
    ],
    "sudo wants a password there": [
      { host: "works.example", sudo: true, request },
      "sudo-refused",
      /^Cannot probe works\.example: sudo: a password is required; allow/,
    ],
    "the deadline passes": [
      { host: "deaf", request, abort: 300 },
      "timeout",
      /^Cannot probe deaf: the probe did not end before the deadline; allow more time/,
    ],
    "the user ends it": [
      { host: "deaf", request, abort: "by the user" },
      "aborted",
      /^Cannot probe deaf: the probe was stopped;/,
    ],
    "it prints without end": [
      { host: "floods", request },
      "too-large",
      /^Cannot probe floods: it printed more than [0-9]+ bytes; ask for fewer devices$/,
    ],
    "an address that is none": [
      { request: { devices: ["0000:3b:00.4; reboot"] } },
      "bad-request",
      /^Cannot probe localhost: found the argument "0000:3b:00\.4; reboot"; give addresses as/,
    ],
    "a folder with ..": [
      { request: { sysfs: "/sys/../etc" } },
      "bad-request",
      /found the argument "\/sys\/\.\.\/etc";/,
    ],
    "an emulator with arguments": [
      { request: { emulator: "/bin/sh -c reboot" } },
      "bad-request",
      /found the argument "\/bin\/sh -c reboot";/,
    ],
    "an attribute that is none": [
      { request: { attributes: ["fw_rev", "../x; reboot"] } },
      "bad-request",
      /^Cannot probe localhost: found the argument "\.\.\/x; reboot"; give .*, attributes by their names/,
    ],
    "more attributes than may be asked for": [
      { request: { attributes: Array.from({ length: 257 }, (_, index) => `a${index}`) } },
      "bad-request",
      /argument 514 is an attribute more than the 256 that may be asked for;/,
    ],
    "more devices than a command line takes": [
      { request: { devices: Array(4000).fill(MDEV) } },
      "too-large",
      /^Cannot probe localhost: found 4000 devices to ask for; ask for fewer devices$/,
    ],
  };
  const results = await runAll(Object.values(cases).map(([run]) => run));
  for (const [index, [title, [, code, pattern]]] of Object.entries(cases).entries()) {
    await t.step(title, () => {
      const { code: actual, message = "" } = results[index] ?? {};
      assertEquals(actual, code, message);
      assert(pattern.test(message), message);
    });
  }
});

Deno.test("ssh is given options that ask nothing, and the probe's arguments as words", async () => {
  const request = {
    devices: [ADDRESS],
    attributes: ["fw_rev", "parent/fw_rev"],
    all: true,
    sysfs: "/sys",
    emulator: "/usr/bin/qemu-kvm",
  };
  const results = await runAll([
    { host: "root@says-arguments:2222", request },
    { host: "says-arguments", sudo: true, request: {} },
  ]);
  const options = "-T -a -x -o BatchMode=yes -o ConnectTimeout=10";
  const words = [
    `${options} -p 2222 -l root -- says-arguments sh -s -- --sysfs /sys --emulator /usr/bin/qemu-kvm --all --attribute fw_rev --attribute parent/fw_rev ${ADDRESS}`,
    `${options} -- says-arguments env LC_ALL=C sudo -n sh -s --`,
  ];
  for (const [index, { message = "" }] of results.entries()) {
    assert(message.includes(words[index] ?? "?"), message);
  }
});

Deno.test("a host without ssh says so", async () => {
  const [result] = await runAll([{ host: "works", request: {} }], ["#!/no/such/shell\n", SUDO]);
  assertEquals(result?.code, "not-installed");
  assert(
    /^Cannot probe works: ssh cannot be started: /.test(result?.message ?? ""),
    result?.message,
  );
});
