import { PremigrateError } from "../../error/mod.ts";
import { oneLine } from "../one_line.ts";
import { parseFacts } from "../parse.ts";
import { type ProbeTarget, sshCommand } from "../probe/run_probe.ts";
import { runProgram } from "../run_program.ts";
import type { CapturedDevice, Facts } from "../schema.ts";
import { isMadeUp } from "./realize_views.ts";

// Hundreds of devices of 4096 bytes.
const LONGEST_FACTS = 16 * 1024 * 1024;
const NOT_FOUND = 127;

/**
 * Has the premigrate that is installed on another host read its devices that drivers make up: those
 * that running guests hold, and what it kept of their kinds. Where it cannot, the devices say why.
 *
 * @param run What runs ssh; tests put another one in its place.
 */
export async function addRemoteViews(
  facts: Facts,
  { ssh, sudo }: ProbeTarget,
  signal: AbortSignal,
  run: typeof runProgram = runProgram,
): Promise<Facts> {
  const wanted = facts.devices.filter(isMadeUp).map(({ address }) => address);
  if (ssh === undefined || wanted.length === 0) return facts;
  const [program, ...args] = sshCommand(ssh, sudo, ["premigrate", "capture", ...wanted]);
  const end = await run(program, args, { limit: LONGEST_FACTS, signal });
  const read = end.kind === "ended" && end.code === 0
    ? parse(end.stdout)
    : end.kind === "aborted"
    ? "it did not answer before the deadline"
    : end.code === NOT_FOUND
    ? "it is not installed there"
    : oneLine(end.stderr) || "it says nothing";
  return {
    ...facts,
    devices: facts.devices.map((device) => isMadeUp(device) ? withView(device, read) : device),
  };
}

function parse(text: string): Facts | string {
  try {
    return parseFacts(text);
  } catch (error) {
    if (error instanceof PremigrateError) return oneLine(error.message);
    throw error;
  }
}

function withView(device: CapturedDevice, read: Facts | string): CapturedDevice {
  const there = typeof read === "string"
    ? undefined
    : read.devices.find(({ address }) => address === device.address);
  const why = typeof read === "string"
    ? `premigrate on the host: ${read}`
    : there === undefined
    ? "premigrate on the host does not know it"
    : there.missing?.["realizeView"];
  const missing = why === undefined ? device.missing : { ...device.missing, realizeView: why };
  if (there?.config === undefined || there.config.source !== "vfio-region") {
    return { ...device, missing };
  }
  const { config, bars, romSize } = there;
  return { ...device, config, bars, romSize, missing };
}
