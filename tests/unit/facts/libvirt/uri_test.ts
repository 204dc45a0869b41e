import { assertEquals, assertThrows } from "@std/assert";
import {
  type LibvirtUri,
  LibvirtUriError,
  parseLibvirtUri,
  type SshTarget,
} from "../../../../lib/facts/libvirt/uri.ts";

const NO_SSH = { ssh: undefined };

function ssh(host: string, rest: Partial<SshTarget> = {}): Pick<LibvirtUri, "host" | "ssh"> {
  const target = { host, user: undefined, port: undefined, keyfile: undefined, noVerify: false };
  return { host, ssh: { ...target, ...rest } };
}

const ACCEPTED: readonly (readonly [text: string, wanted: Partial<LibvirtUri>])[] = [
  ["qemu:///system", { text: "qemu:///system", host: "localhost", isLocal: true, ...NO_SSH }],
  ["qemu:///session", { host: "localhost", isLocal: true }],
  ["qemu+unix:///system", { host: "localhost", isLocal: true, ...NO_SSH }],
  [
    "qemu+unix:///system?socket=/run/peer/libvirt-sock-ro",
    { host: "/run/peer/libvirt-sock-ro", isLocal: false, ...NO_SSH },
  ],
  ["qemu://hostb/system", { host: "hostb", isLocal: false, ...NO_SSH }],
  ["qemu+tls://hostb.example.org:16515/system?pkipath=/etc/pki/x", { host: "hostb.example.org" }],
  ["qemu+tcp://10.0.0.2/system", { host: "10.0.0.2", isLocal: false, ...NO_SSH }],
  ["qemu+tcp://[fd00::2]:16509/system", { host: "fd00::2" }],
  ["qemu+libssh2://root@hostb/system?known_hosts=/etc/kh", { host: "hostb", ...NO_SSH }],
  ["qemu+libssh://hostb/system?sshauth=agent", { host: "hostb", ...NO_SSH }],
  [
    "qemu+ssh://hostb/system",
    { text: "qemu+ssh://hostb/system?no_tty=1", isLocal: false, ...ssh("hostb") },
  ],
  ["qemu+ssh://hostb/session?no_tty=0", { text: "qemu+ssh://hostb/session?no_tty=0" }],
  [
    "qemu+ssh://root@hostb:2222/system?keyfile=/root/my%20key&no_verify=1",
    {
      text: "qemu+ssh://root@hostb:2222/system?keyfile=/root/my%20key&no_verify=1&no_tty=1",
      ...ssh("hostb", { user: "root", port: 2222, keyfile: "/root/my key", noVerify: true }),
    },
  ],
  ["qemu+ssh://hostb/system?no_verify=0", ssh("hostb")],
  ["qemu+ssh://a%40corp@my_alias/system", ssh("my_alias", { user: "a@corp" })],
  ["qemu+ssh://root@[::1]/system", ssh("::1", { user: "root" })],
];

const REFUSED: readonly (readonly [name: string, text: string, reason: string])[] = [
  ["nothing", "", "wanted one like"],
  ["a host alone", "hostb", "wanted one like"],
  ["a blank", "qemu+ssh://host b/system", "wanted one like"],
  ["a line break", "qemu:///system\n", "wanted one like"],
  ["a letter beyond ASCII", "qemu+ssh://h\u00f6st/system", "wanted one like"],
  ["a question mark alone", "qemu+ssh://hostb/system?", "wanted one like"],
  ["a fragment", "qemu:///system#x", "wanted one like"],
  ["a very long one", `qemu+ssh://${"a".repeat(3000)}/system`, "wanted one like"],
  ["libvirt's other separator", "qemu:///system?no_tty=1;command=x", "wanted one like"],
  ["another driver", "xen+ssh://hostb/system", 'the driver "xen"'],
  ["libvirt's mock", "test:///default", 'the driver "test"'],
  ["a program as transport", "qemu+ext:///system?command=/bin/x", 'the transport "ext"'],
  ["an unknown transport", "qemu+rsh://hostb/system", 'the transport "rsh"'],
  ["no path", "qemu+ssh://hostb", 'the path ""'],
  ["the embedded driver", "qemu:///embed?root=/x", 'the path "/embed"'],
  ["a path beyond", "qemu:///system/x", 'the path "/system/x"'],
  ["ssh without a host", "qemu+ssh:///system", 'the host ""'],
  ["a host that is an option", "qemu+ssh://-oProxyCommand=x/system", "the host"],
  ["a host with a shell's signs", "qemu+ssh://$(reboot)/system", "the host"],
  ["an IPv4 address in brackets", "qemu+ssh://[10.0.0.2]/system", "the host"],
  ["a host for a socket", "qemu+unix://hostb/system", "for the transport unix"],
  ["a user for a socket", "qemu://root@/system", "for the transport unix"],
  ["a user that is an option", "qemu+ssh://-l@hostb/system", "a user name"],
  ["a user with a control character", "qemu+ssh://a%0ab@hostb/system", "a user name"],
  ["a user that decodes to nothing", "qemu+ssh://%ff@hostb/system", "a user name"],
  ["an empty user", "qemu+ssh://@hostb/system", "a user name"],
  ["port 0", "qemu+ssh://hostb:0/system", "the port 0"],
  ["port 65536", "qemu+ssh://hostb:65536/system", "the port 65536"],
  ["a program for ssh", "qemu+ssh://hostb/system?command=/tmp/x", '"command"'],
  ["another driver behind it", "qemu+ssh://hostb/system?name=xen:///", '"name"'],
  ["a parameter twice", "qemu+ssh://hostb/system?no_tty=0&no_tty=1", '"no_tty"'],
  ["a parameter in another case", "qemu+ssh://hostb/system?KeyFile=/x", '"KeyFile"'],
  ["a key that is an option", "qemu+ssh://hostb/system?keyfile=-oX=y", '"keyfile"'],
  ["an empty key", "qemu+ssh://hostb/system?keyfile=", '"keyfile"'],
  ["a key with a NUL", "qemu+ssh://hostb/system?keyfile=a%00b", '"keyfile"'],
  ["no truth value", "qemu+ssh://hostb/system?no_verify=yes", "no_verify=yes"],
];

Deno.test("parseLibvirtUri() takes what libvirt takes for QEMU", async (t) => {
  for (const [text, wanted] of ACCEPTED) {
    await t.step(text, () => {
      const found = parseLibvirtUri(text);
      assertEquals({ ...found, ...wanted }, found);
    });
  }
});

Deno.test("parseLibvirtUri() refuses", async (t) => {
  for (const [name, text, reason] of REFUSED) {
    await t.step(name, () => {
      assertThrows(() => parseLibvirtUri(text), LibvirtUriError, reason);
    });
  }
});

Deno.test("parseLibvirtUri() does not repeat a password", () => {
  const error = assertThrows(
    () => parseLibvirtUri("qemu+ssh://root:hunter2@hostb/system"),
    LibvirtUriError,
  );
  assertEquals(error.message.includes("hunter2"), false);
});
