import { assertEquals } from "@std/assert";
import { oneLine } from "../../../../lib/facts/one_line.ts";
import { parseSshTarget } from "../../../../lib/facts/probe/ssh_target.ts";

type Target = readonly [host: string, user?: string | undefined, port?: number];

const TARGETS: Readonly<Record<string, Target | undefined>> = {
  "hostb": ["hostb"],
  "hostb.example.org": ["hostb.example.org"],
  "my_alias": ["my_alias"],
  "10.0.0.2": ["10.0.0.2"],
  "root@hostb": ["hostb", "root"],
  "root@hostb:2222": ["hostb", "root", 2222],
  "hostb:22": ["hostb", undefined, 22],
  "[fe80::1%eth0]:22": ["fe80::1%eth0", undefined, 22],
  "root@[::1]": ["::1", "root"],
  "ssh://root@hostb:2222": ["hostb", "root", 2222],
  "ssh://hostb/": ["hostb"],
  "": undefined,
  "-hostb": undefined,
  "-oProxyCommand=reboot": undefined,
  "ssh://-oProxyCommand=reboot": undefined,
  "-l@hostb": undefined,
  "root@-hostb": undefined,
  "root@": undefined,
  "root:secret@hostb": undefined,
  "root@other@hostb": undefined,
  "hostb:0": undefined,
  "hostb:65536": undefined,
  "hostb:": undefined,
  "hostb:ssh": undefined,
  "hostb -oProxyCommand=reboot": undefined,
  "hostb;reboot": undefined,
  "hostb\n": undefined,
  "$(reboot)": undefined,
  "::1": undefined,
  "fe80::1%eth0": undefined,
  "[::1": undefined,
  "[host]": undefined,
  "ssh://hostb/path": undefined,
  "ssh:///hostb": undefined,
  "ssh://": undefined,
  "http://hostb": undefined,
  "qemu+ssh://hostb/system": undefined,
  "h\u00f6st": undefined,
};

for (const [text, target] of Object.entries(TARGETS)) {
  Deno.test(`parseSshTarget: ${JSON.stringify(text)}`, () => {
    const parsed = parseSshTarget(text);
    const [host, user, port] = target ?? [];
    assertEquals(parsed && [parsed.host, parsed.user, parsed.port], target && [host, user, port]);
  });
}

const LINES: Readonly<Record<string, readonly [text: string, line: string]>> = {
  "a line stays": ["Permission denied", "Permission denied"],
  "newlines become spaces": ["one\r\ntwo\n\n", "one two"],
  "control characters go": ["\u0000\u001b[2Jx\u0007\u009b", "[2Jx"],
  "direction characters go": ["a\u202eb\u2066c\u2028d\ufeff", "a b c d"],
  "halves of characters go": ["a\ud800b", "a b"],
  "letters stay": ["gr\u00fc\u00df \u4e2d \u{1f600}", "gr\u00fc\u00df \u4e2d \u{1f600}"],
  "nothing": ["", ""],
  "300 characters stay": ["x".repeat(300), "x".repeat(300)],
  "301 are cut": ["x".repeat(301), `${"x".repeat(297)}...`],
  "a character is not cut in two": [
    `${"x".repeat(296)}\u{1f600}${"x".repeat(9)}`,
    `${"x".repeat(296)}\ufffd...`,
  ],
};

for (const [title, [text, line]] of Object.entries(LINES)) {
  Deno.test(`oneLine: ${title}`, () => assertEquals(oneLine(text), line));
}
