/** The agent on a living host: what makes it work, what it outlives, and how it ends. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import * as v from "valibot";
import { ConfigSchema, writeApplied } from "../../lib/config/config.ts";
import { parseExposition } from "../helpers/exposition.ts";
import type { Finished } from "../helpers/run_program.ts";
import { type Hosts, testOnHosts } from "./hosts.ts";

const FIRST = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2a01";
const SECOND = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2a02";
const URI = "urn:premigrate:stamp";

/** An agent that runs on host a, with its files in a folder of its own. */
class Agent {
  readonly #hosts: Hosts;
  readonly #root: string;

  constructor(hosts: Hosts, root: string) {
    this.#hosts = hosts;
    this.#root = root;
  }

  sh(script: string, ...args: string[]): Promise<Finished> {
    return this.#hosts.run("a", ["sh", "-c", script, "sh", ...args]);
  }

  /** Runs the command line on the host; `env` goes before it. */
  premigrate(args: readonly string[], env: readonly string[] = []): Promise<Finished> {
    return this.#hosts.run("a", [...env, ...this.#command(args)]);
  }

  /** Starts the agent, in the background. */
  async start(): Promise<void> {
    const script = '"$@" > /run/agent.log 2>&1 & pid=$!; echo $pid > /run/agent.pid; ' +
      "wait $pid; echo $? > /run/agent.code";
    const inBackground = 'sh -c "$0" "$@" > /dev/null 2>&1 &';
    const command = this.#command(["agent", "--root", this.#root]);
    await this.#hosts.run("a", ["sh", "-c", inBackground, script, "sh", ...command]);
    await this.until("one round is done", `[ -e "${this.#root}/var/cache/premigrate/host.json" ]`);
  }

  log(): Promise<string> {
    return this.sh("cat /run/agent.log").then(({ stdout }) => stdout);
  }

  /** Waits for half a minute at most. */
  async until(what: string, condition: string, ...args: string[]): Promise<void> {
    const script = `until ${condition}; do sleep 0.1; done`;
    const { code } = await this.#hosts.run("a", ["timeout", "30", "sh", "-c", script, ...args]);
    assertEquals(code, 0, `wanted that ${what}; the log is:\n${await this.log()}`);
  }

  #command(args: readonly string[]): string[] {
    const options = ["--quiet", "--no-prompt", "--allow-read", "--allow-write", "--allow-run"];
    return [Deno.execPath(), "run", ...options, "lib/cli/main.ts", ...args];
  }
}

function guestXml(name: string, uuid: string): string {
  return `<domain type="qemu">
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  <memory unit="MiB">64</memory>
  <os><type arch="x86_64" machine="pc-q35-7.2">hvm</type></os>
  <cpu mode="custom" match="exact" check="none"><model fallback="forbid">qemu64</model></cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type="usb" model="none"/>
  </devices>
</domain>
`;
}

testOnHosts("the agent follows the guests of a host", async (hosts, t) => {
  const root = await Deno.makeTempDir();
  const agent = new Agent(hosts, root);
  const define = async (xml: string): Promise<void> => {
    const { code, stderr } = await hosts.run("a", ["virsh", "define", "/dev/stdin"], {
      stdin: xml,
    });
    assertEquals(code, 0, stderr);
  };
  /** Marks a guest that is shut off, starts it, and waits until its mark is gone. */
  const markAndStart = async (uuid: string): Promise<void> => {
    const marked = await agent.premigrate(["stamp", "--offline", uuid]);
    assertEquals(marked.code, 0, marked.stderr);
    const { stdout } = await agent.sh('virsh metadata "$1" --config --uri "$2"', uuid, URI);
    assertStringIncludes(stdout, "offline");
    const started = await agent.sh('virsh start "$1"', uuid);
    assertEquals(started.code, 0, started.stderr);
    const isGone = '! virsh metadata "$0" --config --uri "$1" > /dev/null 2>&1';
    await agent.until("the mark is gone", isGone, uuid, URI);
  };

  try {
    await t.step("a round at its start keeps what this host's QEMU said", () => agent.start());

    await t.step("a guest that starts loses its mark, whatever its name is", async () => {
      await define(guestXml("$(reboot)&apos;: &quot;x&quot; &gt;a", FIRST));
      await markAndStart(FIRST);
      await agent.until("it is told", "grep -q 'agent: removed' /run/agent.log");
      const name = `$(reboot)': "x" >a`;
      // The live XML has the mark of the persistent one.
      assertEquals(
        await agent.log(),
        `agent: removed the metadata of ${name}, which has no devices\n` +
          `agent: removed the mark of ${name}, which runs\n`,
      );
    });

    await t.step("what it does makes no further round", async () => {
      const file = `${root}/var/cache/premigrate/host.json`;
      // The round above ends, and then some.
      await agent.sh("sleep 3");
      const { ino } = await Deno.stat(file);
      const script = 'virsh metadata "$1" --live --uri "$2" --key premigrate --set "<x/>"; sleep 4';
      assertEquals((await agent.sh(script, FIRST, URI)).code, 0);
      assertEquals((await Deno.stat(file)).ino, ino);
    });

    await t.step("a restart of libvirt's daemon is outlived", async () => {
      await agent.sh("kill $(pgrep -x libvirtd); until ! pgrep -x libvirtd; do sleep 0.1; done");
      await agent.until("the end is noticed", "grep -q 'watching for events again' /run/agent.log");
      await agent.sh("libvirtd --listen < /dev/null > /dev/null 2>&1 &");
      await agent.until("libvirtd is back", "virsh version > /dev/null 2>&1");
      await agent.until("events are watched", "pgrep -x virsh > /dev/null");
      await define(guestXml("vm2", SECOND));
      await markAndStart(SECOND);
      await agent.until("it is told", "grep -q 'removed the mark of vm2' /run/agent.log");
    });

    const end = "kill $(cat /run/agent.pid); timeout 2 sh -c " +
      "'until [ -s /run/agent.code ]; do sleep 0.05; done'; cat /run/agent.code; pgrep -x virsh";

    await t.step("SIGTERM ends it at once, with virsh", async () => {
      assertEquals((await agent.sh(end)).stdout, "0\n");
      assertMatch(await agent.log(), /^(agent: [^\n]+\n)+$/);
    });

    await t.step("SIGTERM ends it while libvirt does not answer", async () => {
      await agent.sh("rm /run/agent.code; kill -STOP $(pgrep -x libvirtd)");
      await agent.start();
      await agent.until("it asks", "[ $(pgrep -x -c virsh) = 2 ]");
      assertEquals((await agent.sh(end)).stdout, "0\n");
      assertEquals(await agent.log(), "");
      await agent.sh("kill -CONT $(pgrep -x libvirtd)");
    });

    await t.step("--once is one round", async () => {
      assertEquals(await agent.premigrate(["agent", "--once", "--root", root]), {
        code: 0,
        stdout: "",
        stderr: "",
      });
    });

    await t.step("metrics of this host, where the configuration names a folder", async () => {
      const config = v.parse(ConfigSchema, { agent: { metrics: "/collector" } });
      await Deno.mkdir(`${root}/etc/premigrate`, { recursive: true });
      await Deno.mkdir(`${root}/collector`);
      await Deno.writeTextFile(
        `${root}/etc/premigrate/applied.conf`,
        writeApplied({ deno: Deno.execPath(), config }),
      );
      const before = Date.now() / 1000;
      const { code, stderr } = await agent.premigrate(["agent", "--once", "--root", root]);
      assertEquals([code, stderr], [0, ""]);
      const file = `${root}/collector/premigrate.prom`;
      const metrics = parseExposition(await Deno.readTextFile(file));
      const [info] = metrics.get("premigrate_host_info")?.samples ?? [];
      const { stdout: kernel } = await agent.sh("uname -r");
      assertEquals(info?.labels["kernel"], kernel.trim());
      assertMatch(info?.labels["qemu"] ?? "", /^\d+\.\d+/);
      assertMatch(info?.labels["libvirt"] ?? "", /^\d+\.\d+/);
      for (const name of ["facts", "agent_last_success"]) {
        const [sample] = metrics.get(`premigrate_${name}_timestamp_seconds`)?.samples ?? [];
        assert(Math.abs((sample?.value ?? 0) - before) < 60, name);
      }
      // The guests here have no devices.
      assertEquals(metrics.has("premigrate_stamp_timestamp_seconds"), false);
    });

    await t.step("without virsh it is of no use", async () => {
      const args = ["agent", "--root", root];
      const { code, stdout, stderr } = await agent.premigrate(args, ["env", "PATH=/nowhere"]);
      assertEquals([code, stdout], [1, ""]);
      assertMatch(stderr, /^premigrate: Cannot ask libvirt on localhost: [^\n]+\n$/);
    });

    await t.step("--once without libvirt says so in a line", async () => {
      await agent.sh("kill $(pgrep -x libvirtd); until ! pgrep -x libvirtd; do sleep 0.1; done");
      const { code, stdout, stderr } = await agent.premigrate(["agent", "--once", "--root", root]);
      assertEquals([code, stdout], [2, ""]);
      assertMatch(stderr, /^agent: Stamping guests: Cannot ask libvirt on localhost: [^\n]+\n$/);
    });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
