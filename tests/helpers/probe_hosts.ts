/** Hosts for the probe's tests. */
import { FakeSysfs, makeConfig } from "./probe_tree.ts";

export const MDEV = "c0b26072-dd1b-4340-84fe-bf338c510818";

/** A host with what the probe knows of: vGPUs as VFs and as mdevs, ConnectX, QAT, devices asleep. */
export function makeHost(): FakeSysfs {
  const host = new FakeSysfs();
  host.addModule("nvidia", { version: "550.54.16\n" });
  host.addModule("vfio_pci", {});
  host.addModule("ext4", { version: "1\n" });
  host.addModule("xe", {});
  const vgpu = {
    driver: "nvidia",
    module: "nvidia",
    files: {
      vendor: "0x10de\n",
      device: "0x2235\n",
      "nvidia/current_vgpu_type": "558\n",
      "nvidia/creatable_vgpu_types":
        "ID    : vGPU Name\n557   : NVIDIA A40-1Q\n558   : NVIDIA A40-2Q\n",
      "nvidia/vgpu_params": "enable_uvm=0\n",
    },
  };
  host.addFunction("0000:3b:00.0", {
    config: makeConfig(4096, [0x10de, 0x2235]),
    driver: "nvidia",
    module: "nvidia",
    iommuGroup: "40",
  });
  for (const index of [0, 1]) {
    host.addFunction(`0000:3b:00.${index + 4}`, {
      config: makeConfig(4096, [0xffff, 0xffff], index),
      physfn: ["0000:3b:00.0", index],
      iommuGroup: `${50 + index}`,
      ...vgpu,
    });
  }
  host.addFunction("0000:5e:00.0", {
    config: makeConfig(4096, [0x15b3, 0x101d]),
    driver: "mlx5_core",
    module: "mlx5_core",
  });
  host.addFunction("0000:5e:00.2", {
    config: makeConfig(256, [0xffff, 0xffff]),
    driver: "mlx5_vfio_pci",
    module: "mlx5_vfio_pci",
    physfn: ["0000:5e:00.0", 0],
    files: { numa_node: "-1\n" },
  });
  host.file("kernel/debug/vfio/0000:5e:00.2/migration/features", "stop-copy\np2p\n");
  host.file("kernel/debug/vfio/10000:e1:00.0/other", "");
  host.addFunction("0000:6b:00.0", {
    config: makeConfig(4096, [0x8086, 0x4940]),
    driver: "4xxx",
    module: "qat_4xxx",
    files: { "qat/cfg_services": "sym;asym\n" },
  });
  host.addFunction("0000:6b:00.1", {
    config: makeConfig(64, [0xffff, 0xffff]),
    driver: "qat_vfio_pci",
    physfn: ["0000:6b:00.0", 0],
  });
  host.addFunction("10000:e1:00.0", {
    config: makeConfig(4096, [0x10de, 0x1eb8]),
    driver: "vfio-pci",
    module: "vfio_pci",
    files: {
      power_state: "D3hot\n",
      resource: "0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n" +
        "0x000003a000000000 0x000003bfffffffff 0x000000000014220c\n" +
        "0x0000000000000000 0x0000000000000000 0x0000000000000000\n".repeat(4) +
        "0x00000000f7000000 0x00000000f707ffff 0x0000000000046200\n",
    },
  });
  host.addFunction("0000:d1:1f.7", {
    config: new Uint8Array(256).fill(0xff),
    driver: "xe-vfio-pci",
    files: { power_state: "D3cold\n" },
  });
  host.addFunction("0000:8a:00.0", {
    config: makeConfig(256, [0x10de, 0x1eb8]),
    driver: "nvidia",
    files: { numa_node: "1\n" },
  });
  host.addMdev(MDEV, {
    parent: "0000:8a:00.0",
    type: "nvidia-233",
    driver: "nvidia-vgpu-vfio",
    iommuGroup: "77",
    typeFiles: {
      name: "GRID T4-8Q\n",
      description:
        "num_heads=4, frl_config=60, framebuffer=8192M, max_resolution=7680x4320, max_instance=2\n",
      available_instances: "1\n",
    },
    files: { "nvidia/vgpu_params": "" },
  });
  host.addFunction("0000:01:00.0", { config: makeConfig(256, [0x8086, 0x10fb]), driver: "ixgbe" });
  return host;
}

export async function withHost(
  host: FakeSysfs,
  use: (host: FakeSysfs) => void | Promise<void>,
): Promise<void> {
  try {
    await use(host);
  } finally {
    host.remove();
  }
}
