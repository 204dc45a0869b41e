import { assertEquals, assertMatch } from "@std/assert";
import { isAttributeName } from "../../../../lib/policy/attributes.ts";
import { isFilePath } from "../../../../lib/facts/probe/file_path.ts";
import { NAMES, NO_NAMES } from "../../../cases/attribute_names.ts";
import { MDEV } from "../../../helpers/probe_hosts.ts";
import { runScript, SCRIPT, shells } from "../../../helpers/probe_shells.ts";

const ADDRESS = "0000:3b:00.4";
/** What a guest's document may have for a ROM file, and nobody is asked for. */
const NO_PATHS: Readonly<Record<string, string>> = {
  "an empty path": "",
  "a relative one": "vgabios.bin",
  "one below a folder": "usr/share/a.rom",
  "an option": "--all",
  "an option behind a blank": " --all",
  "a folder above": "/usr/../etc/shadow",
  "a folder above at its end": "/usr/..",
  "a folder": "/usr/share/",
  "the root": "/",
  "a blank": "/my roms/a.rom",
  "a newline": "/a.rom\n",
  "a line of the report": "/a.rom\nend 1",
  "a tab": "/a\tb.rom",
  "a return": "/a.rom\r",
  "the separator of the hook's input": "/a\u001e.rom",
  "a command": "/$(reboot)",
  "another command": "/`reboot`",
  "a second command": "/a.rom;reboot",
  "a pipe": "/a|b",
  "a quote": "/a'b",
  "a double quote": '/a"b',
  "a backslash": "/a\\b",
  "a pattern": "/*",
  "a pattern of one character": "/?",
  "a pattern of several": "/[a-z]",
  "a variable": "/$HOME",
  "a home": "~/a.rom",
  "a user's home": "/~root/a.rom",
  "a comment": "/a#b",
  "a redirection": "/a>b",
  "braces": "/{a,b}",
  "no ASCII": "/\u00e9.rom",
  "a right-to-left mark": "/a\u202e.rom",
  "1025 characters": `/${"a".repeat(1024)}`,
  "a hundred thousand characters": `/${"a".repeat(100_000)}`,
};
const PATHS: Readonly<Record<string, string>> = {
  "a short one": "/a",
  "libvirt's example": "/etc/fake/boot.bin",
  "with a version": "/usr/share/vgabios/GP106-2.1+b1_10de:1b81@a,b=c.rom",
  "a hidden one": "/root/.a.rom",
  "two slashes": "//a//b",
  "dots at its end": "/a.",
  "1024 characters": `/${"a".repeat(1023)}`,
};
const HOSTILE: Readonly<Record<string, readonly string[]>> = {
  "an empty argument": [""],
  "an unknown option": ["--help"],
  "an option of one letter": ["-x"],
  "an option with =": ["--sysfs=/sys"],
  "two dashes": ["--", ADDRESS],
  "a path as a device": ["../../../etc/passwd"],
  "a device with a path": [`../${ADDRESS}`],
  "a device with more after it": [`${ADDRESS}/config`],
  "a device without its domain": ["3b:00.4"],
  "a device in upper case": ["0000:3B:00.4"],
  "a domain of three digits": ["000:3b:00.4"],
  "a domain of nine digits": ["000000000:3b:00.4"],
  "a function above 7": ["0000:3b:00.8"],
  "a device number above 1f": ["0000:3b:20.0"],
  "a bus of three digits": ["0000:03b:00.4"],
  "a device with spaces": [" 0000:3b:00.4 "],
  "two devices in one": [`${ADDRESS} ${ADDRESS}`],
  "a device with a newline": [`${ADDRESS}\n`],
  "a line that is a device": [`x\n${ADDRESS}`],
  "a pattern for devices": ["????:??:??.?"],
  "a pattern of hex digits": ["0000:[0-9]b:00.4"],
  "colons in place of digits": [":::::::::00.4"],
  "dots in place of digits": ["0000:..:1..4"],
  "dashes in place of digits": ["0000:--:1-.4"],
  "a UUID in upper case": [MDEV.toUpperCase()],
  "a UUID without dashes": [MDEV.replaceAll("-", "")],
  "a UUID of 35 digits": [MDEV.slice(0, -1)],
  "a UUID with other dashes": ["c0b2607-2dd1b-4340-84fe-bf338c510818"],
  "a UUID with a colon in its first part": ["c0b2:072-dd1b-4340-84fe-bf338c510818"],
  "a UUID with a dot in its last part": ["c0b26072-dd1b-4340-84fe-bf338c51081."],
  "a UUID with a colon": ["c0b26072:dd1b-4340-84fe-bf338c510818"],
  "a UUID with more dashes": ["--------------------------------c510"],
  "a command": ["$(reboot)"],
  "a second command": [`${ADDRESS};reboot`],
  "a device that is not ASCII": ["0000:3b:00.\u0664"],
  "a very long device": ["0".repeat(100_000)],
  "no folder for sysfs": ["--sysfs"],
  "an empty folder for sysfs": ["--sysfs", ""],
  "a relative folder for sysfs": ["--sysfs", "sys"],
  "a folder with ..": ["--sysfs", "/sys/../etc"],
  "a folder with a space": ["--sysfs", "/my sys"],
  "a folder with a newline": ["--sysfs", "/sys\n"],
  "a folder with a pattern": ["--sysfs", "/s*s"],
  "a folder with a command": ["--sysfs", "/`reboot`"],
  "a folder for proc with ..": ["--proc", "/proc/.."],
  "no emulator": [ADDRESS, "--emulator"],
  "an emulator with arguments": ["--emulator", "/bin/sh -c reboot"],
  "an emulator by its name": ["--emulator", "qemu-system-x86_64"],
  "an emulator that is an option": ["--emulator", "--all"],
  "no file": [ADDRESS, "--file"],
  ...Object.fromEntries(
    Object.entries(NO_PATHS).map(([title, text]) => [
      `a file: ${title}`,
      ["--file", "/a.rom", "--file", text],
    ]),
  ),
  "no attribute": [ADDRESS, "--attribute"],
  ...Object.fromEntries(
    Object.entries(NO_NAMES).map(([title, text]) => [
      `an attribute: ${title}`,
      ["--attribute", "fw_rev", "--attribute", text],
    ]),
  ),
};

for (const { shell, name, ignore } of shells) {
  for (const [title, args] of Object.entries(HOSTILE)) {
    Deno.test({
      name: `${name}: refuses ${title}`,
      ignore,
      async fn(): Promise<void> {
        const { code, stdout, stderr } = await runScript(shell, args);
        assertEquals([code, stdout], [2, ""]);
        assertMatch(stderr, /^premigrate-probe: argument [0-9] is [ -~]+\n$/);
      },
    });
  }

  Deno.test({
    name: `${name}: takes the attributes that a policy may declare, and 256 at most`,
    ignore,
    async fn(): Promise<void> {
      const ask = (names: readonly string[]): ReturnType<typeof runScript> =>
        runScript(shell, names.flatMap((name) => ["--attribute", name]));
      const { code, stderr } = await ask(Object.values(NAMES));
      assertEquals([code, stderr], [0, ""]);
      const most = Array.from({ length: 256 }, (_, index) => `fw_${index}`);
      assertEquals((await ask([...most, ...most])).code, 0);
      assertEquals(await ask([...most, "x"]), {
        code: 2,
        stdout: "",
        stderr: "premigrate-probe: argument 514 is an attribute more than the 256 that may be " +
          "asked for\n",
      });
    },
  });

  Deno.test({
    name: `${name}: takes an attribute's name wherever isAttributeName() does`,
    ignore,
    async fn(): Promise<void> {
      const parts = ["", "a", "parent", "config", "rom", "resource", "resource0", ".", "..", "-a"];
      const names = parts.flatMap((one) => parts.flatMap((two) => [`${one}/${two}`, one + two]));
      const script = `${SCRIPT.slice(0, SCRIPT.indexOf('\nmain "$@"'))}
        for name in "$@"; do if is_attribute "$name"; then echo yes; else echo no; fi; done\n`;
      const { stdout } = await runScript(shell, names, { script });
      assertEquals(
        stdout.trimEnd().split("\n"),
        names.map((name) => isAttributeName(name) ? "yes" : "no"),
      );
    },
  });

  Deno.test({
    name: `${name}: takes a file's path wherever isFilePath() does, and 512 at most`,
    ignore,
    async fn(): Promise<void> {
      const parts = ["", "/", "/a", "a", ".", "..", "-a", "+", " ", "\n", "*", "@:,=_"];
      const paths = parts.flatMap((one) => parts.flatMap((two) => parts.map((x) => one + two + x)));
      const all = [...Object.values(PATHS), ...Object.values(NO_PATHS), ...paths]
        .filter(({ length }) => length < 10_000);
      const script = `${SCRIPT.slice(0, SCRIPT.indexOf('\nmain "$@"'))}
        for name in "$@"; do if is_file "$name"; then echo yes; else echo no; fi; done\n`;
      const { stdout } = await runScript(shell, all, { script });
      assertEquals(
        stdout.trimEnd().split("\n"),
        all.map((path) => isFilePath(path) ? "yes" : "no"),
      );
      assertEquals(Object.values(PATHS).filter((path) => !isFilePath(path)), []);
      assertEquals(Object.values(NO_PATHS).filter(isFilePath), []);
      const most = Array.from({ length: 513 }, (_, index) => ["--file", `/${index}`]);
      assertEquals(
        (await runScript(shell, most.flat())).stderr,
        "premigrate-probe: argument 1026 " +
          "is a file more than the 512 that may be asked for\n",
      );
    },
  });

  Deno.test({
    name: `${name}: a script that arrives in part does nothing`,
    ignore,
    async fn(): Promise<void> {
      for (const part of [0.3, 0.7, 0.99].map((share) => SCRIPT.slice(0, share * SCRIPT.length))) {
        assertEquals((await runScript(shell, ["--all"], { script: part })).stdout, "");
      }
      const withoutLastLine = SCRIPT.slice(0, SCRIPT.indexOf('\nmain "$@"'));
      assertEquals(await runScript(shell, ["--all"], { script: withoutLastLine }), {
        code: 0,
        stdout: "",
        stderr: "",
      });
    },
  });
}
