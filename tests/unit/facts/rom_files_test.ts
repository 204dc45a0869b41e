/** The ROM files of a guest's devices: which are asked for, and which sizes are believed. */
import { assert, assertEquals } from "@std/assert";
import { parseDomain } from "premigrate";
import type { ProbedFile } from "../../../lib/facts/probe/report.ts";
import {
  filesToAsk,
  readRomFiles,
  type RomFile,
  romFilesOf,
} from "../../../lib/facts/rom_files.ts";

function guest(devices: string, qemu = "", name = "vm1"): ReturnType<typeof parseDomain> {
  return parseDomain(
    `<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>${name}</name>
    <uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid><devices>${devices}</devices>${qemu}</domain>`,
  );
}

function pci(fn: number, rom: string): string {
  return `<hostdev mode='subsystem' type='pci'><source><address domain='0' bus='0x3b' slot='0' ` +
    `function='${fn}'/></source><alias name='ua-${fn}'/>${rom}</hostdev>`;
}

const MDEV = `<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source>
  <address uuid='c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01'/></source><alias name='ua-m'/>
  <rom file='/ignored.rom'/></hostdev>`;

const args = (...values: readonly string[]): string =>
  `<qemu:commandline>${
    values.map((value) => `<qemu:arg value='${value}'/>`).join("")
  }</qemu:commandline>`;

const FOUND: readonly (readonly [name: string, devices: string, qemu: string, string[]])[] = [
  ["no device", "", "", []],
  ["a device without", pci(4, ""), "", []],
  ["a ROM file", pci(4, "<rom file='/a.rom'/>"), "", ["/a.rom"]],
  ["two devices with one", pci(4, "<rom file='/a.rom'/>") + pci(5, "<rom file='/a.rom'/>"), "", [
    "/a.rom",
  ]],
  ["none of both", pci(4, "<rom enabled='no' file='/a.rom'/>"), "", []],
  ["a relative name", pci(4, "<rom file='a.rom'/>"), "", []],
  ["another's file", pci(4, "<rom file='/../a.rom'/>"), "", []],
  ["a blank", pci(4, "<rom file='/a b'/>"), "", []],
  ["a mediated device, of which libvirt hands on none", MDEV, "", []],
  ["-global", MDEV, args("-global", "vfio-pci.romfile=/g.rom"), ["/g.rom"]],
  ["-global of a type above", MDEV, args("-global", "pci-device.romfile=/g.rom"), ["/g.rom"]],
  ["-set", pci(4, "<rom file='/a.rom'/>"), args("-set", "device.ua-4.romfile=/s.rom"), ["/s.rom"]],
  [
    "an override",
    MDEV,
    "<qemu:override><qemu:device alias='ua-m'><qemu:frontend><qemu:property name='romfile' " +
    "type='string' value='/o.rom'/></qemu:frontend></qemu:device></qemu:override>",
    ["/o.rom"],
  ],
];
for (const [name, devices, qemu, wanted] of FOUND) {
  Deno.test(`ROM files that are asked for: ${name}`, () => {
    const found = romFilesOf(guest(devices, qemu), { running: false });
    assertEquals(found, wanted.map((path) => ({ path, startedBy: undefined })));
  });
}

const PID = "/run/libvirt/qemu/vm1.pid";

Deno.test("of a guest that runs, the file that tells when it was started is asked for too", () => {
  const rom = pci(4, "<rom file='/a.rom'/>");
  const ask = (name: string): string[] =>
    filesToAsk(romFilesOf(guest(rom, "", name), { running: true }));
  assertEquals(ask("vm1"), ["/a.rom", PID]);
  for (const name of ["my guest", "../../etc/shadow", "a\u202eb", "$(reboot)"]) {
    assertEquals(ask(name), ["/a.rom"]);
  }
});

Deno.test("long paths of one guest do not make the list too long", () => {
  const all = Array.from({ length: 600 }, (_, index) => ({
    path: `/${`${index}`.padStart(3, "0")}${"a".repeat(1000)}`,
  }));
  assertEquals(filesToAsk(all).length, 32);
  assert(filesToAsk([...all, { path: "/b" }]).includes("/b") === false);
  assertEquals(filesToAsk(Array.from({ length: 600 }, (_, i) => ({ path: `/${i}` }))).length, 512);
});

const ROM: RomFile = { path: "/a.rom", startedBy: PID };
const file = (changes: Partial<ProbedFile> = {}): ProbedFile => ({
  path: ROM.path,
  size: 32_768,
  modified: 100,
  changed: 100,
  missing: {},
  ...changes,
});
const pid = (changes: Partial<ProbedFile> = {}): ProbedFile => ({
  ...file({ path: PID, modified: 200, changed: 200 }),
  ...changes,
});

const READ: readonly (readonly [
  name: string,
  files: readonly ProbedFile[],
  size: number | null | undefined,
  missing: string | undefined,
])[] = [
  ["older than the guest", [file(), pid()], 32_768, undefined],
  [
    "changed since, with a time of its own choice",
    [file({ changed: 201 }), pid()],
    undefined,
    "/a.rom: it changed after the guest was started",
  ],
  [
    "changed in the second of the start",
    [file({ changed: 200 }), pid()],
    undefined,
    "/a.rom: it changed after the guest was started",
  ],
  [
    "changed nobody knows when",
    [file({ changed: undefined }), pid()],
    undefined,
    "/a.rom: it changed after the guest was started",
  ],
  [
    "gone",
    [file({ size: null }), pid()],
    undefined,
    "/a.rom: it has gone since the guest was started",
  ],
  [
    "started nobody knows when",
    [file(), pid({ size: null, modified: undefined })],
    undefined,
    "/a.rom: it is not known when the guest was started",
  ],
  [
    "no word of the start",
    [file()],
    undefined,
    "/a.rom: it is not known when the guest was started",
  ],
  [
    "no regular file",
    [file({ size: undefined, missing: { size: "no regular file" } }), pid()],
    undefined,
    "/a.rom: no regular file",
  ],
  ["not asked for", [pid()], undefined, "/a.rom: it was not asked for"],
];
for (const [name, files, size, missing] of READ) {
  Deno.test(`a ROM file's size on the source: ${name}`, () => {
    const read = readRomFiles([ROM], files);
    assertEquals(read, { sizes: size === undefined ? {} : { [ROM.path]: size }, missing });
  });
}

Deno.test("a ROM file's size on the destination is that of now", () => {
  const asked = [{ path: ROM.path }];
  assertEquals(readRomFiles(asked, [file()]).sizes, { "/a.rom": 32_768 });
  assertEquals(readRomFiles(asked, [file({ size: null })]).sizes, { "/a.rom": null });
  assertEquals(readRomFiles(asked, [file({ size: undefined })]).sizes, {});
});

Deno.test("a file of two guests has changed since the first was started", () => {
  const other = { path: ROM.path, startedBy: "/run/libvirt/qemu/vm2.pid" };
  const second = pid({ path: other.startedBy, modified: 300 });
  const read = readRomFiles([ROM, other], [file({ changed: 250 }), pid(), second]);
  assertEquals(read.sizes, {});
});
