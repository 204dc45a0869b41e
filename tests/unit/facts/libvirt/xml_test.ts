import { assertEquals } from "@std/assert";
import { hideSecrets } from "../../../../lib/facts/hide_secrets.ts";
import { parseCapabilities } from "../../../../lib/facts/libvirt/capabilities.ts";
import { parseNodeDevice } from "../../../../lib/facts/libvirt/nodedev.ts";
import type { CapturedDevice } from "../../../../lib/facts/schema.ts";

function read(name: string): string {
  return Deno.readTextFileSync(`tests/cases/libvirt/${name}`);
}

Deno.test("parseCapabilities() reads what libvirt 9.0 printed", () => {
  const capabilities = parseCapabilities(read("capabilities.xml"));
  assertEquals(capabilities?.uuid, "aaaaaaaa-0000-4000-8000-00000000000a");
  assertEquals(capabilities?.arch, "x86_64");
  assertEquals(
    capabilities?.emulators.map(({ arch, path }) => [arch, path]),
    [["i686", "/usr/bin/qemu-system-i386"], ["x86_64", "/usr/bin/qemu-system-x86_64"]],
  );
  assertEquals(
    capabilities?.emulators[1]?.machines.map((machine) => Object.values(machine)),
    [
      ["pc-i440fx-7.2", "pc-i440fx-7.2"],
      ["pc", "pc-i440fx-7.2"],
      ["pc-q35-5.2", "pc-q35-5.2"],
      ["pc-i440fx-1.5", "pc-i440fx-1.5"],
      ["isapc", "isapc"],
      ["pc-q35-7.2", "pc-q35-7.2"],
      ["q35", "pc-q35-7.2"],
      ["microvm", "microvm"],
    ],
  );
});

const NODE_DEVICES: readonly (readonly [name: string, file: string, wanted: CapturedDevice])[] = [
  ["a virtio function, recorded", "nodedev_pci.xml", {
    address: "0000:00:03.0",
    driver: { name: "virtio-pci" },
    vendor: 0x1af4,
    device: 0x1041,
    class: 0x020000,
  }],
  ["a physical function", "nodedev_pf.xml", {
    address: "0000:3b:00.0",
    driver: { name: "mlx5_core" },
    iommuGroup: "31",
    numaNode: 1,
    vendor: 0x15b3,
    device: 0x101d,
    class: 0x020000,
  }],
  ["a virtual function", "nodedev_vf.xml", {
    address: "0000:3b:00.2",
    driver: { name: "mlx5_vfio_pci" },
    iommuGroup: "65",
    numaNode: 1,
    vendor: 0x15b3,
    device: 0x101e,
    class: 0x020000,
    parent: "0000:3b:00.0",
  }],
  ["a mediated device", "nodedev_mdev.xml", {
    address: "c7f3bd21-5b8a-4a0e-9d1c-2f6f0a6f9b11",
    driver: { name: "nvidia-vgpu-vfio" },
    iommuGroup: "142",
    mdevType: { id: "nvidia-230" },
    parent: "0000:41:00.0",
  }],
  ["a mediated device of an old libvirt", "nodedev_mdev_old.xml", {
    address: "c7f3bd21-5b8a-4a0e-9d1c-2f6f0a6f9b11",
    iommuGroup: "0",
    mdevType: { id: "mtty-2" },
  }],
];

Deno.test("parseNodeDevice() reads", async (t) => {
  for (const [name, file, wanted] of NODE_DEVICES) {
    await t.step(name, () => {
      const { missing, source, ...found } = parseNodeDevice(read(file)) ?? { address: "" };
      const known = Object.entries(found).filter(([, value]) => value !== undefined);
      assertEquals<unknown>(Object.fromEntries(known), wanted);
      assertEquals([source, Object.keys(missing ?? {})], ["nodedev", ["config", "bars"]]);
    });
  }
});

Deno.test("parseNodeDevice() reads a domain of more than four digits", () => {
  const xml = "<device><name>pci_10000_e1_00_0</name><capability type='pci'/></device>";
  assertEquals(parseNodeDevice(xml)?.address, "10000:e1:00.0");
});

const DEEP = "<device>".repeat(200_000);

const NO_ANSWERS: readonly (readonly [name: string, xml: string])[] = [
  ["nothing", ""],
  ["an error", "error: Failed to connect"],
  ["half a document", read("nodedev_vf.xml").slice(0, 300)],
  ["another root", "<domain/>"],
  ["another node device", "<device><name>computer</name><capability type='system'/></device>"],
  ["a device without a capability", "<device><name>pci_0000_3b_00_0</name></device>"],
  [
    "a device number beyond 1f",
    "<device><name>pci_0000_3b_20_0</name><capability type='pci'/></device>",
  ],
  ["a nesting beyond reason", DEEP],
  ["more than libvirt can send", `<device>${" ".repeat(5 * 1024 * 1024)}</device>`],
];

Deno.test("parseNodeDevice() and parseCapabilities() read nothing from", async (t) => {
  for (const [name, xml] of NO_ANSWERS) {
    await t.step(name, () => {
      assertEquals(parseNodeDevice(xml), undefined);
      assertEquals(parseCapabilities(xml.replaceAll("device", "capabilities"))?.arch, undefined);
    });
  }
});

const SECRETS: readonly (readonly [name: string, xml: string, wanted: string])[] = [
  ["a VNC password", `<graphics type='vnc' passwd="p'w"/>`, "<graphics type='vnc'/>"],
  [
    "with a line break before it",
    "<graphics\n passwd = 'p'\n port='1'/>",
    "<graphics\n\n port='1'/>",
  ],
  ["by another name", "<x:auth rootPassword='p' user='u'/>", "<x:auth user='u'/>"],
  [
    "a secret object",
    "<qemu:arg value='secret,id=s0,data=p'/>",
    "<qemu:arg value='...'/>",
  ],
  [
    "an environment variable",
    "<q:env name='VNC_PASSWORD' value='p'/>",
    "<q:env name='VNC_PASSWORD' value='...'/>",
  ],
  [
    "nothing else",
    "<qemu:arg value='-device'/><seclabel type='dynamic'/>",
    "<qemu:arg value='-device'/><seclabel type='dynamic'/>",
  ],
];

Deno.test("hideSecrets() takes linear time over hostile words", () => {
  const words = ["passwd".repeat(300_000), ' a="'.repeat(300_000), "<q:arg value".repeat(100_000)];
  for (const word of words) assertEquals(hideSecrets(` ${word}`), ` ${word}`);
});

Deno.test("hideSecrets() hides", async (t) => {
  for (const [name, xml, wanted] of SECRETS) {
    await t.step(name, () => assertEquals(hideSecrets(xml), wanted));
  }
});
