import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import type { ProgramEnd } from "../../../lib/facts/run_program.ts";
import { endAgent, renewAgent } from "../../../lib/install/agent_unit.ts";
import { HOST_IO, type HostIo } from "../../../lib/install/host_io.ts";
import { makeReady } from "../../../lib/install/host_steps.ts";
import type { Installed } from "../../../lib/install/install.ts";

const ABSENT: ProgramEnd = { kind: "not-started", code: 0, stdout: "", stderr: "not there" };
const said = (stdout: string, code = 0, stderr = ""): ProgramEnd => ({
  kind: "ended",
  code,
  stdout,
  stderr,
});

/** A host whose systemctl answers so, anything else with success, and what was asked of it. */
function hostWith(answers: Readonly<Record<string, ProgramEnd>> | undefined): {
  readonly host: HostIo;
  readonly asked: string[];
} {
  const asked: string[] = [];
  return {
    asked,
    host: {
      ...HOST_IO,
      run(program, args): Promise<ProgramEnd> {
        if (program !== "systemctl" || answers === undefined) return Promise.resolve(ABSENT);
        asked.push(args.join(" "));
        return Promise.resolve(answers[args[0] ?? ""] ?? said(""));
      },
      read: () => Promise.resolve(undefined),
      stat: () => Promise.resolve(undefined),
      list: () => Promise.resolve([]),
      fillCache: () => Promise.resolve(""),
    },
  };
}

const ACTIVE = { "is-active": said("active\n") };
const INACTIVE = { "is-active": said("inactive\n", 3) };
const BROKEN = said("", 1, "Job for premigrate-agent.service failed.\n");
const ASK = "is-active premigrate-agent";

Deno.test("an agent that runs is restarted as what is installed now, and no other is started", async () => {
  const running = hostWith(ACTIVE);
  assertEquals(
    await renewAgent(running.host),
    "restarted premigrate-agent: it ran what was installed before",
  );
  assertEquals(running.asked, [ASK, "daemon-reload", "restart premigrate-agent"]);
  for (const answers of [INACTIVE, { "is-active": said("failed\n", 3) }, undefined]) {
    const { host, asked } = hostWith(answers);
    assertEquals(await renewAgent(host), undefined);
    assertEquals(asked.filter((line) => line !== ASK), []);
  }
});

Deno.test("before its files go the agent is stopped and disabled, or nothing is removed", async () => {
  const running = hostWith(ACTIVE);
  assertEquals(await endAgent(running.host), "stopped and disabled premigrate-agent");
  assertEquals(running.asked, [ASK, "disable --now premigrate-agent"]);
  const idle = hostWith(INACTIVE);
  assertEquals(await endAgent(idle.host), undefined);
  assertEquals(idle.asked, [ASK, "disable --now premigrate-agent"]);
  assertEquals(await endAgent(hostWith(undefined).host), undefined);
  const broken = hostWith({ ...ACTIVE, disable: BROKEN });
  const error = await assertRejects(() => endAgent(broken.host), PremigrateError);
  assertEquals(
    error.message,
    "Cannot stop premigrate-agent: Job for premigrate-agent.service failed.",
  );
});

const INSTALLED: Installed = {
  changes: [{ path: "/usr/lib/premigrate/hook.js", what: "changed" }],
  warnings: [],
  isFirst: false,
  mode: "enforce",
};

Deno.test("an installation says that it restarted the agent, or that it could not", async () => {
  const upgraded = await makeReady(hostWith(ACTIVE).host, INSTALLED);
  assertEquals(upgraded.done, ["restarted premigrate-agent: it ran what was installed before"]);
  assertEquals(upgraded.next, ["premigrate doctor"]);

  const repaired = hostWith(ACTIVE);
  const changes = [{ path: "/usr/lib/premigrate/hook.js", what: "unchanged" }] as const;
  assertEquals((await makeReady(repaired.host, { ...INSTALLED, changes })).done, []);
  assertEquals(repaired.asked, [ASK]);

  const broken = await makeReady(hostWith({ ...ACTIVE, restart: BROKEN }).host, INSTALLED);
  assertEquals(broken.done, []);
  assertStringIncludes(broken.warnings.join("\n"), "Cannot restart premigrate-agent: Job for");
});

Deno.test("a first installation says how to go on: reload, agent, doctor, enforce", async () => {
  const first = { ...INSTALLED, isFirst: true, mode: "observe" } as const;
  const { next } = await makeReady(hostWith(INACTIVE).host, first);
  assertEquals(next.map((line) => line.split(/[:,]/)[0]), [
    "systemctl reload virtqemud (or libvirtd)",
    "systemctl enable --now premigrate-agent",
    "premigrate doctor",
    "mode",
  ]);
});
