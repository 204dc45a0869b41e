import { assertEquals } from "@std/assert";
import {
  VirshError,
  type VirshErrorCode,
  virshErrorFrom,
} from "../../../../lib/facts/libvirt/virsh_error.ts";

const CHANGED_KEY = `error: failed to connect to the hypervisor
error: Cannot recv data: @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Host key verification failed.: Connection reset by peer
`;

/** What virsh 9.0 printed, with ssh of OpenSSH 9.2, and what should be made of it. */
const RECORDED: readonly (readonly [code: VirshErrorCode, lines: string, found: string])[] = [
  [
    "unreachable",
    "failed to connect to the hypervisor|Failed to connect socket to '/var/run/libvirt/libvirt-sock-ro': No such file or directory",
    "Failed to connect socket to '/var/run/libvirt/libvirt-sock-ro': No such file or directory",
  ],
  [
    "unreachable",
    "failed to connect to the hypervisor|unable to connect to server at '10.231.0.77:16509': No route to host",
    "unable to connect to server at '10.231.0.77:16509': No route to host",
  ],
  [
    "unreachable",
    "failed to connect to the hypervisor|Unable to resolve address 'nosuch.invalid' service '16509': Temporary failure in name resolution",
    "Unable to resolve address 'nosuch.invalid' service '16509': Temporary failure in name resolution",
  ],
  [
    "unreachable",
    "failed to connect to the hypervisor|Cannot recv data: ssh: connect to host 127.0.0.1 port 22: Connection refused: Connection reset by peer",
    "Cannot recv data: ssh: connect to host 127.0.0.1 port 22: Connection refused: Connection reset by peer",
  ],
  [
    "unreachable",
    "failed to connect to the hypervisor|End of file while reading data: bash: line 1: sh: command not found: Input/output error",
    "End of file while reading data: bash: line 1: sh: command not found: Input/output error",
  ],
  [
    "unreachable",
    "failed to connect to the hypervisor|packet 1416128879 bytes received from server too large, want 33554432",
    "the login there prints a text of its own, or its shell is restricted",
  ],
  ["unreachable", "failed to connect to the hypervisor", "failed to connect to the hypervisor"],
  [
    "auth-refused",
    "failed to connect to the hypervisor|Cannot recv data: root@10.231.0.2: Permission denied (publickey).: Connection reset by peer",
    "Cannot recv data: root@10.231.0.2: Permission denied (publickey).: Connection reset by peer",
  ],
  [
    "unknown-host-key",
    "failed to connect to the hypervisor|Cannot recv data: Host key verification failed.: Connection reset by peer",
    "Cannot recv data: Host key verification failed.: Connection reset by peer",
  ],
  [
    "unknown-host-key",
    "failed to connect to the hypervisor|libssh transport error: SSH host key for '10.231.0.2' (52:e4) was not accepted",
    "libssh transport error: SSH host key for '10.231.0.2' (52:e4) was not accepted",
  ],
  [
    "unknown-host-key",
    "failed to connect to the hypervisor|Cannot read CA certificate '/etc/pki/CA/cacert.pem': No such file or directory",
    "Cannot read CA certificate '/etc/pki/CA/cacert.pem': No such file or directory",
  ],
  ["no-such-domain", "failed to get domain 'nosuch'", "failed to get domain 'nosuch'"],
  [
    "read-only-refused",
    "operation forbidden: virDomainGetXMLDesc with secure flag",
    "operation forbidden: virDomainGetXMLDesc with secure flag",
  ],
  [
    "read-only-refused",
    "failed to get emulator capabilities|operation forbidden: read only access prevents virConnectGetDomainCapabilities",
    "failed to get emulator capabilities operation forbidden: read only access prevents virConnectGetDomainCapabilities",
  ],
  ["too-old", "unknown command: 'bogus'", "unknown command: 'bogus'"],
  [
    "too-old",
    "command 'echo' doesn't support option --err",
    "command 'echo' doesn't support option --err",
  ],
  ["failed", "internal error: unexpected", "internal error: unexpected"],
];

Deno.test("virshErrorFrom() understands", async (t) => {
  for (const [code, lines, found] of RECORDED) {
    await t.step(`${code}: ${lines}`, () => {
      const stderr = lines.split("|").map((line) => `error: ${line}\n`).join("");
      const error = virshErrorFrom({ host: "hostb" }, stderr);
      assertEquals([error.code, error.found, error.host], [code, found, "hostb"]);
    });
  }
});

Deno.test("virshErrorFrom() makes a changed host key readable", () => {
  const error = virshErrorFrom({ host: "hostb" }, CHANGED_KEY);
  assertEquals(error.code, "unknown-host-key");
  assertEquals(error.found.includes("@@@"), false);
  assertEquals(error.found.includes("REMOTE HOST IDENTIFICATION HAS CHANGED!"), true);
});

Deno.test("a VirshError is one line, with the host and what to do", () => {
  const { message } = new VirshError("no-such-domain", { host: "host\u001bb" }, "no\n'x\u202e'");
  assertEquals(
    message,
    "Cannot ask libvirt on host b: no 'x '; see `virsh list --all` on that host",
  );
});
