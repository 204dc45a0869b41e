import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  MODELLED_VERSIONS,
  parseQemuVersion,
  QemuVersion,
  QemuVersionError,
} from "premigrate/policy";

const READ: readonly (readonly [text: string, version: string])[] = [
  ["9.1", "9.1"],
  ["9.1.0", "9.1.0"],
  ["v8.2.2", "8.2.2"],
  ["  11.1.3\n", "11.1.3"],
  ["7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", "7.2.22"],
  ["8.2.2ubuntu1", "8.2.2"],
  ["10.0-rc2", "10.0"],
  ["10.0.2-rc1", "10.0.2"],
  ["9.1.2 (Debian 1:9.1.2+ds-1)", "9.1.2"],
  ["8.2.2 (Debian 1:8.2.2+ds-0ubuntu1.4)", "8.2.2"],
  ["9.0.2 (pve-qemu-kvm_9.0.2-4)", "9.0.2"],
  ["9.1.0 (qemu-kvm-9.1.0-15.el9)", "9.1.0"],
  ["10.0.94 (v10.1.0-rc4)", "10.1"],
  ["7.2+dfsg-7+deb12u18", "7.2"],
  ["10.1.0~rc1", "10.1.0"],
  ["9.1.0-15.el9_6.2", "9.1.0"],
  // Development versions and release candidates have the rules of what they lead to.
  ["9.0.50", "9.1"],
  ["9.0.90", "9.1"],
  ["9.2.50", "10.0"],
  ["10.2.93", "11.0"],
  ["9.0.49", "9.0.49"],
  ["9.0.100", "9.0.100"],
  ["999.999.9999", "999.999.9999"],
];
for (const [text, version] of READ) {
  Deno.test(`parseQemuVersion: ${JSON.stringify(text)} is ${version}`, () => {
    assertEquals(String(parseQemuVersion(text)), version);
    assertEquals(JSON.stringify({ qemu: parseQemuVersion(text) }), `{"qemu":"${version}"}`);
  });
}

const REFUSED = [
  "",
  "9",
  "nine.one",
  "qemu 9.1",
  "9.",
  ".9",
  "-9.1",
  "9,1",
  "9.1.2.3",
  "1234.1",
  "9.1234",
  "9.1.12345",
  "9.1.",
  "9.1evil",
  "9.1.2evil",
  "9.1 evil",
  "9.1 (evil",
  "9.1\n9.0",
  "9.1(9.0)",
  "9.1ubuntu",
];
for (const text of REFUSED) {
  Deno.test(`parseQemuVersion: ${JSON.stringify(text)} is none`, () => {
    const error = assertThrows(() => parseQemuVersion(text), QemuVersionError);
    assertStringIncludes(error.problem, `found ${JSON.stringify(text.slice(0, 80))}, wanted `);
  });
}

Deno.test("QemuVersionError: says what was found and what was wanted, briefly", () => {
  const { message } = new QemuVersionError("x".repeat(1000));
  assertEquals(
    message,
    `Cannot read the QEMU version: found "${
      "x".repeat(80)
    }", wanted something like "9.1" or "7.2.22"`,
  );
});

const ORDER:
  readonly (readonly [version: string, major: number, minor: number, atLeast: boolean])[] = [
    ["9.1", 9, 1, true],
    ["9.1.5", 9, 1, true],
    ["9.0.4", 9, 1, false],
    ["10.0", 9, 1, true],
    ["8.2", 9, 1, false],
    ["9.10", 9, 2, true],
  ];
for (const [version, major, minor, atLeast] of ORDER) {
  Deno.test(`atLeast: ${version} is ${atLeast ? "" : "not "}${major}.${minor} or later`, () => {
    assertEquals(parseQemuVersion(version).atLeast(major, minor), atLeast);
  });
}

const MODELLED: readonly (readonly [version: string, modelled: boolean])[] = [
  ["5.1", false],
  ["5.2", true],
  ["7.2.22", true],
  ["11.1.3", true],
  ["11.2", false],
  ["12.0", false],
];
for (const [version, modelled] of MODELLED) {
  Deno.test(`modelled: ${version} is ${modelled ? "" : "not "}`, () => {
    assertEquals(parseQemuVersion(version).modelled, modelled);
  });
}

Deno.test("MODELLED_VERSIONS: both ends are modelled", () => {
  for (const [major, minor] of [MODELLED_VERSIONS.first, MODELLED_VERSIONS.last]) {
    assertEquals(new QemuVersion(major, minor).modelled, true);
  }
});
