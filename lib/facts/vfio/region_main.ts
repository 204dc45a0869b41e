/**
 * VFIO's reader: reads config regions and prints them. A process of its own, since it needs the C
 * library and nothing else:
 *
 *     deno run --no-prompt --allow-ffi region_main.ts ADDRESS GROUP [--allow-reset]
 *     deno run --no-prompt --allow-ffi region_main.ts --running PID GUEST ADDRESS...
 *
 * ADDRESS is `0000:3b:00.4` or an mdev's UUID. GROUP is the number of its IOMMU group
 * (`/dev/vfio/12`): the device is opened, and the answer is one JSON object. With `--running` none is
 * opened: the devices are those that the QEMU of the guest, whose UUID is GUEST, holds, and the answer
 * is an object with one for each ADDRESS. Answers are on stdout, whatever they are, and the exit code
 * is 0; 2 for wrong arguments.
 *
 * @module
 */
import type { VfioAnswer } from "./answer.ts";
import { readIdleDevice } from "./idle_device.ts";
import { readHeldDevices } from "./held_devices.ts";

const ADDRESS =
  /^([0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
const USAGE = "Usage: ADDRESS GROUP [--allow-reset] | --running PID GUEST ADDRESS...\n";

function answer(args: readonly string[]): VfioAnswer | Record<string, VfioAnswer> | undefined {
  const [address = "", group = "", option, ...rest] = args;
  if (address === "--running") {
    const [, pid = "", guest = "", ...addresses] = args;
    const isGood = /^[1-9][0-9]{0,9}$/.test(pid) && /^[0-9a-f-]{36}$/.test(guest) &&
      addresses.length > 0 && addresses.every((address) => ADDRESS.test(address));
    return isGood ? readHeldDevices(Number(pid), guest, addresses) : undefined;
  }
  const isGood = ADDRESS.test(address) && /^[0-9]{1,9}$/.test(group) &&
    (option === undefined || option === "--allow-reset") && rest.length === 0;
  return isGood ? readIdleDevice(address, group, option !== undefined) : undefined;
}

const answered = answer(Deno.args);
if (answered === undefined) {
  Deno.stderr.writeSync(new TextEncoder().encode(USAGE));
  Deno.exit(2);
}
let left = new TextEncoder().encode(`${JSON.stringify(answered)}\n`);
while (left.length > 0) left = left.subarray(Deno.stdout.writeSync(left));
