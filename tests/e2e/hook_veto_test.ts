/** What the hook does to migrations that it can decide, as virsh and the two hosts show it. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  DEVICE,
  guestXml,
  hookFailed,
  OTHER_BYTES,
  OTHER_DEVICE,
  said,
  SOURCE_BYTES,
  testWithHook,
} from "./hook_hosts.ts";
import type { Finished } from "../helpers/run_program.ts";

const GUEST = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2b01";
const OTHER_GUEST = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2b02";

const REASON =
  `premigrate: VETO hostdev0 (${DEVICE}): NVIDIA driver 535.161.05 on hosta, 550.54.16 on hostb; \
QEMU N compares that: 10 bytes of the Vendor Specific capability (VSC), first at 0xd8
Install one NVIDIA driver on both hosts; or use QEMU 9.1 or later on both, and restart the guest \
with a machine type of version 9.1 or later. QEMU: \
get_pci_config_device: Bad config data: i=0xd8 read: 33 device: 35 cmask: ff wmask: 0 w1cmask:0
On hostb: premigrate report `;

/** What virsh showed, whichever QEMU this machine has. */
function saidOf(run: Finished): string {
  return said(run).replace(/QEMU [\d.]+ compares/, "QEMU N compares");
}

const WAIVE = "; to let the guest pass: premigrate waive vm1 --for 1h --reason TEXT";

/** Each as it is in XML, and as it is. */
const NAMES: readonly (readonly [xml: string, name: string])[] = [
  ["$(reboot)", "$(reboot)"],
  ["&#9;\u{1f4a5}&#127;", "\t\u{1f4a5}\x7f"],
  ["a&apos;b&quot;c&#92;d", `a'b"c\\d`],
  ["-rf `id` &amp;&amp; &gt;x %s", "-rf `id` && >x %s"],
];

testWithHook("the hook refuses what would fail, and lets pass what will not", async (hosts, t) => {
  await hosts.start("vm1", GUEST);
  await hosts.start("vm2", OTHER_GUEST);
  await hosts.give(GUEST);
  await hosts.give(OTHER_GUEST);
  await hosts.setBytes(OTHER_BYTES);

  const MANNERS = [["--live"], ["--live", "--p2p"], ["--live", "--p2p", "--tunnelled"], []];
  for (const options of MANNERS) {
    await t.step(`a veto, as virsh migrate ${options.join(" ")} prints it`, async () => {
      await hosts.events("vm1");
      const run = await hosts.migrate("vm1", options);
      const line = (await hosts.audit()).at(-1);
      assertEquals([run.code, run.stdout], [1, ""]);
      assertEquals(saidOf(run), `${hookFailed("vm1")}${REASON}${line?.["id"]}${WAIVE}`);
      assertEquals([line?.["verdict"], line?.["effect"]], ["veto", "refused"]);
      // The first event is the last, and the guest runs on where it was.
      assertEquals(await hosts.events("vm1"), ["migrate begin"]);
      assertEquals(await hosts.states("vm1"), { a: "running", b: undefined });
      assertEquals(await hosts.virsh("b", "list", "--all"), "");
      assertEquals(await hosts.sh("b", "pgrep -c qemu-system || true"), "0\n");
    });
  }

  await t.step(
    "libvirt runs the hooks behind it nevertheless, and drops what they say",
    async () => {
      const [given, received] = [
        await hosts.seen(GUEST, "given"),
        await hosts.seen(GUEST, "received"),
      ];
      assert(given.includes("<hostdev") && !received.includes("<hostdev"));
    },
  );

  await t.step("the report has the evidence, for root alone", async () => {
    const { report, evidence, id } = (await hosts.audit()).at(-1) ?? {};
    const text = await hosts.sh("b", 'cat "$1"', String(report));
    const { digest, guest, evidence: { source, destination }, ...rest } = JSON.parse(text);
    assertEquals([rest.id, digest, guest], [id, evidence, { name: "vm1", uuid: GUEST }]);
    assertEquals([source.host.name, destination.host.name], ["hosta", "hostb"]);
    const modes = await hosts.sh("b", 'stat -c %a "$1" "${1%/*}" /var/log/premigrate', `${report}`);
    assertEquals(modes, "600\n700\n700\n");
  });

  await t.step("once the cause is gone the next try goes through", async () => {
    await hosts.setBytes(SOURCE_BYTES);
    await hosts.thereAndBack("vm1");
    const line = (await hosts.audit()).at(-1);
    assertEquals([line?.["verdict"], line?.["effect"]], ["allow", "allowed"]);
    // Nothing was printed: the hook behind it got what it got.
    assertEquals(await hosts.seen(GUEST, "received"), await hosts.seen(GUEST, "given"));
    await hosts.setBytes(OTHER_BYTES);
  });

  await t.step("what is not known of this host's QEMU is asked for", async () => {
    await hosts.sh("b", "rm /var/cache/premigrate/host.json");
    assertStringIncludes(saidOf(await hosts.migrate("vm1")), REASON);
    assertStringIncludes(await hosts.journal(), "premigrate asked-anew");
    await hosts.sh("b", "[ -s /var/cache/premigrate/host.json ]");
  });

  await t.step("a waiver lets one guest pass, and is told", async () => {
    const options = ["--for", "1h", "--reason", `it burns: "now"`];
    const given = await hosts.premigrate("b", "waive", GUEST, ...options);
    const [, id = ""] = /^waiver ([0-9a-f]{8}): /.exec(given) ?? [];
    await hosts.thereAndBack("vm1");
    const line = (await hosts.audit()).at(-1);
    assertEquals([line?.["verdict"], line?.["effect"], line?.["waiver"]], ["veto", "allowed", id]);
    assertStringIncludes(await hosts.journal(), `waiver ${id} (it burns: "now")`);
    const list = await hosts.premigrate("b", "waive", "--list");
    assertStringIncludes(list, `${GUEST}  ${id}  59m `);
    assertStringIncludes(list, `, used 1 times: it burns: "now"\n`);
    assertEquals((await hosts.migrate("vm2")).code, 1);

    await hosts.premigrate("b", "waive", GUEST, "--end");
    assertStringIncludes(saidOf(await hosts.migrate("vm1")), REASON);
  });

  await t.step("mode observe decides and refuses nothing", async () => {
    await hosts.apply({ mode: "observe" });
    await hosts.thereAndBack("vm1");
    const line = (await hosts.audit()).at(-1);
    assertEquals([line?.["mode"], line?.["verdict"], line?.["effect"]], [
      "observe",
      "veto",
      "allowed",
    ]);
    assertMatch(await hosts.journal(), /^allowed: veto, guest vm1 .* mode observe/m);
  });

  await t.step("mode observe of one guest is that guest's", async () => {
    await hosts.apply({ guests: { [GUEST]: { mode: "observe" } } });
    await hosts.thereAndBack("vm1");
    assertStringIncludes(saidOf(await hosts.migrate("vm2")), REASON);
  });

  await t.step("rewriting names a device that will do, and changes nothing else", async () => {
    await hosts.apply({ rewrite: true });
    await hosts.thereAndBack("vm1");
    const given = await hosts.seen(GUEST, "given");
    const wanted = given.replace(
      "bus='0x3b' slot='0x00' function='0x4'",
      "bus='0x3b' slot='0x00' function='0x5'",
    );
    assert(wanted !== given);
    assertEquals(await hosts.seen(GUEST, "received"), wanted);
    const rewritten = { hostdev0: { from: DEVICE, to: OTHER_DEVICE } };
    assertEquals((await hosts.audit()).at(-1)?.["rewritten"], rewritten);
    assertStringIncludes(await hosts.journal(), `hostdev0 ${DEVICE} -> ${OTHER_DEVICE}`);
  });

  await t.step("rewriting keeps the device where that will do", async () => {
    await hosts.setBytes(SOURCE_BYTES);
    await hosts.thereAndBack("vm1");
    assertEquals(await hosts.seen(GUEST, "received"), await hosts.seen(GUEST, "given"));
    assertEquals((await hosts.audit()).at(-1)?.["rewritten"], undefined);
    await hosts.setBytes(OTHER_BYTES);
  });

  await t.step("rewriting refuses where no device will do", async () => {
    await hosts.setBytes(OTHER_BYTES, OTHER_DEVICE);
    const run = await hosts.migrate("vm1");
    assertStringIncludes(said(run), `${hookFailed("vm1")}premigrate: VETO hostdev0`);
    assertEquals(await hosts.states("vm1"), { a: "running", b: undefined });
    await hosts.setBytes(SOURCE_BYTES, OTHER_DEVICE);
    await hosts.apply({});
  });

  await t.step("libvirt itself takes no name with a line feed", async () => {
    const define = ["virsh", "-q", "define", "/dev/stdin"];
    const { stderr } = await hosts.run("a", define, guestXml("a&#10;b", OTHER_GUEST));
    assertStringIncludes(stderr, "invalid char in name");
  });

  for (const [index, [xml, name]] of NAMES.entries()) {
    await t.step(`a guest named ${JSON.stringify(name)} is judged like any`, async () => {
      const uuid = GUEST.replace(/..$/, `1${index}`);
      await hosts.start(xml, uuid);
      await hosts.give(uuid);
      const run = await hosts.migrate(name);
      assertEquals(run.code, 1);
      assertStringIncludes(saidOf(run), REASON);
      await hosts.give(uuid, { devices: [OTHER_DEVICE] });
      await hosts.thereAndBack(name);
      const lines = (await hosts.audit()).filter((line) => line["uuid"] === uuid);
      assertEquals(lines.map((line) => [line["guest"], line["verdict"]]), [
        [name, "veto"],
        [name, "allow"],
      ]);
    });
  }

  await t.step("uninstalled, it is gone at once, and the hooks beside it are not", async () => {
    await hosts.premigrate("b", "uninstall");
    await hosts.thereAndBack("vm1");
    const left = await hosts.sh(
      "b",
      "ls /etc/libvirt/hooks/qemu.d; find /usr/lib/premigrate 2> /dev/null || true",
    );
    assertEquals(left, "10-add\n95-remove\n");
  });
});
