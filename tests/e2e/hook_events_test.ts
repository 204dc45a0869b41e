/** With all of premigrate broken that can be, libvirt goes through everything else unharmed. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DENO, guestXml, hookFailed, type Host, said, testWithHook } from "./hook_hosts.ts";
import { FILES } from "./installed_hosts.ts";

const GUEST = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2d01";
const HOOK = "/etc/libvirt/hooks/qemu.d/90-premigrate";

// Only the hook itself is left, and two that read nothing of what they are given.
const BREAK = `
rm -r /usr/lib/premigrate ${DENO} /usr/bin/premigrate /etc/premigrate
rm -r /var/lib/premigrate /var/cache/premigrate /var/log/premigrate
touch /var/log/premigrate /var/lib/premigrate /usr/lib/premigrate
cd /etc/libvirt/hooks/qemu.d
for name in 00-deaf 99-deaf; do printf '#!/bin/sh\\nexit 0\\n' > $name; chmod +x $name; done
`;
const RESTART = `
pid=$(cat /run/libvirtd.pid)
kill "$pid"
while kill -0 "$pid"; do sleep 0.05; done 2> /dev/null
libvirtd --listen < /dev/null > /dev/null 2>&1 &
timeout 60 sh -c 'until virsh version; do sleep 0.05; done' > /dev/null 2>&1
`;

testWithHook("every other event, with everything broken", async (hosts, t) => {
  await hosts.apply({ agent: { recordStarts: true } });
  for (const recorder of ["exit 1", "sleep 600 & sleep 600", "rm $0"]) {
    await t.step(`a guest starts although what records it does: ${recorder}`, async () => {
      const script = `#!/bin/sh\ntouch /run/recorder\n${recorder}\n`;
      await hosts.write("b", "/usr/lib/premigrate/premigrate", script);
      const noted = guestXml("vm1", GUEST).replace("<memory", "<title>hostdev</title><memory");
      await hosts.feed("b", ["create"], noted);
      await hosts.virsh("b", "destroy", "vm1");
      await hosts.sh("b", "rm /run/recorder");
    });
  }

  await Promise.all((["a", "b"] as const).map((host) => hosts.sh(host, BREAK)));
  // Longer than a pipe: who writes it to a hook that does not read it, notices.
  const about = "x".repeat(200_000);
  const describe = `<description>two&#10;lines, a &lt;disk/&gt;, ${about}</description><memory`;
  await hosts.feed("a", ["define"], guestXml("vm1", GUEST).replace("<memory", describe));

  /** Does something with the guest; afterwards it is in this state, and libvirt told of these. */
  const step = (
    name: string,
    host: Host,
    argv: readonly string[],
    state: string,
    events: readonly string[],
  ): Promise<boolean> =>
    t.step(name, async () => {
      await hosts.events("vm1", host);
      await hosts.virsh(host, ...argv);
      assertEquals(await hosts.virsh(host, "domstate", "vm1"), state);
      const seen = await hosts.events("vm1", host);
      for (const event of events) assert(seen.includes(event), `${event} of ${seen}`);
    });
  const started = ["prepare begin", "start begin", "started begin"];
  const stopped = ["stopped end", "release end"];

  await step("start", "a", ["start", "vm1"], "running", started);
  await step("suspend", "a", ["suspend", "vm1"], "paused", []);
  await step("resume", "a", ["resume", "vm1"], "running", []);
  await step("reset", "a", ["reset", "vm1"], "running", []);
  await step("reboot", "a", ["reboot", "vm1"], "running", []);
  await step("managed save", "a", ["managedsave", "vm1"], "shut off", stopped);
  await step("start from a managed save", "a", ["start", "vm1"], "running", [
    ...started,
    "restore begin",
  ]);
  await step("save", "a", ["save", "vm1", "/run/vm1.save"], "shut off", stopped);
  await step("restore", "a", ["restore", "/run/vm1.save"], "running", ["restore begin"]);
  await step("dump", "a", ["dump", "vm1", "/run/vm1.dump", "--memory-only"], "running", []);

  await t.step("restart of libvirt's daemon: the guest lives", async () => {
    const pid = await hosts.sh("a", "pgrep -x qemu-system-x86");
    await hosts.sh("a", RESTART);
    assertEquals(await hosts.virsh("a", "domstate", "vm1"), "running");
    assertEquals(await hosts.sh("a", "pgrep -x qemu-system-x86"), pid);
    // In a thread of its own, that is not waited for (qemuProcessReconnectAll).
    const seen = `until grep -q "^vm1 reconnect begin" ${FILES}/events; do sleep 0.05; done`;
    await hosts.sh("a", `timeout 60 sh -c '${seen}'`);
    assertStringIncludes((await hosts.events("vm1", "a")).join(), "reconnect begin");
  });

  await t.step("live migration of a guest without host devices", async () => {
    await hosts.events("vm1");
    const run = await hosts.migrate("vm1", ["--live", "--persistent", "--undefinesource"]);
    assertEquals(run, { code: 0, stdout: "", stderr: "" });
    assertEquals(await hosts.states("vm1"), { a: undefined, b: "running" });
    assertEquals((await hosts.events("vm1"))[0], "migrate begin");
  });

  await step("destroy", "b", ["destroy", "vm1"], "shut off", stopped);

  await t.step("offline migration of a guest without host devices", async () => {
    const run = await hosts.migrate("vm1", ["--offline", "--persistent", "--undefinesource"], "b");
    assertEquals(run, { code: 0, stdout: "", stderr: "" });
    assertEquals(await hosts.states("vm1"), { a: "shut off", b: undefined });
    assertStringIncludes((await hosts.events("vm1", "a")).join(), "migrate begin");
  });

  await t.step("a guest that ends by itself", async () => {
    await hosts.virsh("a", "start", "vm1");
    await hosts.sh("a", "kill $(pgrep -x qemu-system-x86)");
    const ended = "until virsh domstate vm1 | grep -q 'shut off'; do sleep 0.05; done";
    await hosts.sh("a", `timeout 60 sh -c "${ended}"`);
  });

  await t.step("what the launcher does not own, it does not read", async () => {
    const script = `head -c 50000000 /dev/zero | ${HOOK} vm1 reconnect begin -`;
    const { code, stdout, stderr } = await hosts.run("a", ["sh", "-c", script]);
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  });

  await t.step("a guest with a host device is refused, in two lines", async () => {
    await hosts.give(GUEST);
    await hosts.virsh("a", "start", "vm1");
    const run = await hosts.migrate("vm1");
    assertEquals(run.code, 1);
    const [first, ...rest] = said(run).split("\n");
    const why = "there is no Deno at the path of /etc/premigrate/applied.conf";
    assertEquals(first, `${hookFailed("vm1")}premigrate: UNDECIDED, refused: ${why}`);
    assertEquals(rest.length, 1);
    assertEquals(await hosts.states("vm1"), { a: "running", b: undefined });
  });
});
