import { parseDomain } from "../../domain/mod.ts";
import { captureHost } from "../capture.ts";
import { addRealizeViews, type RealizeReaders, VGPU_PARAMETERS } from "./realize_views.ts";
import type { CapturedDevice } from "../schema.ts";
import { STAMP_NAMESPACE } from "../stamp/stamp.ts";
import { unlessGone } from "../store.ts";
import { recordStart, type StartedDevice } from "./start_records.ts";

/** Where is kept what is read before a start. */
export interface StartFolders {
  /** What was read, by the guest. */
  readonly started: string;
  /** What was read, by the kind of device. */
  readonly realize: string;
}

/** What tests put in the place of this host's. */
export interface StartReaders {
  /** Where sysfs is. */
  readonly sysfs?: string | undefined;
  /** What opens devices. */
  readonly readers?: RealizeReaders | undefined;
}

/**
 * Keeps what QEMU is about to see of the devices of a guest that is being started on this host; of a
 * device that cannot be opened, nothing. Where nothing was read, what was kept of the guest's last
 * start goes. libvirt is not asked: while it waits for its hook it holds the guest's lock.
 *
 * A guest whose XML has a stamp arrives from another host, or from a file: QEMU will put the
 * device's state there over what is read here, so that nothing is.
 *
 * @param xml The guest's XML as libvirt hands it over at `start begin`.
 * @returns Why it could not be kept; `undefined` when it was, or when there was nothing to keep.
 * @throws {DomainXmlError} When it is no domain XML.
 * @throws {ProbeRunError} When the devices cannot be looked at.
 */
export async function recordGuestStart(
  xml: string,
  { started, realize }: StartFolders,
  signal: AbortSignal,
  here: StartReaders = {},
): Promise<string | undefined> {
  const { uuid, hostDevices, metadataElements } = parseDomain(xml);
  if (uuid === undefined) return "the guest has no UUID";
  const arrives = metadataElements.some(({ namespace, name }) =>
    namespace === STAMP_NAMESPACE && name === "stamp"
  );
  const sources = hostDevices.flatMap((device) =>
    device.kind === "pci" || device.kind === "mdev" ? [device.source] : []
  );
  const time = new Date().toISOString();
  let bootId: string | undefined;
  let devices: StartedDevice[] = [];
  try {
    if (arrives || sources.length === 0) return undefined;
    const facts = await captureHost(
      { probe: {}, sysfs: here.sysfs },
      { devices: sources, attributes: [VGPU_PARAMETERS] },
      signal,
    );
    bootId = facts.host.bootId;
    // QEMU resets them in a moment, as everybody who opens them does.
    const options = { allowReset: true, beforeStart: true, records: realize };
    const views = await addRealizeViews(facts, options, signal, here.readers);
    devices = views.devices.flatMap(startedDevice);
  } finally {
    if (bootId === undefined || devices.length === 0) {
      unlessGone(() => Deno.removeSync(`${started}/${uuid}.json`));
    }
  }
  if (devices.length === 0) return undefined;
  if (bootId === undefined) return "this host's boot id is not known";
  return recordStart(started, { guest: uuid, time, bootId, devices });
}

function startedDevice({ address, config, bars, romSize }: CapturedDevice): StartedDevice[] {
  const wasRead = config?.kind === "realize" && config.source === "vfio-region" && !config.derived;
  if (!wasRead || bars === undefined || romSize === undefined) return [];
  return [{ address, config: { kind: "realize", bytes: config.bytes }, bars, romSize }];
}
