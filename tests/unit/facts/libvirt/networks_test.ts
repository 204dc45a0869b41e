import { assertEquals } from "@std/assert";
import { parseNetwork } from "../../../../lib/facts/libvirt/networks.ts";

const READ: readonly (readonly [name: string, xml: string, kind: unknown])[] = [
  ["a network of its own", "<network><name>n</name><bridge name='virbr0'/></network>", "plain"],
  ["NAT", "<network><name>n</name><forward mode='nat'/></network>", "plain"],
  ["macvtap", "<network><name>n</name><forward mode='passthrough'/></network>", "plain"],
  [
    "a pool",
    `<network connections='1'><name>n</name><forward mode='hostdev' managed='yes'>
      <driver name='vfio' model='mlx5_vfio_pci'/><pf dev='eth0'/>
      <address type='pci' domain='0x0000' bus='0x3B' slot='0x02' function='0x1' connections='1'/>
      <address type='pci' domain='0x10000' bus='0xe1' slot='0x00' function='0x0'/>
    </forward></network>`,
    { managed: true, model: "mlx5_vfio_pci", devices: ["0000:3b:02.1", "10000:e1:00.0"] },
  ],
  [
    "a pool that is not active",
    "<network><name>n</name><forward mode='hostdev'><pf dev='eth0'/></forward></network>",
    { managed: false, model: undefined, devices: [] },
  ],
  [
    "an address that is none",
    "<network><name>n</name><forward mode='hostdev'><address bus='0x1'/></forward></network>",
    { managed: false, model: undefined, devices: [] },
  ],
  ["no name", "<network/>", undefined],
  ["another document", "<domain><name>n</name></domain>", undefined],
  ["no document", "<network><name>n", undefined],
];
for (const [name, xml, kind] of READ) {
  Deno.test(`parseNetwork: ${name}`, () => assertEquals(parseNetwork(xml)?.kind, kind));
}
