/**
 * In the nested VM: real migrations of a device with a ROM file, and what premigrate says of them. Both
 * hosts of a pair are this machine, so that each side has a file of its own.
 */
import { assert, assertEquals } from "@std/assert";
import { decodeHex } from "@std/encoding/hex";
import {
  type DevicePair,
  evaluate,
  type Migration,
  parseMachine,
  parseQemuVersion,
  Registry,
} from "premigrate/policy";
import restoreCheck from "../../plugins/qemu/restore-check/policy.ts";
import { Mdev } from "./mdev.ts";
import { machineWith, migrateMachine, type Outcome } from "./migrate.ts";
import { qemuVersion } from "./qemu.ts";
import { appendResult } from "./results.ts";

const [work = ""] = Deno.args;
const NEW = "/usr/bin/qemu-system-x86_64";
const OLD = "/usr/local/bin/qemu-stable";
const BARS = [0x1000, 0x10000, 0, 0x1000, 0, 0];
const BOTH_NEW = [NEW, NEW] as const;
const MACHINE = "pc-q35-9.1";

interface Case {
  readonly name: string;
  /** The file's size on each side; `null`: there is none. */
  readonly sizes: readonly [source: number | null, destination: number | null];
  readonly emulators?: readonly [source: string, destination: string];
  readonly properties?: Readonly<Record<string, string>>;
  /** What premigrate decides, and by which code. */
  readonly says: string;
  /** What comes of it: the result, and a part of what QEMU says. */
  readonly wanted: readonly [Outcome["result"], said?: string];
}

const CASES: readonly Case[] = [
  { name: "one size", sizes: [32_768, 32_768], says: "allow", wanted: ["completed"] },
  { name: "one power of two", sizes: [17_000, 32_768], says: "allow", wanted: ["completed"] },
  {
    name: "32 KiB to 128 KiB",
    sizes: [32_768, 131_072],
    says: "veto rom-file-differs",
    wanted: ["failed", "/vfio-cpr-pci.rom: 0x8000 != 0x20000"],
  },
  {
    name: "128 KiB to 32 KiB",
    sizes: [131_072, 32_768],
    says: "veto rom-file-differs",
    wanted: ["failed", "/vfio-cpr-pci.rom: 0x20000 != 0x8000"],
  },
  {
    name: "32 KiB to 128 KiB, QEMU 10.0",
    sizes: [32_768, 131_072],
    emulators: [OLD, OLD],
    says: "veto rom-file-differs",
    wanted: ["failed", "/vfio-pci.rom: 0x8000 != 0x20000"],
  },
  {
    name: "two sizes within a page",
    sizes: [1000, 2000],
    says: "undecided rom-file-unknown",
    wanted: ["completed"],
  },
  {
    name: "no file there",
    sizes: [32_768, null],
    says: "veto rom-file-missing",
    wanted: ["realize-failed", "failed to find romfile"],
  },
  {
    name: "an empty file there",
    sizes: [32_768, 0],
    says: "veto rom-file-refused",
    wanted: ["realize-failed", "is empty"],
  },
  {
    name: "romsize, and no file there",
    sizes: [1000, null],
    properties: { romsize: "65536" },
    says: "allow",
    wanted: ["completed"],
  },
  {
    name: "rombar=0, and no file there",
    sizes: [32_768, null],
    properties: { rombar: "0" },
    says: "allow",
    wanted: ["completed"],
  },
  {
    name: "QEMU 10.0 to 11.1",
    sizes: [32_768, 32_768],
    emulators: [OLD, NEW],
    says: "veto rom-block-unknown",
    wanted: ["failed", '/vfio-pci.rom", cannot accept migration'],
  },
  {
    name: "QEMU 11.1 to 10.0",
    sizes: [32_768, 32_768],
    emulators: [NEW, OLD],
    says: "veto rom-block-unknown",
    wanted: ["failed", '/vfio-cpr-pci.rom", cannot accept migration'],
  },
];

Deno.test("ROM files: premigrate decides as QEMU does", async (t) => {
  const config = decodeHex(Deno.readTextFileSync("examples/source.hex").replace(/\s/g, ""));
  const folder = await Deno.makeTempDir();
  try {
    for (const { name, sizes, emulators = BOTH_NEW, properties = {}, says, wanted } of CASES) {
      await t.step(name, async () => {
        using from = new Mdev({ config, bars: BARS });
        using to = new Mdev({ config, bars: BARS });
        const files = await Promise.all(sizes.map(async (size, side) => {
          const path = `${folder}/${name.replace(/\W/g, "-")}-${side}.rom`;
          if (size !== null) await Deno.writeFile(path, new Uint8Array(size));
          return path;
        }));
        const machine = (device: Mdev, romfile = ""): string[] => {
          const all = Object.entries({ romfile, ...properties }).map(([key, value]) =>
            `${key}=${value}`
          );
          return machineWith(device, { machine: MACHINE, bus: "port", properties: all.join(",") });
        };
        const [here, there] = files;
        const outcome = await migrateMachine(
          emulators,
          machine(from, here),
          machine(to, there),
          () => Promise.resolve(),
        );
        const { result, said = "" } = outcome;
        const [wantedResult, words = ""] = wanted;
        assertEquals([result, said.includes(words)], [wantedResult, true], said);
        assertEquals(await foretell(config, sizes, emulators, properties), says);
        const line = said.split("\n").find((line) => words !== "" && line.includes(words)) ??
          result;
        await appendResult(work, {
          part: "rom",
          scenario: name,
          premigrate: says,
          said: line.replace(/^.*: (?=Size|Unknown|failed to find romfile|romfile )/, "")
            .replaceAll(`${folder}/`, ""),
        });
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** What the policy decides, where each side's file has one name, as it would have on two hosts. */
async function foretell(
  bytes: Uint8Array,
  [source, destination]: Case["sizes"],
  [from, to]: readonly [string, string],
  properties: Readonly<Record<string, string>>,
): Promise<string> {
  const romfile = "/a.rom";
  const device = { address: "a", config: { kind: "realize", bytes }, bars: BARS } as const;
  const pair: DevicePair = {
    name: "h0",
    guest: { bus: "port", properties: { romfile, ...properties } },
    source: device,
    destination: device,
  };
  const host = async (
    emulator: string,
    size: number | null,
  ): Promise<Migration["source"]> => ({
    name: emulator,
    machineTypes: [MACHINE],
    qemu: parseQemuVersion(await qemuVersion(emulator)),
    romFiles: { [romfile]: size },
  });
  const migration: Migration = {
    machine: parseMachine(MACHINE),
    source: await host(from, source),
    destination: await host(to, destination),
    bytesOnly: false,
  };
  const { decision, findings } = evaluate([pair], migration, new Registry().use(restoreCheck));
  const [cause] = findings.filter(({ severity }) => severity === decision);
  assert(decision === "allow" || cause !== undefined);
  return decision === "allow" ? decision : `${decision} ${cause?.code}`;
}
