/** Guests on libvirt networks, of which one is a pool of host devices on the destination. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { DEVICE, guestXml, OTHER_DEVICE, said, stampOf, testWithHook } from "./hook_hosts.ts";
import { FILES } from "./installed_hosts.ts";

const LAN = "0d4c2b1e-6f5a-4b7c-8d9e-000000000001";
const VFS = "0d4c2b1e-6f5a-4b7c-8d9e-000000000002";

const BRIDGED = `
ip link add br0 type bridge
ip link set br0 up
for name in "$@"; do
  printf "<network><name>%s</name><forward mode='bridge'/><bridge name='br0'/></network>" "$name" \\
    > /run/network.xml
  virsh -q net-define /run/network.xml
  virsh -q net-start --network "$name"
done
`;

const POOL = `<network><name>vfs</name><forward mode='hostdev' managed='no'>${
  [DEVICE, OTHER_DEVICE].map((address) => {
    const [domain, bus, slot, fn] = address.split(/[:.]/);
    return `<address type='pci' domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${fn}'/>`;
  }).join("")
}</forward></network>`;

function guestOn(name: string, uuid: string, network: string): string {
  return guestXml(name, uuid, {
    devices: `<interface type="network"><source network="${network}"/><model type="virtio"/>
      <address type="pci" domain="0x0000" bus="0x01" slot="0x00" function="0x0"/></interface>`,
  });
}

testWithHook("the hook knows which of the host's networks are pools", async (hosts, t) => {
  await hosts.sh("a", BRIDGED, "my lan", "vfs");
  await hosts.sh("b", BRIDGED, "my lan");
  await hosts.feed("a", ["create"], guestOn("onlan", LAN, "my lan"));
  await hosts.feed("a", ["create"], guestOn("onpool", VFS, "vfs"));
  const count = async (): Promise<number> => (await hosts.audit()).length;
  const comesBack = { code: 0, stdout: "", stderr: "" };

  await t.step(
    "a network that is not known: libvirt answers while it waits for the hook",
    async () => {
      assertEquals(await hosts.migrate("onlan"), comesBack);
      const { verdict, effect } = (await hosts.audit()).at(-1) ?? {};
      assertEquals([verdict, effect], ["allow", "allowed"]);
      assertStringIncludes(await hosts.journal(), "its networks");
      assertEquals(await hosts.migrate("onlan", ["--live"], "b"), comesBack);
    },
  );

  await t.step("a network that is known to be plain: the launcher alone lets it pass", async () => {
    const before = await count();
    assertEquals(await hosts.migrate("onlan"), comesBack);
    assertEquals(await count(), before);
    assertEquals(await hosts.migrate("onlan", ["--live"], "b"), comesBack);
  });

  await t.step("a network that was started again since is asked for anew", async () => {
    const before = await count();
    await hosts.sh("b", "virsh -q net-destroy 'my lan'; virsh -q net-start 'my lan'");
    assertEquals(await hosts.migrate("onlan"), comesBack);
    assertEquals(await count(), before + 1);
    assertEquals(await hosts.migrate("onlan", ["--live"], "b"), comesBack);
  });

  await t.step("a network that is not there is refused by name", async () => {
    const refused = said(await hosts.migrate("onpool"));
    assertStringIncludes(refused, "network vfs");
    assertStringIncludes(refused, "premigrate cache");
  });

  await hosts.write("b", "/run/pool.xml", POOL);
  await hosts.sh("b", "virsh -q net-define /run/pool.xml; virsh -q net-start vfs");
  assertStringIncludes(await hosts.premigrate("b", "cache"), "2 networks, 1 of them pools");

  await t.step("a pool, and a guest that nobody stamped", async () => {
    assertEquals((await hosts.migrate("onpool")).code, 1);
    const { verdict, codes } = (await hosts.audit()).at(-1) ?? {};
    assertEquals([verdict, String(codes).split(",")[0]], ["undecided", "premigrate no-stamp"]);
  });

  await t.step("a pool, and a stamp that has no device there: a veto", async () => {
    await addStamp([]);
    assertStringIncludes(
      said(await hosts.migrate("onpool")),
      "Network vfs is a pool of host devices on the destination, and none on the source",
    );
  });

  await t.step("a pool, and a stamp that has one: its devices are judged", async () => {
    await addStamp([{ guest: "0000:01:00.0", source: DEVICE }]);
    await hosts.migrate("onpool");
    // Libvirt itself refuses then: there is no VFIO here.
    const { verdict, codes } = (await hosts.audit()).at(-1) ?? {};
    assertEquals([verdict, String(codes).includes("premigrate pool-was-judged")], ["allow", true]);
  });

  await t.step("capture tells of them", async () => {
    const { host } = JSON.parse(await hosts.premigrate("b", "capture"));
    assertEquals(host.networks, {
      "my lan": "plain",
      "vfs": { managed: false, devices: [DEVICE, OTHER_DEVICE] },
    });
  });

  async function addStamp(
    devices: readonly { readonly guest: string; readonly source: string }[],
  ): Promise<void> {
    const stamp = await stampOf(VFS, devices, { age: 0 });
    const edit = `s|</uuid>|</uuid><metadata>${stamp}</metadata>|\n`;
    await hosts.write("b", `${FILES}/${VFS}.add`, edit);
  }
});
