import { assert, assertEquals } from "@std/assert";
import { decodeHex } from "@std/encoding/hex";
import { ROOT, runCli, testRuns } from "../../helpers/cli_run.ts";

const CASES = "tests/cases/cli";
const HEX = `${CASES}/destination.hex`;
const RAW = `${CASES}/destination.bin`;
const TEXTS = `${CASES}/source.txt ${CASES}/destination.txt --slot 3b:00.4`;
const OLD = "--machine pc-q35-9.0";
const NEW = "--machine pc-q35-9.1";

const destination = await Deno.readFile(new URL(RAW, ROOT));

/** The destination's config space with other bytes at an offset, and of another size. */
function changed(offset: number, hex: string, size = 256): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  bytes.set(destination);
  bytes.set(decodeHex(hex), offset);
  return bytes;
}

// Link Status in the PCI Express capability at 0x78: x8 for x16.
const OTHER_LINK = changed(0x8a, "8310");
const DEVICE_ID = changed(0x02, "b91e");
const SERIAL_NUMBER = changed(0x100, "03000100deadbeef00000001", 4096);

testRuns([
  {
    name: "compare: a 9.0 machine compares the body of the VSC",
    words: `compare ${TEXTS} ${OLD}`,
    code: 1,
    stdout: [
      "VETO: ",
      "assumed: QEMU 11.1 on both hosts (--qemu)",
      "assumed: bus port (--bus)",
      "\n0000:3b:00.4\n",
      "nvidia/vsc body-compared",
      "first at 0xbc",
      "qemu/restore-check will-fail",
      "i=0xbc read: 33 device: 35",
      "policies applied: nvidia/vsc, qemu/restore-check",
      "\nconfig space: ",
      "  000 de: 10: b8: 1e: 00  00  10: 00  a1: 00: 00: 03: 00  00  00: 00\n",
      "  60 MSI\n",
      "  78 PCI Express\n",
      "56: 46: 00: 16: 35: 33! 35! 2e: 31!  b4 Vendor Specific\n",
      "35! 30!     35!\n",
    ],
  },
  {
    name: "compare: a 9.1 machine does not, and the picture says so",
    words: `compare ${TEXTS} ${NEW}`,
    code: 0,
    stdout: [
      "ALLOW: ",
      "nvidia/vsc host-driver-differs",
      "bars-unknown",
      "will-pass",
      "56~ 46~ 00~ 16~ 35~ 33+ 35+ 2e~ 31+  b4 Vendor Specific\n",
    ],
  },
  {
    name: "compare: of a distribution's machine nobody knows",
    words: `compare ${TEXTS} --machine pc-q35-noble`,
    code: 3,
    stdout: ["UNDECIDED", "body-check-unknown", "cannot-tell"],
  },
  {
    name: "compare: before 9.1 there is no skip-vsc-check, whatever the machine",
    words: `compare ${TEXTS} --machine pc-q35-8.2 --qemu 9.0.2`,
    code: 1,
    stdout: ["body-compared", "!assumed: QEMU"],
  },
  {
    name: "compare: as Markdown",
    words: `compare ${TEXTS} ${OLD} --format markdown`,
    code: 1,
    stdout: ["# VETO: ", "- QEMU 11.1 on both hosts (--qemu)", "### 0000:3b:00.4"],
  },
  {
    name: "compare: as HTML",
    words: `compare ${TEXTS} ${OLD} --format html`,
    code: 1,
    stdout: ["<!doctype html>", "VETO: ", "Bytes of 0000:3b:00.4 that differ", "</html>\n"],
  },
  {
    name: "compare: as HTML, with what is drawn though it is not known",
    words: `compare ${TEXTS} --machine pc-q35-noble --format html`,
    code: 3,
    stdout: [
      "UNDECIDED: ",
      "Whether QEMU compares the body of the Vendor Specific Capability is not known",
      "different, not known whether it is compared",
    ],
  },
  {
    name: "compare: as HTML, where there is no picture of what cannot be",
    words:
      `compare ${HEX} ${RAW} --machine pc-q35-9.0 --qemu 9.0 --property skip-vsc-check=on --format html`,
    code: 1,
    stdout: ["property-refused", "side by side", "!<h4>Config space"],
  },
  {
    name: "compare: equal dumps, hexadecimal and raw",
    words: `compare ${HEX} ${RAW} ${OLD}`,
    code: 0,
    stdout: [
      "ALLOW",
      `\ndevice (${HEX} -> ${RAW})\n`,
      "Host driver 550.54.16 (r550_00) on both sides",
    ],
  },
  {
    name: "compare: raw bytes have no name, and are taken at any slot",
    words: `compare ${CASES}/destination.txt ${RAW} --slot 3B:00.4 ${OLD}`,
    code: 0,
    stdout: [`\n0000:3b:00.4 (0000:3b:00.4 -> ${RAW})\n`],
  },
  {
    name: "compare: another function of the same dumps, of no policy's vendor alone",
    words: `compare ${CASES}/source.txt ${CASES}/destination.txt --slot 0000:3b:00.5 ${OLD}`,
    code: 0,
    stdout: ["ALLOW", "assumed: bus root (--bus)", "  40 PCI Power Management"],
  },
  {
    name: "compare: i440fx has conventional buses",
    words: `compare ${HEX} ${RAW} --machine pc-i440fx-9.0`,
    code: 0,
    stdout: ["assumed: bus pci (--bus)"],
  },
  ...(["port", "root", "pci", "pci-under-pcie"] as const).map((bus) => ({
    name: `compare: --bus ${bus}`,
    words: `compare ${RAW} - ${OLD} --bus ${bus}`,
    // Only below a port or on a conventional root QEMU compares the device's own link status.
    stdin: OTHER_LINK,
    code: bus === "port" || bus === "pci" ? 1 : 0,
    stdout: ["!assumed: bus"],
  })),
  {
    name: "compare: a volatile register, as QEMU read it",
    words: `compare ${RAW} - ${OLD} --view region`,
    stdin: OTHER_LINK,
    code: 1,
    stdout: ["VETO", "qemu/restore-check will-fail", "Link Status"],
  },
  ...(["sysfs", "guest"] as const).map((view) => ({
    name: `compare: a volatile register, as ${view} shows it`,
    words: `compare ${RAW} - ${OLD} --view ${view}`,
    stdin: OTHER_LINK,
    code: 3,
    stdout: ["UNDECIDED", "qemu/restore-check may-fail", "Link Status"],
  })),
  ...(["region", "sysfs", "guest"] as const).map((view) => ({
    name: `compare: the body of the VSC is certain in any view: ${view}`,
    words: `compare ${TEXTS} ${OLD} --view ${view}`,
    code: 1,
    stdout: ["VETO", "nvidia/vsc body-compared", "qemu/restore-check will-fail"],
  })),
  {
    name: "compare: another device id",
    words: `compare ${RAW} - ${NEW}`,
    stdin: DEVICE_ID,
    code: 1,
    stdout: ["VETO", "i=0x2 read: b8 device: b9", "  000 de: 10: b8! ", " b9!\n"],
  },
  {
    name: "compare: properties of the device",
    words: `compare ${TEXTS} ${OLD} --property skip-vsc-check=on --property x-no-mmap=on`,
    code: 0,
  },
  {
    name: "compare: a property that this QEMU does not have, and no picture of what cannot be",
    words: `compare ${HEX} ${RAW} --machine pc-q35-9.0 --qemu 9.0 --property skip-vsc-check=on`,
    code: 1,
    stdout: ["qemu/restore-check property-refused", "!config space:"],
  },
  {
    name: "compare: sizes of BARs",
    words: `compare ${HEX} ${RAW} ${OLD} --bar 0=16M --bar 1=256m --bar 3=33554432`,
    code: 0,
    stdout: ["will-pass", "!bars-unknown"],
  },
  {
    name: "compare: a size that no BAR has",
    words: `compare ${HEX} ${RAW} ${OLD} --bar 0=3M`,
    code: 1,
    stdout: ["destination-refuses", "BAR 0 of 3145728 bytes"],
  },
  {
    name: "compare: 256 bytes and 4096",
    words: `compare ${RAW} - ${OLD}`,
    stdin: SERIAL_NUMBER,
    code: 1,
    stdout: [
      "VETO",
      "out-of-step",
      "256",
      "4096",
      "  100 --  --  ",
      "  100 Device Serial Number\n",
    ],
  },
  {
    name: "compare: 4096 bytes and 256",
    words: `compare - ${RAW} ${OLD}`,
    stdin: SERIAL_NUMBER,
    code: 1,
    stdout: ["VETO", "out-of-step", "4096", "256", "!\n  100 "],
  },
  {
    name: "compare: devices that are asleep",
    words: `compare ${CASES}/asleep.txt ${CASES}/asleep.txt ${OLD}`,
    code: 3,
    stdout: [
      "UNDECIDED",
      "qemu/restore-check not-answering",
      "policy not run: nvidia/vsc for 0000:3b:00.4: the device's ids or driver are not known",
      "!config space:",
    ],
  },
  {
    name: "compare: headers alone",
    words: `compare ${RAW} - ${OLD}`,
    stdin: destination.slice(0, 64),
    code: 3,
    stdout: ["UNDECIDED", "short-config", "policies applied: nvidia/vsc, qemu/restore-check\n"],
  },
  {
    name: "compare: a QEMU that nobody has seen",
    words: `compare ${HEX} ${RAW} ${OLD} --qemu 12.0`,
    code: 3,
    stdout: ["UNDECIDED", "qemu-not-modelled"],
  },
  { name: "compare: no machine", words: `compare ${HEX} ${RAW}`, code: 2, error: "--machine" },
  { name: "compare: one dump", words: `compare ${HEX} ${OLD}`, code: 2, error: "destination" },
  {
    name: "compare: three dumps",
    words: `compare ${HEX} ${RAW} x ${OLD}`,
    code: 2,
    error: "Too many",
  },
  {
    name: "compare: several functions and no --slot",
    words: `compare ${CASES}/source.txt ${RAW} ${OLD}`,
    code: 2,
    error: "it has 0000:3b:00.4, 0000:3b:00.5; give --slot",
  },
  {
    name: "compare: a slot that is not in the dump",
    words: `compare ${CASES}/source.txt ${RAW} ${OLD} --slot 3b:00.6`,
    code: 2,
    error: `Cannot find function 0000:3b:00.6 in ${CASES}/source.txt`,
  },
  {
    name: "compare: a slot that is none",
    words: `compare ${CASES}/source.txt ${RAW} ${OLD} --slot 3b:00`,
    code: 2,
    error: 'Cannot read --slot "3b:00"',
  },
  {
    name: "compare: a bad --bar",
    words: `compare ${HEX} ${RAW} ${OLD} --bar 6=1M`,
    code: 2,
    error: '--bar "6=1M"',
  },
  {
    name: "compare: a bad --property",
    words: `compare ${HEX} ${RAW} ${OLD} --property skip-vsc-check`,
    code: 2,
    error: '--property "skip-vsc-check": wanted name=value',
  },
  {
    name: "compare: a bad --bus",
    words: `compare ${HEX} ${RAW} ${OLD} --bus agp`,
    code: 2,
    error: '"pci-under-pcie"',
  },
  {
    name: "compare: a bad --view",
    words: `compare ${HEX} ${RAW} ${OLD} --view x`,
    code: 2,
    error: '"guest"',
  },
  {
    name: "compare: a bad --qemu",
    words: `compare ${HEX} ${RAW} ${OLD} --qemu x`,
    code: 2,
    error: '"x"',
  },
  { name: "compare: standard input twice", words: `compare - - ${OLD}`, code: 2, error: "twice" },
  {
    name: "compare: no dump at all",
    words: `compare ${RAW} examples/domain.xml ${OLD}`,
    code: 2,
    error: "Reading config space dump",
  },
  {
    name: "compare: a dump that was cut",
    words: `compare ${RAW} - ${OLD}`,
    stdin: (await Deno.readTextFile(new URL(`${CASES}/destination.txt`, ROOT)))
      .split("\n").slice(0, 12).join("\n"),
    code: 2,
    error: "Cannot read standard input: it ends after 160 of 256 bytes",
  },
  {
    name: "compare: an empty dump",
    words: `compare - ${RAW} ${OLD}`,
    code: 2,
    error: "0 hexadecimal digits",
  },
]);

Deno.test("compare --format json: the same as --json", async () => {
  const runs = await Promise.all(
    ["--json", "--format json"].map((option) => runCli(`compare ${TEXTS} ${OLD} ${option}`)),
  );
  const [one, other] = runs.map(({ stdout, code }) => ({ ...JSON.parse(stdout), time: "", code }));
  assertEquals(one, other);
});

Deno.test("compare --json: what check gives, from bytes alone", async () => {
  const { code, stdout } = await runCli(`compare ${TEXTS} ${OLD} --json`);
  assertEquals(code, 1);
  const { decision, devices, assumptions, findings, ran, notRun } = JSON.parse(stdout);
  assertEquals(decision, "veto");
  const slot = "0000:3b:00.4";
  assertEquals(devices, [{ name: slot, source: slot, destination: slot }]);
  assertEquals(assumptions, ["QEMU 11.1 on both hosts (--qemu)", "bus port (--bus)"]);
  assertEquals(
    findings.filter(({ severity }: Record<string, unknown>) => severity === "veto")
      .map(({ policy, code, offset }: Record<string, unknown>) => [policy, code, offset]),
    [["nvidia/vsc", "body-compared", 0xbc], ["qemu/restore-check", "will-fail", 0xbc]],
  );
  assertEquals(ran.map(({ policy }: { policy: string }) => policy), [
    "nvidia/vsc",
    "qemu/restore-check",
  ]);
  assert(notRun.every(({ reason }: { reason: string }) => reason === "needs-facts"));
});
