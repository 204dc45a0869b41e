import { assembleHost, type Beside } from "../assemble.ts";
import { withInUse } from "./devices_in_use.ts";
import type { NodeDevices } from "./guests.ts";
import type { NodeDevice } from "./nodedev.ts";
import type { CapturedDevice, Facts } from "../schema.ts";

const NO_PROBE = "the probe was not run on this host; give a way by ssh";

/** Makes facts of what libvirt alone knows: no config space, no BAR sizes, no driver versions. */
export function assembleNodeDevices({ devices }: NodeDevices, beside: Beside): Facts {
  const time = new Date().toISOString();
  return {
    premigrate: "facts/1",
    host: assembleHost({ host: { time, modules: {}, missing: { probe: NO_PROBE } } }, beside),
    devices: devices.map((device) => withInUse(assembleNodeDevice(device), beside.inUse)),
  };
}

function assembleNodeDevice(
  { address, driver, iommuGroup, numaNode, physicalFunction, mdev, ...ids }: NodeDevice,
): CapturedDevice {
  return {
    address,
    source: "nodedev",
    vendor: ids.vendor,
    device: ids.device,
    class: ids.class,
    driver: driver === undefined ? undefined : { name: driver },
    mdevType: mdev && { id: mdev.type },
    numaNode,
    iommuGroup: iommuGroup?.toString(),
    parent: physicalFunction ?? mdev?.parent,
    missing: { config: NO_PROBE, bars: NO_PROBE },
  };
}
