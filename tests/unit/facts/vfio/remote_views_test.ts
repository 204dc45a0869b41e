import { assertEquals } from "@std/assert";
import { type CapturedDevice, type Facts, writeFacts } from "../../../../lib/facts/mod.ts";
import type { ProgramEnd } from "../../../../lib/facts/run_program.ts";
import { addRemoteViews } from "../../../../lib/facts/vfio/remote_views.ts";

const MDEV = "c3a1f1a0-4f5e-4c5e-9f0a-3f1d2b7a9c01";
const VF = "0000:3b:00.4";
const SSH = { host: "hosta", user: "root", port: undefined, keyfile: undefined, noVerify: false };
const VIRTUAL: CapturedDevice = { address: MDEV, mdevType: { id: "mtty-1" } };
const FUNCTION: CapturedDevice = { address: VF, driver: { name: "mlx5_vfio_pci" } };
const bytes = new Uint8Array(256).fill(7);
const bars = [16, 0, 0, 0, 0, 0];
const HELD: CapturedDevice = {
  ...VIRTUAL,
  config: { kind: "running", bytes, source: "vfio-region" },
  bars,
  romSize: 0,
};

function factsOf(...devices: CapturedDevice[]): Facts {
  return { premigrate: "facts/1", host: { name: "hosta" }, devices };
}

const CASES: readonly {
  readonly name: string;
  readonly end: Partial<ProgramEnd>;
  readonly view?: string;
  readonly missing?: string;
}[] = [
  { name: "it is read there", end: { stdout: writeFacts(factsOf(HELD)) }, view: "running" },
  {
    name: "it cannot be read there",
    end: {
      stdout: writeFacts(factsOf({ ...VIRTUAL, missing: { realizeView: "ptrace_scope is 3" } })),
    },
    missing: "ptrace_scope is 3",
  },
  {
    name: "what sysfs shows there is not taken",
    end: {
      stdout: writeFacts(
        factsOf({ ...VIRTUAL, config: { kind: "sysfs", bytes, source: "sysfs" } }),
      ),
    },
  },
  {
    name: "no premigrate is there",
    end: { code: 127, stderr: "sh: premigrate: not found\n" },
    missing: "premigrate on the host: it is not installed there",
  },
  {
    name: "it fails",
    end: { code: 2, stderr: "premigrate: Cannot ask\nlibvirt\n" },
    missing: "premigrate on the host: premigrate: Cannot ask libvirt",
  },
  {
    name: "it does not end",
    end: { kind: "aborted" },
    missing: "premigrate on the host: it did not answer before the deadline",
  },
  {
    name: "what it prints is no facts",
    end: { stdout: "{}" },
    missing:
      'premigrate on the host: Cannot read the facts: at premigrate: Invalid key: Expected "premigrate" but received undefined',
  },
  {
    name: "it knows no such device",
    end: { stdout: writeFacts(factsOf()) },
    missing: "premigrate on the host does not know it",
  },
];
for (const { name, end, view, missing } of CASES) {
  Deno.test(`addRemoteViews: ${name}`, async () => {
    const asked: string[] = [];
    const { devices } = await addRemoteViews(
      factsOf(VIRTUAL, FUNCTION),
      { ssh: SSH, sudo: true },
      AbortSignal.timeout(1000),
      (program, args) => {
        asked.push([program, ...args].slice(-8).join(" "));
        return Promise.resolve({ kind: "ended", code: 0, stdout: "", stderr: "", ...end });
      },
    );
    assertEquals(asked, [`hosta env LC_ALL=C sudo -n premigrate capture ${MDEV}`]);
    const [found, other] = devices;
    assertEquals([found?.config?.kind, found?.missing?.["realizeView"]], [view, missing]);
    assertEquals(found?.bars, view === undefined ? undefined : bars);
    assertEquals(other, FUNCTION);
  });
}

Deno.test("addRemoteViews: nobody is asked of what sysfs tells", async () => {
  const facts = factsOf(FUNCTION);
  const run = (): never => {
    throw new Error("asked");
  };
  assertEquals(await addRemoteViews(facts, { ssh: SSH }, AbortSignal.timeout(1000), run), facts);
});
