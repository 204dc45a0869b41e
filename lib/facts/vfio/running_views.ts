import type { HoldingGuest } from "../libvirt/devices_in_use.ts";
import type { ProbedGuest } from "../probe/report.ts";
import { kernelHas } from "../../policy/versions.ts";
import type { Facts } from "../schema.ts";
import type { VfioRefusal } from "./answer.ts";
import { isMadeUp } from "./realize_views.ts";
import { readRunningRegions, type RunningRegion } from "./region.ts";

// Before it the driver's own opening ran for each descriptor of a device (vfio_group_get_device_fd).
const KERNEL = "5.15";

/**
 * Reads what the QEMUs of this host's running guests hold of its devices, of those that their drivers
 * make up: of others sysfs tells.
 *
 * @param guests Who has them.
 * @param probed Which processes their QEMUs are.
 * @param read What reads them; tests put another one in its place.
 * @returns An answer for each such device.
 */
export async function readHeldBy(
  { host: { kernel = "" }, devices }: Facts,
  guests: readonly HoldingGuest[],
  probed: readonly ProbedGuest[],
  signal: AbortSignal,
  read: typeof readRunningRegions = readRunningRegions,
): Promise<ReadonlyMap<string, RunningRegion | VfioRefusal>> {
  const madeUp = new Set(devices.filter(isMadeUp).map(({ address }) => address));
  const found = new Map<string, RunningRegion | VfioRefusal>();
  for (const { uuid, devices } of guests) {
    const wanted = devices.filter((address) => madeUp.has(address));
    if (wanted.length === 0) continue;
    const pid = probed.find((guest) => guest.uuid === uuid)?.pid;
    const isTooOld = kernelHas(kernel, KERNEL) === false;
    if (pid !== undefined && !isTooOld) {
      const answers = await read({ pid, uuid, devices: wanted }, signal);
      for (const [address, answer] of answers) found.set(address, answer);
      continue;
    }
    const reason = isTooOld
      ? `a guest has it, and Linux ${kernel} lets nobody else look: wanted ${KERNEL} or later`
      : `a guest has it, and which process is the QEMU of ${uuid} is not known`;
    for (const address of wanted) found.set(address, { result: "unsupported", reason });
  }
  return found;
}
