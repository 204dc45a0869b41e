/**
 * In the nested VM: real migrations between devices that QEMU itself emulates. What the model claims
 * of those is the check itself, and the masks that QEMU makes alike for all devices: the header's,
 * MSI's and MSI-X's.
 */
import { assert, assertEquals } from "@std/assert";
import {
  type BadConfig,
  checkMask,
  decodeConfigSpace,
  failingBytes,
  parseQemuVersion,
  realize,
} from "premigrate/policy";
import { migrateMachine, type Outcome } from "./migrate.ts";
import { qemuVersion } from "./qemu.ts";
import { appendResult } from "./results.ts";

const [work = ""] = Deno.args;
const EMULATOR = "/usr/bin/qemu-system-x86_64";
const AT = { bus: 0, slot: 5 };

const MSI = 0x05;
const MSIX = 0x11;

/** A device, and what of its properties differs between the two sides. */
const CASES: readonly (readonly [device: string, source: string, destination: string])[] = [
  ["virtio-rng-pci", "", ""],
  ["virtio-rng-pci", "", "multifunction=on"],
  ["virtio-rng-pci", "", "vectors=0"],
  ["virtio-rng-pci", "disable-legacy=off", "disable-legacy=on"],
  ["virtio-rng-pci", "aer=off", "aer=on"],
  ["virtio-rng-pci", "ats=off", "ats=on"],
  ["virtio-net-pci,romfile=", "vectors=4", "vectors=3"],
  ["virtio-net-pci,romfile=", "page-per-vq=off", "page-per-vq=on"],
  ["virtio-blk-pci,drive=d0", "vectors=2", "vectors=5"],
  ["qemu-xhci", "msi=on", "msi=off"],
  ["qemu-xhci", "msix=on", "msix=off"],
  ["nvme,serial=1,drive=d0", "msix_qsize=65", "msix_qsize=33"],
  ["e1000,romfile=", "", "x-pcie-ext-tag=off"],
  ["e1000e,romfile=", "multifunction=off", "multifunction=on"],
  ["virtio-scsi-pci", "vectors=3", "vectors=6"],
];

interface Compared {
  readonly outcome: Outcome;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

Deno.test("emulated devices: the header, MSI and MSI-X decide as foretold", async (t) => {
  const version = await qemuVersion(EMULATOR);
  const qemu = parseQemuVersion(version);
  let decided = 0;
  for (const [device, source, destination] of CASES) {
    await t.step(`${device}: ${source || "default"} to ${destination || "default"}`, async () => {
      const compared = await migrateEmulated(device, source, destination);
      const foretold = foretell(compared, qemu);
      const { result, bad, said } = compared.outcome;
      assert(result === "completed" || result === "bad-config", said);
      if (bad !== undefined) {
        // What QEMU compared are these bytes.
        const seen = [compared.source[bad.offset], compared.destination[bad.offset]];
        assertEquals([bad.read, bad.device], seen);
      }
      if (bad === undefined || foretold.claims(bad.offset)) {
        assertEquals(foretold.bad, bad);
        decided++;
      } else {
        assert((foretold.bad?.offset ?? Infinity) > bad.offset, JSON.stringify(foretold.bad));
      }
    });
  }
  assert(decided >= 8, `only ${decided} were decided where the model claims to know`);
  await appendResult(work, { part: "emulated", qemu: version, migrated: CASES.length, decided });
});

/** The first byte of those that the model claims to know at which the restore fails. */
function foretell(
  { source, destination }: Compared,
  qemu: ReturnType<typeof parseQemuVersion>,
): { readonly claims: (offset: number) => boolean; readonly bad: BadConfig | undefined } {
  const facts = { qemu, skipVscCheck: true, bus: "root", properties: {} } as const;
  const model = realize({ kind: "realize", bytes: destination }, {
    ...facts,
    properties: { multifunction: (destination[0x0e] ?? 0) >= 0x80 },
  });
  if (!model.ok) throw new Error(JSON.stringify(model.reason));
  const known = decodeConfigSpace(destination).capabilities.filter(({ id }) =>
    id === MSI || id === MSIX
  );
  const claims = (offset: number): boolean =>
    offset < 0x10 || offset === 0x34 || known.some(({ offset: at, length }) =>
      // The id and the pointer to the next are every capability's.
      offset >= at && offset < at + length && checkMask(model, offset) > 0
    );
  const bad = failingBytes(source, model).find(({ offset }) => claims(offset));
  return { claims, bad };
}

async function migrateEmulated(
  device: string,
  source: string,
  destination: string,
): Promise<Compared> {
  const args = (property: string): string[] => [
    ...["-machine", "pc-q35-9.1", "-drive", "if=none,id=d0,driver=null-co,size=1M"],
    ...["-device", [device, "addr=5.0", ...property === "" ? [] : [property]].join(",")],
  ];
  let seen: Omit<Compared, "outcome"> = { source: new Uint8Array(), destination: new Uint8Array() };
  const outcome = await migrateMachine(
    EMULATOR,
    args(source),
    args(destination),
    async (from, to) => {
      seen = {
        source: (await from.readExpressConfig(AT)).subarray(0, 256),
        destination: (await to.readExpressConfig(AT)).subarray(0, 256),
      };
    },
  );
  return { outcome, ...seen };
}
