/** Which QEMU a guest runs, when another one has been installed since it was started. */
import { assertEquals } from "@std/assert";
import { parseFacts } from "premigrate";
import { type Hosts, testOnHosts } from "./hosts.ts";
import { guestXml, InstalledHosts } from "./installed_hosts.ts";

const QEMU = "/usr/bin/qemu-system-x86_64";
const FIRST = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2f01";
const SECOND = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2f02";
const THIRD = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2f03";

/** As a package manager does; what is installed is the same program, in another file. */
const UPGRADE = `cp -p ${QEMU} ${QEMU}.new && mv ${QEMU}.new ${QEMU}`;
/** A wrapper that becomes QEMU, which is elsewhere. */
const WRAP = `mv ${QEMU} /usr/bin/real-qemu
printf '#!/bin/sh\\nexec /usr/bin/real-qemu "$@"\\n' > ${QEMU}
chmod +x ${QEMU}`;
/** What the wrapper starts is another QEMU from now on; the wrapper's file stays as it is. */
const UPGRADE_WRAPPED = `mv /usr/bin/real-qemu /usr/bin/old-qemu
cat > /usr/bin/real-qemu.new << 'END'
#!/bin/sh
exec /usr/bin/old-qemu "$@" | sed -u 's/"micro": [0-9]*, "minor": [0-9]*, "major": [0-9]*/"micro": 2, "minor": 0, "major": 10/'
END
chmod +x /usr/bin/real-qemu.new
mv /usr/bin/real-qemu.new /usr/bin/real-qemu`;

const UNDO_UPGRADE_WRAPPED = "mv /usr/bin/old-qemu /usr/bin/real-qemu";

testOnHosts("which QEMU a guest runs", async (hosts, t) => {
  const a = new InstalledHosts(hosts);
  await a.layer("a");
  const version = /version ([0-9.]+)/.exec(await a.sh("a", `${QEMU} --version`))?.[1];
  await a.feed("a", ["create"], guestXml("vm1", FIRST));
  const qemuOf = async (guest: string): Promise<string | undefined> => {
    const { host } = parseFacts(await run(hosts, "capture", guest));
    return host.qemu?.toString() ?? host.missing?.["qemu"];
  };
  const other = "the guest's QEMU is another file than the one that is installed now";

  await t.step("the one that is installed, where it is that", async () => {
    assertEquals(await qemuOf("vm1"), version);
  });

  await t.step("after an upgrade the one that was known when it was installed", async () => {
    await a.sh("a", UPGRADE);
    assertEquals(await qemuOf("vm1"), version);
    await a.sh("a", "rm -r /var/cache/premigrate");
    assertEquals(await qemuOf("vm1"), other);
    await a.feed("a", ["create"], guestXml("vm2", SECOND));
    assertEquals([await qemuOf("vm2"), await qemuOf("vm1")], [version, other]);
  });

  await t.step(
    "a wrapper is asked each time: what it starts may be another QEMU by now",
    async () => {
      await a.sh("a", WRAP);
      await a.feed("a", ["create"], guestXml("vm3", THIRD));
      assertEquals(await keptFor(a, hosts), version);
      await a.sh("a", UPGRADE_WRAPPED);
      assertEquals(await keptFor(a, hosts), "10.0.2");
    },
  );

  await t.step("a guest of a wrapper runs what that became then", async () => {
    // It is the file that was installed before, and asked.
    assertEquals(await qemuOf("vm3"), version);
    await a.sh("a", "rm -r /var/cache/premigrate/emulators");
    assertEquals(await qemuOf("vm3"), other);
    await a.sh("a", UNDO_UPGRADE_WRAPPED);
    assertEquals(await qemuOf("vm3"), version);
  });
});

/** The version that is kept for the hook, after it was asked for anew. */
async function keptFor(a: InstalledHosts, hosts: Hosts): Promise<unknown> {
  await run(hosts, "cache");
  const text = await a.sh("a", "cat /var/cache/premigrate/host.json");
  return JSON.parse(text).emulators[QEMU].replies.qemu;
}

async function run(hosts: Hosts, ...args: string[]): Promise<string> {
  const options = ["--quiet", "--no-prompt", "--allow-read", "--allow-write", "--allow-run"];
  const deno = [Deno.execPath(), "run", ...options, "lib/cli/main.ts"];
  const { code, stdout, stderr } = await hosts.run("a", [...deno, ...args]);
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}
