import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { bootGuest } from "./guest.ts";
import { e2eTest, type Machine, testOnHosts } from "./hosts.ts";

testOnHosts("two hosts and an operator's machine", async (hosts, t) => {
  const output = async (machine: Machine, ...argv: string[]): Promise<string> => {
    const { code, stdout, stderr } = await hosts.run(machine, argv);
    assertEquals({ code, stderr }, { code: 0, stderr: "" }, argv.join(" "));
    return stdout.trim();
  };

  await t.step("a command has its input, output and exit code", async () => {
    const script = "cat; pwd; echo trouble >&2; exit 7";
    assertEquals(await hosts.run("a", ["sh", "-c", script], { stdin: "given\n" }), {
      code: 7,
      stdout: `given\n${Deno.cwd()}\n`,
      stderr: "trouble\n",
    });
  });

  await t.step("a command need not read its input", async () => {
    const { code } = await hosts.run("a", ["true"], { stdin: "x".repeat(1_000_000) });
    assertEquals(code, 0);
  });

  await t.step("each host has an identity of its own", async () => {
    assertEquals(await output("a", "hostname"), "hosta");
    assertEquals(await output("b", "hostname"), "hostb");
    for (const argv of [["cat", "/etc/machine-id"], ["virsh", "capabilities"]]) {
      assertNotEquals(await output("a", ...argv), await output("b", ...argv));
    }
  });

  for (
    const [from, to] of [["operator", "hosta"], ["operator", "hostb"], ["a", "hostb"]] as const
  ) {
    await t.step(`ssh and both libvirt URIs lead from ${from} to ${to}`, async () => {
      const ssh = await hosts.run(from, ["ssh", to, "sh", "-s"], { stdin: "hostname" });
      assertEquals(ssh, { code: 0, stdout: `${to}\n`, stderr: "" });
      for (const uri of [`qemu+ssh://${to}/system`, `qemu+tcp://${to}/system`]) {
        assertEquals(await output(from, "virsh", "--connect", uri, "hostname"), to);
      }
    });
  }

  await t.step("ssh refuses a host whose key it does not know", async () => {
    const unknowing = ["ssh", "-o", "GlobalKnownHostsFile=none", "hosta", "true"];
    const { stderr } = await hosts.run("operator", unknowing);
    assertStringIncludes(stderr, "Host key verification failed");
  });

  await t.step("a guest boots on a host, and migrates to the other while it runs", async () => {
    const names = (host: "a" | "b"): Promise<string> => output(host, "virsh", "list", "--name");
    await bootGuest(hosts, "a", "vm1");
    assertEquals([await names("a"), await names("b")], ["vm1", ""]);
    const migrate = ["migrate", "--live", "vm1", "qemu+tcp://hostb/system"];
    await output("operator", "virsh", "--connect", "qemu+tcp://hosta/system", ...migrate);
    assertEquals([await names("a"), await names("b")], ["", "vm1"]);
    assertEquals(await output("b", "virsh", "domstate", "vm1"), "running");
  });

  await t.step("what runs on them ends with them", async () => {
    const file = await startBeating(hosts.enter("a"));
    await hosts.stop();
    assert(!await isBeating(file));
    await Deno.remove(file);
  });
});

e2eTest("the hosts end with the process that started them", async () => {
  const program = new URL("hosts_main.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-read", "--allow-run", "--allow-write", "--allow-env", program],
    stdout: "piped",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await output.read();
  const [, enter = ""] = /^a: (.*)$/m.exec(value) ?? [];
  const file = await startBeating(enter.split(" "));

  child.kill("SIGKILL");
  await child.status;
  await output.cancel();

  // The kernel may take a moment, in which there is a last beat.
  assert(!await isBeating(file) || !await isBeating(file));
  await Deno.remove(file);
});

/** Starts a process on a machine that writes to a file again and again. */
async function startBeating(enter: readonly string[]): Promise<string> {
  const file = await Deno.makeTempFile();
  const [command = "", ...args] = enter;
  const script = 'while echo >> "$0"; do sleep 0.05; done > /dev/null 2>&1 &\n' +
    'until [ -s "$0" ]; do sleep 0.05; done';
  const { success } = await new Deno.Command(command, { args: [...args, "sh", "-c", script, file] })
    .output();
  assert(success);
  assert(await isBeating(file));
  return file;
}

async function isBeating(file: string): Promise<boolean> {
  await Deno.writeTextFile(file, "");
  await new Promise((resolve) => setTimeout(resolve, 500));
  return await Deno.readTextFile(file) !== "";
}
