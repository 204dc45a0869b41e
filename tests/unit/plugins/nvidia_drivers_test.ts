/** nvidia/vgpu leaves it to nvidia/vsc to name the hosts' drivers where the bytes do. */
import { assertEquals } from "@std/assert";
import {
  type DeviceFacts,
  evaluate,
  type Finding,
  type HostFacts,
  parseMachine,
  parseQemuVersion,
  readDump,
  Registry,
} from "../../../lib/policy/mod.ts";
import nvidiaVgpu from "../../../plugins/nvidia/vgpu/policy.ts";
import nvidiaVsc from "../../../plugins/nvidia/vsc/policy.ts";

const VERSIONS = { source: "535.161.05", destination: "550.54.16" };
const MACHINES = ["pc-q35-9.0", "pc-q35-9.1", "pc-q35-noble"];
const REGISTRY = new Registry().use(nvidiaVgpu).use(nvidiaVsc);

async function bytesOf(side: "source" | "destination"): Promise<Uint8Array> {
  const [dumped] = readDump(await Deno.readFile(`examples/${side}.hex`));
  return dumped?.bytes ?? new Uint8Array();
}

const SOURCE = await bytesOf("source");
const DESTINATION = await bytesOf("destination");

function deviceOf(bytes: Uint8Array): DeviceFacts {
  const address = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";
  const mdevType = { id: "nvidia-222", name: "GRID T4-2Q" };
  return { address, vendor: 0x10de, mdevType, config: { kind: "realize", bytes } };
}

/** The findings that name the drivers of both hosts. */
function naming(machine: string, destination: Uint8Array): Finding[] {
  const host = (side: "source" | "destination"): HostFacts => ({
    name: side,
    qemu: parseQemuVersion("9.2"),
    nvidiaDriver: VERSIONS[side],
  });
  const pair = {
    name: "hostdev0",
    guest: { properties: {} },
    source: deviceOf(SOURCE),
    destination: deviceOf(destination),
  };
  const migration = {
    machine: parseMachine(machine),
    source: host("source"),
    destination: host("destination"),
    bytesOnly: false,
  };
  return evaluate([pair], migration, REGISTRY).findings.filter(({ data }) =>
    Object.values(VERSIONS).every((version) => Object.values(data).join(" ").includes(version))
  );
}

for (const machine of MACHINES) {
  Deno.test(`two drivers on ${machine} are named once`, () => {
    assertEquals(naming(machine, DESTINATION).map(({ policy }) => policy), ["nvidia/vsc"]);
  });

  Deno.test(`two drivers on ${machine} are named whatever bit of the device is another`, () => {
    const unnamed: string[] = [];
    for (let bit = 0; bit < 8 * 256; bit++) {
      const bytes = DESTINATION.slice();
      bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      if (naming(machine, bytes).length === 0) unnamed.push(`bit ${bit & 7} of ${bit >>> 3}`);
    }
    assertEquals(unnamed, []);
  });
}
