/** An operator's whole way on two bare hosts, by the README's own lines: from a build to nothing left. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { putDeno } from "../../lib/install/put_deno.ts";
import { dist } from "../helpers/hook_tree.ts";
import {
  guestXml,
  hookFailed,
  type HookHosts,
  type Host,
  OTHER_BYTES,
  said,
  testBeforeHook,
} from "./hook_hosts.ts";
import { FILES } from "./installed_hosts.ts";
import { atHome, makeBare, ssh, untilStamped } from "./operator.ts";

const HOSTS: readonly Host[] = ["a", "b"];
const UUIDS: Readonly<Record<string, string>> = {
  vm1: "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f3a01",
  vm2: "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f3a02",
  vm3: "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f3a03",
};
const README = await Deno.readTextFile("README.md");
const CONFIG = "/etc/premigrate/config.yaml";

/** The lines of the README's block that begins so. */
function readmeLines(beginning: string): string[] {
  const block = README.split("\n```").find((block) => block.startsWith(`text\n${beginning}`)) ?? "";
  return block.split("\n").slice(1);
}

const [BUILD, COPY, START, ...more] = readmeLines("npx -y deno@2.9.6 task build");
const [ENFORCE] = readmeLines("sed -i");

// QEMU 7.2 knows no migration of VFIO devices, and no device migrates here.
const CHOOSE = `sed -i 's|^policies: .*|policies: {generic/vfio: {options: {qemu: "7.2"}}}|' ` +
  `${CONFIG} && premigrate config apply`;

/** What of premigrate there is on a host, in files, processes and guests. */
async function remains(hosts: HookHosts, host: Host): Promise<string> {
  const [files, processes, stamps] = await Promise.all([
    ssh(hosts, host, "find /etc /usr /var -name '*premigrate*'"),
    ssh(hosts, host, "pgrep -a deno || true"),
    ssh(hosts, host, "grep -rl urn:premigrate /run/libvirt/qemu /etc/libvirt/qemu || true"),
  ]);
  return files + processes + stamps;
}

testBeforeHook("the README's way, on two bare hosts", async (hosts, t) => {
  const home = await Deno.makeTempDir();
  await makeBare(hosts);
  const before = { a: await remains(hosts, "a"), b: await remains(hosts, "b") };
  // They run before premigrate comes, and are never started anew.
  for (const [name, uuid] of Object.entries(UUIDS)) {
    await hosts.feed("a", ["create"], guestXml(name, uuid));
    await hosts.give(uuid, { age: null });
  }
  const pids = await ssh(hosts, "a", "pgrep qemu-system | sort");
  await hosts.setBytes(OTHER_BYTES);
  const last = async (): Promise<readonly unknown[]> => {
    const line = (await hosts.audit()).at(-1);
    return ["mode", "verdict", "effect"].map((key) => line?.[key]);
  };
  /** Copies the build and installs it, as the README's second line does. */
  const install = async (): Promise<string> => {
    const run = await atHome(hosts, home, COPY ?? "");
    assertEquals([run.code, run.stderr], [0, ""], run.stdout);
    return run.stdout;
  };

  let refusal = "";
  try {
    await t.step("built elsewhere, with Deno", async () => {
      assertEquals([BUILD, more], ["npx -y deno@2.9.6 task build", []]);
      const { code } = await new Deno.Command("cp", { args: ["-r", await dist(), `${home}/dist`] })
        .output();
      assertEquals(code, 0);
      await putDeno(`${home}/dist`, Deno.execPath());
    });

    await t.step("copied and installed: a first installation observes", async () => {
      const text = await install();
      assertMatch(text, /^made +\/usr\/lib\/premigrate\/deno$/m);
      assertMatch(text, /^next: mode: enforce in .*config\.yaml, then premigrate config apply/m);
      for (const host of HOSTS) {
        const shown = await ssh(hosts, host, "premigrate config show");
        assertMatch(shown, /^mode: observe$/m);
        assertMatch(shown, /^agent\.recordStarts: false$/m);
      }
    });

    await t.step("the agent, and what doctor says of such hosts", async () => {
      for (const host of HOSTS) await ssh(hosts, host, CHOOSE);
      const { code, stdout } = await atHome(hosts, home, START ?? "");
      const lines = stdout.split("\n").filter((line) => /: (WARN|FAIL)/.test(line));
      assertEquals(code, 0, stdout);
      const titles = lines.map((line) => line.replace(/^.*Checking (.*?) *: (WARN|FAIL).*$/, "$1"));
      // libvirtd is not systemd's here; the clock of a test's machine may be as it likes.
      const expected = [
        "for hooks that run after it",
        "that the daemon knows of hooks",
        "that the applied configuration is whole",
        "that the clock is synchronised, as stamps age",
      ];
      assertEquals(titles.filter((title) => !expected.includes(title)), []);
      assertStringIncludes(stdout, "(mode: observe refuses nothing)");
      // The trial of the hook is none of libvirt's.
      for (const host of HOSTS) assertEquals(await hosts.sh(host, `cat ${FILES}/journal`), "");
    });

    await t.step("a running guest is judged, without a restart, and passes", async () => {
      await untilStamped(hosts, "a", "vm1");
      assertEquals(await hosts.migrate("vm1"), { code: 0, stdout: "", stderr: "" });
      assertEquals(await last(), ["observe", "veto", "allowed"]);
      assertEquals(await hosts.states("vm1"), { a: undefined, b: "running" });
    });

    await t.step("enforced: refused, the cause in the first line", async () => {
      for (const host of HOSTS) {
        assertMatch(await ssh(hosts, host, ENFORCE ?? ""), /^ {2}mode: observe -> enforce$/m);
      }
      const run = await hosts.migrate("vm2");
      assertEquals([run.code, run.stdout], [1, ""]);
      refusal = said(run);
      const [first = ""] = refusal.split("\n");
      assert(first.startsWith(`${hookFailed("vm2")}premigrate: VETO hostdev0 `), refusal);
      assertMatch(first, /\bhosta\b.*\bhostb\b/, refusal);
      assertEquals(await last(), ["enforce", "veto", "refused"]);
      assertEquals(await hosts.states("vm2"), { a: "running", b: undefined });
    });

    await t.step("what the refusal says to do: its report, and a waiver by name", async () => {
      const [, report = "", waive = ""] =
        /On hostb: (premigrate report \S+?);.*: (premigrate waive vm2 .*) TEXT$/.exec(refusal) ??
          [];
      assertStringIncludes(await ssh(hosts, "b", report), "VETO");
      await ssh(hosts, "b", `${waive} 'hosta is dying'`);
      assertEquals(await hosts.migrate("vm2"), { code: 0, stdout: "", stderr: "" });
      assertEquals(await last(), ["enforce", "veto", "allowed"]);
    });

    await t.step("upgraded: it goes on as before, with the new programs", async () => {
      const agents = await ssh(hosts, "a", "cat /run/agent.pid");
      await Deno.writeTextFile(`${home}/dist/premigrate.js`, "\n// newer\n", { append: true });
      const text = await install();
      assertEquals(text.match(/^changed .*$/gm)?.map((line) => line.split("/").at(-1)), [
        "premigrate.js",
        "manifest.json",
        "premigrate.js",
        "manifest.json",
      ]);
      assertEquals(text.match(/^restarted premigrate-agent: .*$/gm)?.length, 2);
      assertEquals(text.match(/^next: .*$/gm), [
        "next: premigrate doctor",
        "next: premigrate doctor",
      ]);
      assert(await ssh(hosts, "a", "cat /run/agent.pid") !== agents);
      await ssh(hosts, "a", "kill -0 $(cat /run/agent.pid)");
      const run = await hosts.migrate("vm3");
      assertEquals([run.code, await last()], [1, ["enforce", "veto", "refused"]]);
    });

    await t.step("uninstalled: nothing is left", async () => {
      for (const host of HOSTS) {
        const text = await ssh(hosts, host, "premigrate uninstall --purge");
        assertMatch(text, /^stopped and disabled premigrate-agent$/m);
        const [, line, names] = /^next: (.*), with the build: stamps are in (.*)$/m.exec(text) ??
          [];
        assertEquals(names?.split(", ").sort(), host === "a" ? ["vm3"] : ["vm1", "vm2"]);
        await ssh(hosts, host, line ?? "");
        assertEquals(await remains(hosts, host), before[host]);
      }
      assertEquals(await hosts.migrate("vm3"), { code: 0, stdout: "", stderr: "" });
      assertEquals((await hosts.sh("b", "pgrep -c qemu-system")).trim(), "3");
      assertEquals(pids.split("\n").length, 4);
    });
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
