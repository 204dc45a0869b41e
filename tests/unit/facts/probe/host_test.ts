import { assert, assertEquals } from "@std/assert";
import { BUILT_IN } from "premigrate";
import { attributesOf } from "../../../../lib/policy/attributes.ts";
import { parseProbeReport } from "../../../../lib/facts/probe/report.ts";
import { makeHost, MDEV, withHost } from "../../../helpers/probe_hosts.ts";
import { faster, ownUid, runScript, type Shell, shells } from "../../../helpers/probe_shells.ts";

const sh: Shell = ["sh"];

Deno.test("what a report tells of a host and its devices", () =>
  withHost(makeHost(), async (host) => {
    host.file("proc/sys/kernel/hostname", "hosta\n");
    host.file("proc/sys/kernel/osrelease", "6.8.0\n");
    host.file("proc/sys/kernel/random/boot_id", "4b21ae75-1c11-4a2b-9d6e-57b9ff2a1a10\n");
    host.file(
      "proc/driver/nvidia/version",
      "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.16  Thu Feb 22 01:44:30 UTC 2024\nGCC version:  gcc version 12.2.0\n",
    );
    host.file(
      "bin/devlink",
      '#!/bin/sh\n[ "$*" = "dev info pci/0000:5e:00.0" ] || exit 1\n' +
        `cat <<'END'\n${DEVLINK}END\n`,
    );
    Deno.chmodSync(`${host.root}/bin/devlink`, 0o755);
    const { stdout } = await runScript(sh, [
      "--proc",
      `${host.root}/proc`,
      "--sysfs",
      host.root,
      "--all",
      "0000:3b:00.0",
      ...attributesOf(BUILT_IN).flatMap((name) => ["--attribute", name]),
    ], {
      env: { PATH: `${host.root}/bin:${Deno.env.get("PATH")}` },
    });
    const report = parseProbeReport(stdout);
    const { time, machineId: _, missing: __, ...rest } = report.host;
    assertEquals(rest, {
      name: "hosta",
      kernel: "6.8.0",
      bootId: "4b21ae75-1c11-4a2b-9d6e-57b9ff2a1a10",
      nvidiaDriver: "550.54.16",
      modules: {
        mlx5_core: "",
        mlx5_vfio_pci: "",
        nvidia: "550.54.16",
        qat_4xxx: "",
        vfio_pci: "",
        xe: "",
      },
    });
    assertEquals([report.uid, report.vfioAliases], [ownUid(), undefined]);
    assert(Math.abs(Date.parse(time ?? "") - Date.now()) < 60_000);

    const byAddress = new Map(report.devices.map((device) => [device.address, device]));
    const vgpu = byAddress.get("0000:3b:00.5");
    assertEquals([vgpu?.vendor, vgpu?.device, vgpu?.vfIndex, vgpu?.iommuGroup], [
      0x10de,
      0x2235,
      1,
      "51",
    ]);
    assertEquals(vgpu?.driver, { name: "nvidia", version: "550.54.16" });
    assertEquals([vgpu?.vgpuType, vgpu?.attributes], [558, {
      "nvidia/creatable_vgpu_types":
        "ID    : vGPU Name\n557   : NVIDIA A40-1Q\n558   : NVIDIA A40-2Q",
      "nvidia/vgpu_params": "enable_uvm=0",
      "parent/qat/cfg_services": null,
    }]);
    assertEquals([vgpu?.parent, vgpu?.missing], ["0000:3b:00.0", {}]);

    const connectx = byAddress.get("0000:5e:00.2");
    assertEquals([connectx?.numaNode, connectx?.missing["numa_node"]], [
      0,
      "the firmware names none",
    ]);
    assertEquals(connectx?.firmware, { version: "22.36.1010", psid: "MT_0000000359" });
    assertEquals(connectx?.migration, { offered: true, features: ["stop-copy", "p2p"] });

    const qat = byAddress.get("0000:6b:00.1");
    assertEquals(qat?.attributes?.["parent/qat/cfg_services"], "sym;asym");
    assertEquals(qat?.config?.bytes.length, 64);

    const idle = byAddress.get("10000:e1:00.0");
    assertEquals([idle?.powerState, idle?.config?.bytes.length], ["D3hot", 4096]);
    assertEquals(idle?.bars, [16 * 2 ** 20, 128 * 2 ** 30, 0, 0, 0, 0]);
    assertEquals([idle?.romSize, idle?.resetMethods], [512 * 1024, ["flr", "bus"]]);
    assertEquals(idle?.migration, { offered: false, features: undefined });
    assertEquals(vgpu?.migration, undefined);
    assertEquals(
      byAddress.get("0000:d1:1f.7")?.missing["config"],
      "the device was asleep (D3cold)",
    );

    const mdev = byAddress.get(MDEV);
    assertEquals(mdev?.mdevType, {
      id: "nvidia-233",
      name: "GRID T4-8Q",
      description:
        "num_heads=4, frl_config=60, framebuffer=8192M, max_resolution=7680x4320, max_instance=2",
      availableInstances: 1,
    });
    assertEquals([mdev?.config, mdev?.vfIndex, mdev?.iommuGroup], [undefined, undefined, "77"]);
    assertEquals([mdev?.parent, mdev?.vendor, mdev?.numaNode], ["0000:8a:00.0", 0x10de, 1]);
    assertEquals([mdev?.vgpuType, mdev?.attributes], [undefined, {
      "nvidia/creatable_vgpu_types": null,
      "nvidia/vgpu_params": "",
      "parent/qat/cfg_services": null,
    }]);
    assertEquals(mdev?.missing["nvidia/current_vgpu_type"], undefined);
  }));

const DEVLINK = `pci/0000:5e:00.0:
  driver mlx5_core
  serial_number MT2220X00000
  versions:
      fixed:
        fw.psid MT_0000000359
      running:
        fw.version 22.36.1010
        fw 22.36.1010
      stored:
        fw.version 22.38.1002
        fw 22.38.1002
`;

for (
  const [title, script, missing] of [
    ["fails", "exit 1", "devlink has no answer"],
    ["floods", "yes", "devlink has no answer"],
    ["prints too much", "yes | head -c 70000", "too large"],
  ] as const
) {
  Deno.test(`devlink ${title}`, () =>
    withHost(makeHost(), async (host) => {
      host.file("bin/devlink", `#!/bin/sh\n${script}\n`);
      Deno.chmodSync(`${host.root}/bin/devlink`, 0o755);
      const { stdout } = await runScript(sh, ["--sysfs", host.root, "0000:5e:00.2"], {
        env: { PATH: `${host.root}/bin:${Deno.env.get("PATH")}` },
        script: faster("bounded 5 devlink", "bounded 1 devlink"),
      });
      const [device] = parseProbeReport(stdout).devices;
      assertEquals(device?.missing["parent/devlink"], missing);
    }));
}

Deno.test("a host without sysfs says so", async () => {
  const { stdout } = await runScript(sh, [
    "--sysfs",
    "/nowhere",
    "--proc",
    "/nowhere",
    "--all",
    "0000:3b:00.4",
  ]);
  const { host, absent } = parseProbeReport(stdout);
  assertEquals([host.missing?.["bus/pci"], host.missing?.["sys/kernel/hostname"]], [
    "not there",
    "not there",
  ]);
  assertEquals([host.name, absent], ["", ["0000:3b:00.4"]]);
});

for (const { shell, name, ignore } of shells) {
  Deno.test({
    name: `${name}: this host's own devices can be read`,
    ignore: ignore || !hasOwnDevices(),
    async fn(): Promise<void> {
      const addresses = ownDevices();
      const { code, stdout, stderr } = await runScript(shell, ["--all", ...addresses]);
      assertEquals([code, stderr], [0, ""]);
      const { devices, host } = parseProbeReport(stdout);
      assertEquals(host.missing?.["bus/pci"], undefined);
      for (const address of addresses) {
        const device = devices.find((device) => device.address === address);
        assert(device?.vendor !== undefined && device.bars !== undefined, address);
        assertEquals(device.config !== undefined && device.config.bytes.length >= 64, true);
      }
    },
  });
}

function ownDevices(): string[] {
  const { stdout } = new Deno.Command("ls", { args: ["/sys/bus/pci/devices"], stderr: "null" })
    .outputSync();
  return new TextDecoder().decode(stdout).split("\n").filter((address) => address !== "").slice(
    0,
    16,
  );
}

function hasOwnDevices(): boolean {
  return ownDevices().length > 0;
}
