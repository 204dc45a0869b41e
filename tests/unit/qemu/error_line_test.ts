import { assertEquals } from "@std/assert";
import { type BadConfig, formatBadConfig, parseBadConfig } from "premigrate/policy";

const BAD: BadConfig = {
  offset: 0x6e,
  read: 0,
  device: 0x40,
  cmask: 0xff,
  wmask: 0,
  w1cmask: 0x19,
};
const LINE =
  "get_pci_config_device: Bad config data: i=0x6e read: 0 device: 40 cmask: ff wmask: 0 w1cmask:19";

Deno.test("formatBadConfig: hexadecimal without padding, only the offset with 0x", () => {
  assertEquals(formatBadConfig(BAD), LINE);
  assertEquals(
    formatBadConfig({ offset: 0xfff, read: 0xab, device: 1, cmask: 0x10, wmask: 0xf0, w1cmask: 0 }),
    "get_pci_config_device: Bad config data: i=0xfff read: ab device: 1 cmask: 10 wmask: f0 w1cmask:0",
  );
});

const FOUND: readonly (readonly [name: string, text: string])[] = [
  ["as it is printed", LINE],
  ["without the function", LINE.slice("get_pci_config_device: ".length)],
  ["with the program's name", `qemu-system-x86_64: ${LINE}`],
  [
    "in a log",
    `2026-11-22T10:00:00.000000Z qemu-kvm: ${LINE}\nqemu-kvm: Failed to load PCIDevice:config\n`,
  ],
  ["in virsh's words", `error: internal error: QEMU unexpectedly closed the monitor: ${LINE}`],
  ["with a space after w1cmask", LINE.replace("w1cmask:", "w1cmask: ")],
  ["in upper case", LINE.toUpperCase()],
  ["the first of two", `${LINE}\n${LINE.replace("i=0x6e", "i=0x70")}`],
];
for (const [name, text] of FOUND) {
  Deno.test(`parseBadConfig: finds the line ${name}`, () => {
    assertEquals(parseBadConfig(text), BAD);
  });
}

const ABSENT = [
  "",
  "Failed to load PCIDevice:config",
  LINE.replace("0x", ""),
  LINE.replace("i=0x6e", "i=0x12345"),
  LINE.replace("read: 0", "read: 100"),
  LINE.replace("device: 40", "device: "),
  LINE.slice(0, -" w1cmask:19".length),
];
for (const text of ABSENT) {
  Deno.test(`parseBadConfig: nothing in ${JSON.stringify(text)}`, () => {
    assertEquals(parseBadConfig(text), undefined);
  });
}
