import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DomainXmlError } from "../../../../lib/domain/mod.ts";
import type { RealizeReaders } from "../../../../lib/facts/vfio/realize_views.ts";
import { recordGuestStart } from "../../../../lib/facts/vfio/record_guest_start.ts";
import { findStart, recordStart } from "../../../../lib/facts/vfio/start_records.ts";
import { ROOT } from "../../../helpers/cli_run.ts";
import { FakeSysfs, makeConfig } from "../../../helpers/probe_tree.ts";
import { runProgram } from "../../../helpers/run_program.ts";

const GUEST = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2a93";
const VF = "0000:3b:00.4";
const OTHER_VF = "0000:3b:00.5";
const CARD = "0000:5e:00.0";
const STAYING = "0000:5e:00.1";
const VGPU_VF = "0000:41:00.4";
const MDEV = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";
const VGPU = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a02";
const READ = new Uint8Array(256).fill(1);
const KEPT = new Uint8Array(256).fill(2);
const SIZES = { bars: [16, 0, 0, 0, 0, 0], romSize: 0 };
const OLD = { guest: GUEST, time: "2026-11-20T09:00:00Z", bootId: "old", devices: [] };
const STAMP =
  '<metadata><p:stamp xmlns:p="urn:premigrate:stamp" version="1">AAAA</p:stamp></metadata>';
const MARK =
  '<metadata><p:offline xmlns:p="urn:premigrate:stamp" time="2026-11-22T09:00:00Z"/></metadata>';

function hostDevice(source: string): string {
  if (!source.includes(".")) {
    return `<hostdev mode="subsystem" type="mdev" model="vfio-pci">
      <source><address uuid="${source}"/></source></hostdev>`;
  }
  const [, domain, bus, slot, fn] = /^(.*):(.*):(.*)\.(.*)$/.exec(source) ?? [];
  return `<hostdev mode="subsystem" type="pci" managed="yes"><source>
    <address domain="0x${domain}" bus="0x${bus}" slot="0x${slot}" function="0x${fn}"/>
    </source></hostdev>`;
}

function domainXml(sources: readonly string[], metadata = ""): string {
  return `<domain type="kvm"><name>vm1</name><uuid>${GUEST}</uuid>${metadata}
    <os><type arch="x86_64" machine="pc-q35-7.2">hvm</type></os>
    <devices>${sources.map(hostDevice).join("")}</devices></domain>`;
}

function addDevices(sysfs: FakeSysfs): void {
  const config = makeConfig(256, [0x15b3, 0x101e]);
  const files = { reset_method: "flr bus\n" };
  sysfs.addFunction(VF, { config, driver: "mlx5_vfio_pci", iommuGroup: "7", files });
  sysfs.addFunction(OTHER_VF, { config, driver: "mlx5_vfio_pci", iommuGroup: "8", files });
  const slow = { reset_method: "bus\n" };
  sysfs.addFunction(CARD, { config, driver: "xe-vfio-pci", iommuGroup: "9", files: slow });
  sysfs.addFunction(STAYING, { config, driver: "vfio-pci", iommuGroup: "13", files });
  const vgpu = { "nvidia/current_vgpu_type": "592\n", ...files };
  sysfs.addFunction(VGPU_VF, { config, driver: "nvidia_vfio_pci", iommuGroup: "10", files: vgpu });
  const parent = "0000:40:00.0";
  sysfs.addFunction(parent, { config, driver: "mtty" });
  for (
    const [uuid, type, iommuGroup] of [[MDEV, "mtty-1", "11"], [VGPU, "nvidia-558", "12"]] as const
  ) {
    const driver = "vfio_mdev";
    sysfs.addMdev(uuid, { parent, type, driver, iommuGroup, typeFiles: { name: `${type}\n` } });
  }
}

/** Readers to whom some devices are busy; of each kind something was kept earlier. */
function readers(busy: readonly string[]): RealizeReaders & { readonly opened: string[] } {
  const opened: string[] = [];
  return {
    opened,
    read({ address, allowReset }): ReturnType<RealizeReaders["read"]> {
      opened.push(`${address} ${allowReset}`);
      return Promise.resolve(
        busy.includes(address) ? { result: "busy", reason: "busy" } : {
          result: "read",
          config: { kind: "realize", bytes: READ },
          ...SIZES,
        },
      );
    },
    find(): ReturnType<RealizeReaders["find"]> {
      return Promise.resolve({
        derived: true,
        address: "another",
        time: "2026-11-20T09:00:00Z",
        config: { kind: "realize", bytes: KEPT },
        ...SIZES,
      });
    },
    record(): ReturnType<RealizeReaders["record"]> {
      return Promise.resolve(undefined);
    },
  };
}

const CASES: readonly {
  readonly name: string;
  readonly sources: readonly string[];
  readonly metadata?: string;
  readonly busy?: readonly string[];
  /** What is opened; all may be reset. */
  readonly opened: readonly string[];
  /** What the record has; `undefined`: there is none any more. */
  readonly kept: readonly string[] | undefined;
}[] = [
  { name: "a VF is read and kept", sources: [VF], opened: [VF], kept: [VF] },
  {
    name: "a device of each kind",
    sources: [VF, MDEV],
    opened: [VF, MDEV],
    kept: [VF, MDEV],
  },
  {
    name: "a mark of a migration while it was shut off is no stamp",
    sources: [VF],
    metadata: MARK,
    opened: [VF],
    kept: [VF],
  },
  {
    name: "what is busy is left out, and nothing stands in",
    sources: [VF, OTHER_VF],
    busy: [VF],
    opened: [VF, OTHER_VF],
    kept: [OTHER_VF],
  },
  {
    name: "where all are busy the last start's record goes",
    sources: [VF],
    busy: [VF],
    opened: [VF],
    kept: undefined,
  },
  { name: "an NVIDIA vGPU is not opened", sources: [VGPU], opened: [], kept: undefined },
  { name: "nor is one that is a VF", sources: [VGPU_VF], opened: [], kept: undefined },
  {
    name: "a card that only its bus resets would keep the guest waiting",
    sources: [CARD, MDEV],
    opened: [MDEV],
    kept: [MDEV],
  },
  {
    name: "a card that cannot migrate is not reset for nothing",
    sources: [STAYING, VF],
    opened: [VF],
    kept: [VF],
  },
  {
    name: "a device that is not there",
    sources: ["0000:ff:1f.7"],
    opened: [],
    kept: undefined,
  },
  { name: "a guest without devices", sources: [], opened: [], kept: undefined },
  {
    name: "a guest that arrives with its stamp",
    sources: [VF],
    metadata: STAMP,
    opened: [],
    kept: undefined,
  },
];

for (const { name, sources, metadata, busy = [], opened, kept } of CASES) {
  Deno.test(`recordGuestStart: ${name}`, async () => {
    const sysfs = new FakeSysfs();
    const dir = await Deno.makeTempDir();
    try {
      addDevices(sysfs);
      recordStart(`${dir}/started`, OLD);
      const fakes = readers(busy);
      const folders = { started: `${dir}/started`, realize: `${dir}/realize` };
      const signal = AbortSignal.timeout(30_000);
      const before = Date.now();
      const why = await recordGuestStart(domainXml(sources, metadata), folders, signal, {
        sysfs: sysfs.root,
        readers: fakes,
      });
      assertEquals([why, fakes.opened], [undefined, opened.map((address) => `${address} true`)]);
      const found = findStart(folders.started, GUEST);
      if (kept === undefined) {
        assertEquals(found, { missing: "nothing was read when it was started" });
      } else if ("missing" in found) {
        throw new Error(found.missing);
      } else {
        const { guest, time, bootId, devices } = found;
        const hostBoot = new TextDecoder().decode(
          new Deno.Command("cat", { args: ["/proc/sys/kernel/random/boot_id"] }).outputSync()
            .stdout,
        );
        assertEquals([guest, bootId], [GUEST, hostBoot.trim()]);
        assertEquals(Date.parse(time) >= before, true);
        assertEquals(
          devices,
          kept.map((address) => ({ address, config: { kind: "realize", bytes: READ }, ...SIZES })),
        );
      }
    } finally {
      sysfs.remove();
      await Deno.remove(dir, { recursive: true });
    }
  });
}

Deno.test("recordGuestStart: at the deadline what was read by then is kept", async () => {
  const sysfs = new FakeSysfs();
  const dir = await Deno.makeTempDir();
  try {
    addDevices(sysfs);
    const fakes = readers([]);
    const stop = new AbortController();
    const read: RealizeReaders["read"] = (request, signal) => {
      if (request.address === VF) return fakes.read(request, signal);
      stop.abort();
      return Promise.resolve({ result: "failed", reason: "Gave up at the deadline" });
    };
    const folders = { started: dir, realize: dir };
    const here = { sysfs: sysfs.root, readers: { ...fakes, read } };
    await recordGuestStart(domainXml([VF, OTHER_VF]), folders, stop.signal, here);
    const found = findStart(dir, GUEST);
    assertEquals("missing" in found || found.devices.map(({ address }) => address), [VF]);
  } finally {
    sysfs.remove();
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("recordGuestStart: an XML that is none, or of nobody", async () => {
  const folders = { started: "/nowhere/started", realize: "/nowhere/realize" };
  const signal = AbortSignal.timeout(30_000);
  await assertRejects(() => recordGuestStart("<domain", folders, signal), DomainXmlError);
  const nobody = domainXml([]).replace(/<uuid>.*<\/uuid>/, "");
  assertEquals(await recordGuestStart(nobody, folders, signal), "the guest has no UUID");
});

const RUNS: readonly { name: string; stdin: string; stderr: RegExp }[] = [
  { name: "nothing", stdin: "", stderr: /^premigrate: [^\n]+\n$/ },
  { name: "no XML", stdin: "\u0000{}", stderr: /^premigrate: [^\n]+\n$/ },
  { name: "no UUID", stdin: "<domain/>", stderr: /^premigrate: [^\n]+\n$/ },
  { name: "no devices", stdin: domainXml([]), stderr: /^$/ },
  { name: "a device that is not there", stdin: domainXml(["ffff:ff:1f.7"]), stderr: /^$/ },
];
for (const { name, stdin, stderr } of RUNS) {
  Deno.test(`premigrate record-start lets every guest start: ${name}`, async () => {
    const dir = await Deno.makeTempDir();
    try {
      recordStart(`${dir}/var/lib/premigrate/started`, OLD);
      const options = ["--quiet", "--no-prompt", "--allow-read", "--allow-write", "--allow-run"];
      const args = ["run", ...options, "lib/cli/main.ts", "record-start", "--root", dir];
      const found = await runProgram(Deno.execPath(), { args, cwd: ROOT }, stdin);
      assertEquals([found.code, found.stdout], [0, ""], found.stderr);
      assertMatch(found.stderr, stderr);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
}
