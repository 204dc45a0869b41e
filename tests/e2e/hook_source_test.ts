/** Where the hook has the source's facts from: a stamp that it believes, or the host itself. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  DEVICE,
  guestXml,
  hookFailed,
  type HookHosts,
  type Host,
  hostDevice,
  OTHER_BYTES,
  said,
  SOURCE_BYTES,
  stampOf,
  testWithHook,
} from "./hook_hosts.ts";

const GUEST = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2e01";
const SHUT_OFF = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2e02";
const STAMPED = { guest: "0000:01:00.0", source: DEVICE };
// Nobody has it: as when a host is down, a second or two go by until that is known.
const NOBODY = "10.231.0.9";

// To this host's virsh every guest has the device.
const SEE_DEVICES = `
mv /usr/bin/virsh /usr/bin/virsh.real
cat > /usr/bin/virsh << 'END'
#!/bin/sh
case "$*" in
  *dumpxml*) virsh.real "$@" | sed "s|</devices>|${hostDevice(STAMPED)}</devices>|" ;;
  *) exec virsh.real "$@" ;;
esac
END
chmod +x /usr/bin/virsh
`;

/** The migration is refused with these words, and the guest runs on. */
async function isRefused(hosts: HookHosts, words: string, from: Host = "a"): Promise<void> {
  const run = await hosts.migrate("vm1", ["--live"], from);
  assertEquals([run.code, run.stdout], [1, ""]);
  assertStringIncludes(said(run), `${hookFailed("vm1")}premigrate: ${words}`);
  assertEquals((await hosts.states("vm1"))[from], "running");
}

/** Puts a stamp into the live XML of the guest, as the agent of its host does. */
async function stampHere(hosts: HookHosts, host: Host): Promise<void> {
  const uuid = await hosts.sh(
    host,
    "virsh capabilities | sed -n 's|.*<uuid>\\(.*\\)</uuid>|\\1|p'",
  );
  const stamp = await stampOf(GUEST, [STAMPED], { age: 0, host: uuid.trim() });
  const bare = stamp.replace(/^<premigrate:stamp xmlns:\S+/, "<stamp").replace(
    "</premigrate:",
    "</",
  );
  const key = ["--uri", "urn:premigrate:stamp", "--key", "premigrate"];
  await hosts.virsh(host, "metadata", "vm1", "--live", ...key, "--set", bare);
}

testWithHook("where the hook has the source's facts from", async (hosts, t) => {
  const verdict = async (host: Host = "b"): Promise<unknown> =>
    (await hosts.audit(host)).at(-1)?.["verdict"];
  await hosts.start("vm1", GUEST);

  await t.step("a stamp that nobody renewed is too old", async () => {
    await hosts.give(GUEST, { age: 1000 });
    await isRefused(hosts, "UNDECIDED, refused: The stamp is 10");
    await hosts.apply({ maxAge: "1h" });
    await hosts.thereAndBack("vm1");
    await hosts.apply({});
  });

  await t.step(
    "a guest comes back with a stamp that nobody renewed: it names this host",
    async () => {
      for (const host of ["a", "b"] as const) await hosts.give(GUEST, { age: null }, host);
      await stampHere(hosts, "a");
      assertEquals(await hosts.migrate("vm1"), { code: 0, stdout: "", stderr: "" });
      assertEquals(await verdict(), "allow");
      await isRefused(
        hosts,
        "UNDECIDED, refused: The stamp names hosta, which is the destination itself",
        "b",
      );

      await stampHere(hosts, "b");
      const run = await hosts.migrate("vm1", ["--live"], "b");
      assertEquals(run, { code: 0, stdout: "", stderr: "" });
      assertEquals(await verdict("a"), "allow");
      await hosts.sh("a", "rm /run/hook/*.add");
      const key = ["--uri", "urn:premigrate:stamp"];
      await hosts.virsh("a", "metadata", "vm1", "--live", ...key, "--remove");
    },
  );

  await t.step(
    "an offline migration is undecided without a mark, and passes with one",
    async () => {
      await hosts.feed("a", ["define"], guestXml("vm2", SHUT_OFF));
      await hosts.give(SHUT_OFF, { age: null });
      const offline = ["--offline", "--persistent"];
      const refused = await hosts.migrate("vm2", offline);
      const words =
        "premigrate: UNDECIDED, refused: The guest's metadata says nothing about its source host";
      assertStringIncludes(said(refused), `${hookFailed("vm2")}${words}`);
      assertEquals(await hosts.states("vm2"), { a: "shut off", b: undefined });

      await hosts.premigrate("a", "stamp", "--offline", "vm2");
      assertEquals(await hosts.migrate("vm2", offline), { code: 0, stdout: "", stderr: "" });
      assertEquals(await hosts.states("vm2"), { a: "shut off", b: "shut off" });
      assertEquals(await verdict(), "allow");
    },
  );

  await hosts.sh("b", SEE_DEVICES);
  await hosts.sh("b", 'ip route add "$1" dev hosta', NOBODY);
  const [hosta, hostb, down] = ["hosta", "hostb", NOBODY].map((host) =>
    `qemu+ssh://${host}/system`
  );

  await t.step("without a stamp the configured hosts are asked, this one with them", async () => {
    await hosts.give(GUEST, { age: null });
    await hosts.apply({ hosts: [hostb, hosta], deadline: "120s" });
    await hosts.setBytes(OTHER_BYTES);
    await isRefused(hosts, `VETO hostdev0 (${DEVICE}): NVIDIA driver 535.161.05 on hosta, `);
    assertEquals((await hosts.audit()).at(-1)?.["source"], "hosta");
    await hosts.setBytes(SOURCE_BYTES);
    await hosts.thereAndBack("vm1");
    assertEquals(await verdict(), "allow");
  });

  await t.step(
    "a guest that stands still is found by its job, one of another name is not",
    async () => {
      await hosts.virsh("a", "suspend", "vm1");
      assertEquals(await hosts.migrate("vm1"), { code: 0, stdout: "", stderr: "" });
      assertEquals([await verdict(), (await hosts.audit()).at(-1)?.["source"]], ["allow", "hosta"]);
      await hosts.virsh("b", "resume", "vm1");
      assertEquals((await hosts.migrate("vm1", ["--live"], "b")).code, 0);
      const renamed = await hosts.migrate("vm1", ["--live", "--dname", "vm9"]);
      const words = "has a guest of this UUID with the name vm1, not vm9";
      assertStringIncludes(said(renamed), words);
      assertEquals(await hosts.states("vm1"), { a: "running", b: undefined });
    },
  );

  await t.step("a host that is down is not waited for", async () => {
    await hosts.apply({ hosts: [down, hosta], deadline: "120s" });
    await hosts.thereAndBack("vm1");
    assertEquals(await verdict(), "allow");
  });

  await t.step("nobody runs the guest", async () => {
    await hosts.apply({ hosts: [hostb] });
    await isRefused(hosts, "UNDECIDED, refused: None of ");
  });

  await t.step("the only host is down", async () => {
    await hosts.apply({ hosts: [down] });
    await isRefused(hosts, `UNDECIDED, refused: ${NOBODY} could not be asked for the guest`);
  });

  await t.step("the host does not answer: the deadline, open and closed", async () => {
    await hosts.sh("a", "kill -STOP $(cat /run/sshd.pid)");
    await hosts.apply({ hosts: [hosta], deadline: "12s" });
    await isRefused(hosts, "UNDECIDED, refused: There was no verdict after ");
    await hosts.apply({ hosts: [hosta], deadline: "12s", onTrouble: { deadline: "open" } });
    await hosts.thereAndBack("vm1");
    await hosts.sh("a", "kill -CONT $(cat /run/sshd.pid)");
  });
});
