/** Stamps and marks in the metadata of real guests, and how they travel. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseDomain } from "premigrate";
import { readStampMetadata, type Stamp, type StampMetadata } from "../../lib/facts/mod.ts";
import { FakeSysfs } from "../helpers/probe_tree.ts";
import type { Finished } from "../helpers/run_program.ts";
import { type Hosts, testOnHosts } from "./hosts.ts";

const NAMES = ["vm1", "$(reboot)", `a'b"c`];
const PEER = "qemu+tcp://hostb/system";

/** Runs the command line on host a. */
function premigrate(hosts: Hosts, ...args: string[]): Promise<Finished> {
  return hosts.run("a", [
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-prompt",
    "--allow-read",
    "--allow-run=grep,sh,virsh",
    "lib/cli/main.ts",
    "stamp",
    ...args,
  ]);
}

async function virsh(hosts: Hosts, host: "a" | "b", ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await hosts.run(host, ["virsh", "-q", ...args]);
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}

async function readFrom(
  hosts: Hosts,
  host: "a" | "b",
  name: string,
  ...options: string[]
): Promise<StampMetadata> {
  const xml = await virsh(hosts, host, "dumpxml", "--domain", name, ...options);
  return await readStampMetadata(parseDomain(xml).metadataElements);
}

/** A small guest without devices. */
function guestXml(name: string): string {
  return `<domain type="qemu">
  <name>${name}</name>
  <memory unit="MiB">32</memory>
  <os><type arch="x86_64" machine="pc-q35-7.2">hvm</type></os>
  <cpu mode="custom" match="exact" check="none"><model fallback="forbid">qemu64</model></cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type="usb" model="none"/>
    <memballoon model="none"/>
  </devices>
</domain>
`;
}

/** The facts of a host without devices, as `capture` writes them. */
const FACTS = JSON.stringify({
  premigrate: "facts/1",
  host: { name: "hosta", uuid: crypto.randomUUID(), bootId: crypto.randomUUID(), qemu: "7.2" },
  devices: [],
});

testOnHosts("stamps and marks on two hosts", async (hosts, t) => {
  const folder = await Deno.makeTempDir();
  const facts = `${folder}/facts.json`;
  await Deno.writeTextFile(facts, FACTS);
  for (const name of NAMES) await hosts.defineAndStart("a", guestXml(name));

  for (const name of NAMES) {
    await t.step(`${name}: a stamp travels with --xml, and stays out of what is kept`, async () => {
      const xml = `${folder}/guest.xml`;
      await Deno.writeTextFile(xml, await virsh(hosts, "a", "dumpxml", "--migratable", name));
      const { code, stdout, stderr } = await premigrate(hosts, "--from", facts, "--xml", xml);
      assertEquals([code, stderr], [0, ""]);
      const written = await readStampMetadata(parseDomain(stdout).metadataElements);
      assert(written.kind === "stamp");

      await Deno.writeTextFile(xml, stdout);
      const options = ["--live", "--persistent", "--xml", xml, "--domain", name];
      await virsh(hosts, "a", "migrate", ...options, "--desturi", PEER);
      assertEquals(await readFrom(hosts, "b", name), written);
      assertEquals(await readFrom(hosts, "b", name, "--inactive"), { kind: "none" });
    });
  }

  await t.step("what libvirt makes of a stamp that is set is the stamp", async () => {
    const xml = await virsh(hosts, "b", "dumpxml", "vm1");
    const { metadataElements } = parseDomain(xml);
    const [element] = metadataElements;
    assert(element !== undefined);
    const attributes = Object.entries(element.attributes)
      .filter(([name]) => !name.startsWith("xmlns"))
      .map(([name, value]) => ` ${name}="${value}"`).join("");
    const bare = `<stamp${attributes}>${element.text}</stamp>`;
    const key = ["--uri", "urn:premigrate:stamp", "--key", "premigrate"];
    await virsh(hosts, "b", "metadata", "vm1", ...key, "--live", "--set", bare);
    const again = parseDomain(await virsh(hosts, "b", "dumpxml", "vm1"));
    assertEquals(
      again.metadataElements.map(({ range: _, ...element }) => element),
      metadataElements.map(({ range: _, ...element }) => element),
    );
  });

  for (const name of NAMES) {
    await t.step(`${name}: marked while it is shut off`, async () => {
      const { code, stdout, stderr } = await premigrate(hosts, "--offline", name);
      assertEquals([code, stderr], [0, ""]);
      assertEquals(stdout, `${name}: marked for a migration while it is shut off\n`);
      const { kind } = await readFrom(hosts, "a", name, "--inactive");
      assertEquals(kind, "offline");
    });
  }

  await t.step("a mark goes to the other host with the guest, and can be removed", async () => {
    await virsh(hosts, "b", "destroy", "vm1");
    await virsh(hosts, "a", "migrate", "--offline", "--persistent", "vm1", "--desturi", PEER);
    assertEquals((await readFrom(hosts, "b", "vm1", "--inactive")).kind, "offline");
    const removed = await premigrate(hosts, "--offline", "--remove", "vm1");
    assertEquals(removed, { code: 0, stdout: "vm1: removed\n", stderr: "" });
    assertEquals(await readFrom(hosts, "a", "vm1", "--inactive"), { kind: "none" });
  });

  await t.step("one that runs is not marked, and the others are", async () => {
    await virsh(hosts, "a", "start", "vm1");
    const run = await premigrate(hosts, "--offline", "vm1", "vm9", NAMES[1] ?? "");
    assertEquals(run.code, 2);
    assertEquals(run.stdout, "$(reboot): marked for a migration while it is shut off\n");
    const [first = "", second = "", ...rest] = run.stderr.split("\n");
    assertStringIncludes(first, "vm1: it runs");
    assertStringIncludes(second, "vm9: there is no such guest");
    assertEquals(rest, [""]);
    assertEquals(await readFrom(hosts, "a", "vm1", "--inactive"), { kind: "none" });
  });

  await t.step("a guest without host devices is not stamped", async () => {
    const named = await premigrate(hosts, "vm1", "vm9");
    assertEquals([named.code, named.stdout], [
      2,
      "vm1: not stamped, it has no host devices that a migration carries over\n",
    ]);
    assertStringIncludes(named.stderr, "vm9: no such guest runs on this host");
    assertEquals(await premigrate(hosts, "--all"), { code: 0, stdout: "", stderr: "" });
    assertEquals((await premigrate(hosts, "--all", "--json")).stdout, "[]\n");
    assertEquals(await readFrom(hosts, "a", "vm1"), { kind: "none" });
  });

  await t.step("removing what is not there is no error", async () => {
    const removed = await premigrate(hosts, "--remove", "--all");
    assertEquals(removed, { code: 0, stdout: "vm1: removed\n", stderr: "" });
  });

  await t.step("how a guest came to run is seen in its QEMU's arguments", async () => {
    const origin = async (host: "a" | "b", name: string): Promise<unknown> => {
      const reader = new URL("print_guest_origin.ts", import.meta.url).pathname;
      const argv = ["run", "--quiet", "--no-prompt", "--allow-read", "--allow-run=grep", reader];
      const [uuid = ""] = (await virsh(hosts, host, "domuuid", name)).split("\n");
      const { stdout } = await hosts.run(host, [Deno.execPath(), ...argv, name, uuid]);
      return stdout;
    };
    assertEquals(await origin("a", "vm1"), "started");
    for (const name of NAMES.slice(1)) assertEquals(await origin("b", name), "incoming");
    assertEquals(await origin("b", "vm1"), "unknown");
  });

  await Deno.remove(folder, { recursive: true });
});

const DEVICE = "0000:3b:00.4";
const HOSTDEV = "<hostdev mode='subsystem' type='pci' managed='yes'>" +
  "<source><address domain='0' bus='0x3b' slot='0' function='4'/></source>" +
  "<address type='pci' domain='0' bus='1' slot='0' function='0'/></hostdev>";

// No guest here can have a VFIO device: virsh says that they have one, and sysfs is the test's. All
// else is real. In a mount namespace of its own; $0 is the folder with both.
const AS_IF = 'mount --bind "$0/sys" /sys && PATH=$0:$PATH && exec "$@"';
const VIRSH = `#!/bin/sh
PATH=\${PATH#*:}
virsh "$@" | sed "s|</devices>|${HOSTDEV.replaceAll("'", '\\"')}</devices>|"
`;

testOnHosts("the stamp of a guest with a device, from host to host", async (hosts, t) => {
  const folders = { a: await makeFolder(0x0a), b: await makeFolder(0x0b) };
  const names = ["$(reboot)", `a'b"c`];
  for (const name of names) await hosts.defineAndStart("a", guestXml(name));

  const stamp = async (host: "a" | "b", ...args: string[]): Promise<Finished> => {
    const folder = folders[host];
    const deno = [Deno.execPath(), "run", "--quiet", "--no-prompt"];
    const rights = ["--allow-read", "--allow-write", "--allow-run=grep,sh,virsh"];
    const command = [...deno, ...rights, "lib/cli/main.ts", "stamp", ...args];
    return await hosts.run(host, ["unshare", "-m", "sh", "-c", AS_IF, folder, ...command]);
  };
  const stampIn = async (host: "a" | "b", name: string): Promise<Stamp> => {
    const found = await readFrom(hosts, host, name);
    assert(found.kind === "stamp", JSON.stringify(found));
    return found.stamp;
  };

  await t.step("started here: its host's bytes, in the live XML alone", async () => {
    const { code, stdout, stderr } = await stamp("a", "--all");
    assertEquals([code, stderr], [0, ""]);
    for (const name of names) {
      assertStringIncludes(stdout, `${name}: stamped, 1 device, `);
      const { devices, facts } = await stampIn("a", name);
      assertEquals(devices, [{ guest: "0000:01:00.0", source: DEVICE }]);
      assertEquals([facts.host.name, facts.devices[0]?.config?.bytes[64]], ["hosta", 0x0a]);
      assert(facts.host.qemu?.atLeast(7, 2) && facts.host.uuid && facts.host.bootId);
      assertEquals(facts.host.machineTypes, undefined);
      assertEquals(await readFrom(hosts, "a", name, "--inactive"), { kind: "none" });
    }
  });

  const [first = "", second = ""] = names;
  await t.step("arrived: the bytes of where it was started stay, the host is another", async () => {
    for (const name of names) await virsh(hosts, "a", "migrate", "--live", name, PEER);
    const { uuid } = (await stampIn("b", first)).facts.host;
    for (const time of ["once", "again"]) {
      const { code, stderr } = await stamp("b", first);
      assertEquals([code, stderr], [0, ""], time);
      const { facts: { host, devices } } = await stampIn("b", first);
      assertEquals([host.name, devices[0]?.config?.bytes[64]], ["hostb", 0x0a], time);
      assert(host.uuid !== uuid);
    }
  });

  await t.step("arrived without a stamp: no bytes, and why", async () => {
    assertEquals((await stamp("b", "--remove", second)).code, 0);
    const { code, stdout } = await stamp("b", second, "--json");
    assertEquals(code, 0);
    const [{ result, devices: [device] }] = JSON.parse(stdout);
    assertEquals([result, device.config], ["stamped", undefined]);
    assertStringIncludes(device.missing, "the guest was not started on this host");
    assertEquals((await stampIn("b", second)).facts.devices[0]?.config, undefined);
  });

  await t.step("a guest that cannot be stamped does not keep the others from it", async () => {
    const { code, stdout, stderr } = await stamp("b", "vm9", first);
    assertEquals([code, stderr], [
      2,
      "premigrate: Cannot stamp vm9: no such guest runs on this host\n",
    ]);
    assertStringIncludes(stdout, `${first}: stamped`);
  });

  for (const folder of Object.values(folders)) await Deno.remove(folder, { recursive: true });
});

/** A folder with a virsh, and a sysfs with one device whose bytes tell the host. */
async function makeFolder(byte: number): Promise<string> {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/virsh`, VIRSH, { mode: 0o755 });
  const sysfs = new FakeSysfs();
  const config = new Uint8Array(256).fill(byte);
  sysfs.addFunction(DEVICE, { config, driver: "vfio-pci", iommuGroup: "7" });
  await Deno.rename(sysfs.root, `${folder}/sys`);
  return folder;
}
