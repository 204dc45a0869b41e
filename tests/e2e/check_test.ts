/** `check` and `capture` between two living hosts, from a third machine. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding/hex";
import { parseFacts } from "premigrate";
import { FakeSysfs } from "../helpers/probe_tree.ts";
import { bootGuest } from "./guest.ts";
import type { Finished } from "../helpers/run_program.ts";
import { type Hosts, testOnHosts } from "./hosts.ts";

const DEVICE = "0000:3b:00.4";

/** Runs the command line on the operator's machine. */
function premigrate(hosts: Hosts, ...args: string[]): Promise<Finished> {
  return hosts.run("operator", [
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-prompt",
    "--allow-read",
    "--allow-write",
    "--allow-run=sh,ssh,sudo,virsh",
    "lib/cli/main.ts",
    ...args,
  ]);
}

/** A sysfs with one GPU whose host driver is that of an example. */
function sysfsOf(example: string): { sysfs: FakeSysfs; config: Uint8Array } {
  const text = Deno.readTextFileSync(`examples/${example}.hex`);
  const config = decodeHex(text.replace(/\s/g, ""));
  const sysfs = new FakeSysfs();
  sysfs.addFunction(DEVICE, { config, driver: "vfio-pci", iommuGroup: "7" });
  return { sysfs, config };
}

const LIVE = ["--from", "qemu+tcp://hosta/system", "--to", "qemu+ssh://hostb/system"];

testOnHosts("check and capture between two hosts", async (hosts, t) => {
  await bootGuest(hosts, "a", "vm1");

  await t.step("a running guest without host devices is allowed", async () => {
    const { code, stdout, stderr } = await premigrate(
      hosts,
      "check",
      "vm1",
      ...LIVE,
      "--from-ssh",
      "hosta",
    );
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "ALLOW");
  });

  await t.step("--all and several destinations give a table", async () => {
    const args = ["check", "--all", ...LIVE, "--to", "qemu+tcp://hosta/system"];
    const { code, stdout } = await premigrate(hosts, ...args);
    assertEquals(code, 1);
    const [head, row = "", ...more] = stdout.split("\n");
    assertEquals([head, more], ["guest  hostb  hosta  reason", [""]]);
    assertMatch(row, /^vm1 {4}allow {2}veto {3}hosta: .+/);
  });

  await t.step("a destination that is down is a column, and undecided", async () => {
    const args = ["check", "--all", ...LIVE, "--to", "qemu+ssh://hostx/system"];
    const { code, stdout, stderr } = await premigrate(hosts, ...args);
    assertEquals([code, stderr], [3, ""]);
    const [head, row = ""] = stdout.split("\n");
    assertEquals(head, "guest  hostb  hostx        reason");
    assertMatch(row, /^vm1 {4}allow {2}unreachable {2}hostx: .+/);
  });

  await t.step("where no destination can be asked there is no answer", async () => {
    const args = ["--from", "qemu+tcp://hosta/system", "--to", "qemu+ssh://hostx/system"];
    const { code, stdout, stderr } = await premigrate(hosts, "check", "--all", ...args);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, "hostx");
  });

  const trees = { a: sysfsOf("source"), b: sysfsOf("destination") };
  const files = { a: await Deno.makeTempFile(), b: await Deno.makeTempFile() };
  for (const host of ["a", "b"] as const) {
    await t.step(`capture reads a device of host${host} over ssh, every byte`, async () => {
      const { sysfs, config } = trees[host];
      const uri = `qemu+ssh://host${host}/system`;
      const args = [
        "capture",
        DEVICE,
        "--uri",
        uri,
        "--sysfs",
        sysfs.root,
        "--output",
        files[host],
      ];
      assertEquals(await premigrate(hosts, ...args), { code: 0, stdout: "", stderr: "" });
      const facts = parseFacts(await Deno.readTextFile(files[host]));
      assertEquals(facts.host.name, `host${host}`);
      assert(facts.host.qemu?.atLeast(7, 2));
      assert(facts.host.libvirt?.startsWith("9."));
      const [device] = facts.devices;
      assertEquals(encodeHex(device?.config?.bytes ?? new Uint8Array()), encodeHex(config));
      assertEquals([device?.config?.kind, device?.driver?.name], ["sysfs", "vfio-pci"]);
    });
  }

  await t.step("what was captured is judged: the drivers differ, QEMU would fail", async () => {
    const args = ["--source", files.a, "--destination", files.b, "--machine", "pc-q35-7.2"];
    const { code, stdout } = await premigrate(hosts, "check", ...args);
    assertEquals(code, 1);
    assertStringIncludes(stdout, "Bad config data: i=0xd8 read: 33 device: 35");
  });

  await t.step("the XML that is written is one that libvirt migrates with", async () => {
    const xml = await Deno.makeTempFile();
    const { code } = await premigrate(
      hosts,
      "check",
      "vm1",
      ...LIVE,
      "--from-ssh",
      "hosta",
      "--write-xml",
      xml,
    );
    assertEquals(code, 0);
    const migrate = ["migrate", "--live", "--xml", xml, "vm1", "qemu+tcp://hostb/system"];
    const virsh = ["virsh", "--connect", "qemu+tcp://hosta/system", ...migrate];
    assertEquals(await hosts.run("operator", virsh).then(({ code, stderr }) => [code, stderr]), [
      0,
      "",
    ]);
    await Deno.remove(xml);
  });

  const FAILURES: readonly (readonly [name: string, args: string[], message: string])[] = [
    ["a guest that is not there", ["check", "vm9", ...LIVE, "--from-ssh", "hosta"], "vm9"],
    [
      "a host that is not there",
      ["check", "vm1", "--from", "qemu+ssh://hostx/system", "--to", "qemu+ssh://hostb/system"],
      "hostx",
    ],
    [
      "a probe that cannot be run",
      ["capture", DEVICE, "--uri", "qemu+tcp://hosta/system", "--ssh", "nobody@hosta"],
      "hosta",
    ],
    ["a deadline that passes", ["check", "vm1", ...LIVE, "--timeout", "0"], "deadline"],
  ];
  for (const [name, args, message] of FAILURES) {
    await t.step(`${name} is one line and exit code 2`, async () => {
      const { code, stdout, stderr } = await premigrate(hosts, ...args);
      assertEquals([code, stdout, stderr.split("\n").length], [2, "", 2], stderr);
      assertStringIncludes(stderr, message);
    });
  }

  for (const { sysfs } of Object.values(trees)) sysfs.remove();
  for (const file of Object.values(files)) await Deno.remove(file);
});
