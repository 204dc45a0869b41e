import { PremigrateError } from "../error/mod.ts";
import { oneLine } from "../facts/one_line.ts";
import type { HostIo } from "./host_io.ts";

const UNIT = "premigrate-agent";

/** What systemd says of the agent: `active` or `inactive`, say; `undefined` where there is no systemd. */
export async function agentState(host: HostIo): Promise<string | undefined> {
  const { stdout } = await host.run("systemctl", ["is-active", UNIT]);
  return stdout.trim() || undefined;
}

/**
 * After its files were replaced: an agent that runs goes on as what is installed now.
 *
 * @returns What was done; nothing where it does not run.
 * @throws {PremigrateError} When it cannot be restarted.
 */
export async function renewAgent(host: HostIo): Promise<string | undefined> {
  if (await agentState(host) !== "active") return undefined;
  await host.run("systemctl", ["daemon-reload"]);
  await change(host, ["restart", UNIT], "restart");
  return `restarted ${UNIT}: it ran what was installed before`;
}

/**
 * Before its files go.
 *
 * @returns What was done; nothing where it did not run.
 * @throws {PremigrateError} When it cannot be stopped.
 */
export async function endAgent(host: HostIo): Promise<string | undefined> {
  const state = await agentState(host);
  // Whether or not systemd runs: in an image it removes the links.
  const disable = ["disable", "--now", UNIT];
  if (state !== "active") return void await host.run("systemctl", disable);
  await change(host, disable, "stop");
  return `stopped and disabled ${UNIT}`;
}

async function change(host: HostIo, args: readonly string[], what: string): Promise<void> {
  const { kind, code, stderr } = await host.run("systemctl", args);
  if (kind === "ended" && code === 0) return;
  const problem = oneLine(stderr) || `systemctl ${kind} with ${code}`;
  throw new PremigrateError("agent", `Cannot ${what} ${UNIT}`, problem);
}
