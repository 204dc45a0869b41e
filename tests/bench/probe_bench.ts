/**
 * Seconds that the probe takes for a host with 1, 10 and 100 VFs of 4096 bytes, in each shell, beside
 * `lspci -xxxx` of the same ones, and for this host's own functions. Always one run of one program a
 * host, and so one round trip by ssh, whatever the number of devices.
 */
import { runScript, shells } from "../helpers/probe_shells.ts";
import { FakeSysfs, makeConfig } from "../helpers/probe_tree.ts";

const MAY_RUN = ["read", "write", "run"] as const;
const ignore = MAY_RUN.some((name) => Deno.permissions.querySync({ name }).state !== "granted");
const PF = "0000:3b:00.0";

function addVfs(host: FakeSysfs, count: number): string[] {
  host.addFunction(PF, {
    config: makeConfig(4096, [0x10de, 0x2235]),
    driver: "nvidia",
  });
  return Array.from({ length: count }, (_, index) => {
    const slot = (1 + (index >> 3)).toString(16).padStart(2, "0");
    const address = `0000:3b:${slot}.${index & 7}`;
    host.addFunction(address, {
      config: makeConfig(4096, [0xffff, 0xffff], index),
      driver: "nvidia",
      iommuGroup: String(index),
      physfn: [PF, index],
      files: {
        irq: "0\n", // for lspci
        "nvidia/current_vgpu_type": "558\n",
        "nvidia/creatable_vgpu_types": "ID    : vGPU Name\n557   : NVIDIA A40-1Q\n",
        "nvidia/vgpu_params": "enable_uvm=0\n",
      },
    });
    return address;
  });
}

async function lspci(...args: readonly string[]): Promise<void> {
  await new Deno.Command("lspci", { args: ["-xxxx", ...args], stderr: "null" }).output();
}

for (const count of [1, 10, 100]) {
  const host = ignore ? undefined : new FakeSysfs();
  const addresses = host === undefined ? [] : addVfs(host, count);
  globalThis.addEventListener("unload", () => host?.remove());
  const group = `${count} VFs`;

  for (const { shell, name, ignore: isMissing } of shells) {
    Deno.bench(`${count} VFs: probe, ${name}`, { group, ignore: ignore || isMissing }, async () => {
      await runScript(shell, ["--sysfs", host?.root ?? "", ...addresses]);
    });
  }
  Deno.bench(`${count} VFs: lspci -xxxx`, { group, ignore, baseline: true }, async () => {
    await lspci("-A", "linux-sysfs", "-O", `sysfs.path=${host?.root}/bus/pci`);
  });
}

const group = "this host's own functions";
const own = ignore ? [] : new TextDecoder().decode(
  new Deno.Command("ls", { args: ["/sys/bus/pci/devices"], stderr: "null" }).outputSync().stdout,
).split("\n").slice(0, -1);

Deno.bench(
  `${own.length} own functions: probe, sh`,
  { group, ignore: own.length === 0 },
  async () => {
    await runScript(["sh"], own);
  },
);
Deno.bench(
  `${own.length} own functions: lspci -xxxx`,
  { group, ignore: own.length === 0, baseline: true },
  async () => {
    await lspci();
  },
);
