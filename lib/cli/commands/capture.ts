import { Command, ValidationError } from "@cliffy/command";
import { BUILT_IN } from "../../../plugins/mod.ts";
import {
  captureHost,
  type CaptureRequest,
  captureSource,
  type HostAccess,
} from "../../facts/capture.ts";
import { type RomFile, romFilesOf } from "../../facts/rom_files.ts";
import type { HoldingGuest } from "../../facts/libvirt/devices_in_use.ts";
import { readGuest } from "../../facts/libvirt/guests.ts";
import { type Facts, writeFacts } from "../../facts/mod.ts";
import {
  deadline,
  hostAccess,
  parseAddress,
  parseAttributeOptions,
  realizeOptions,
} from "../options.ts";
import { print, Progress } from "../output.ts";
import { pathsBelow } from "../../config/paths.ts";
import { attributesOf } from "../../policy/attributes.ts";
import { writeText } from "../../facts/files.ts";

/** `capture`: a host's facts as a file. */
export const capture = new Command<{ json?: true }>()
  .description("Write the facts of a host: of all devices that might migrate, or of those named.")
  .arguments("[what...:string]", ["Devices (BDF or mdev UUID), or a guest whose devices they are."])
  .option("--uri <uri:string>", "Libvirt URI of the host (default: qemu:///system).")
  .option("--ssh <host:string>", "Run the probe there by ssh, where the URI is not +ssh.")
  .option("--sudo", "Run the probe by sudo -n: without root the kernel shows 64 bytes.")
  .option("--sysfs <dir:string>", "Where sysfs is on the host (default: /sys).")
  .option("--vfio-region", "Read idle devices of this host as QEMU will see them (VFIO).")
  .option("--allow-reset", "With --vfio-region: also open devices that opening resets.")
  .option(
    "--attribute <name:string>",
    "Read this sysfs attribute of each device too, as fw_rev or parent/fw_rev.",
    { collect: true },
  )
  .option("--output <file:file>", "Write there instead of to standard output.")
  .option("--timeout <seconds:integer>", "Deadline in seconds (default: 60).")
  .example("A device of this host", "sudo premigrate capture 0000:3b:00.4 --output hosta.json")
  .example(
    "A guest's devices on another host",
    "premigrate capture vm1 --uri qemu+ssh://hosta/system",
  )
  .action(async (options, ...what) => {
    const { uri = "qemu:///system", ssh, sudo, sysfs, output, timeout } = options;
    const realize = realizeOptions(options);
    const attributes = parseAttributeOptions(options.attribute ?? []);
    const signal = deadline(timeout);
    const access = hostAccess(uri, { ssh, sudo, sysfs });
    if (realize !== undefined && access.probe?.ssh !== undefined) {
      throw new ValidationError(
        "--vfio-region reads this host's devices: capture on the host itself",
      );
    }
    if (what.length === 0 && access.probe === undefined) {
      throw new ValidationError("Cannot find this host's devices without the probe: give --ssh");
    }
    if (attributes.length > 0 && access.probe === undefined) {
      throw new ValidationError("Cannot read attributes without the probe: give --ssh");
    }
    using progress = new Progress();
    progress.show("reading facts");
    const addresses = what.map(parseAddress);
    const named = addresses.filter((address) => address !== undefined);
    let devices: readonly string[] | "all" = what.length === 0 ? "all" : named;
    let [arch, emulator, uuid]: (string | undefined)[] = [];
    let romFiles: RomFile[] = [];
    let guests: HoldingGuest[] | undefined;
    if (named.length !== what.length) {
      const [guest, ...others] = what.filter((_text, index) => addresses[index] === undefined);
      if (guest === undefined || others.length > 0 || named.length > 0) {
        throw new ValidationError(
          `Wanted devices, or the name of one guest; found ${what.join(" ")}`,
        );
      }
      const { domain } = await readGuest(access.uri, guest, signal);
      ({ arch, emulator, uuid } = domain);
      romFiles = romFilesOf(domain, { running: true });
      devices = domain.hostDevices.flatMap((device) =>
        device.kind === "pci" || device.kind === "mdev" ? [device.source] : []
      );
      guests = uuid === undefined ? undefined : [{ uuid, devices }];
    }
    // Devices are the kernel's: they can be read where no libvirt runs.
    const withoutLibvirt = named.length === what.length;
    const request = {
      devices,
      attributes: attributesOf([...BUILT_IN, { attributes }]),
      romFiles,
      arch,
      emulator,
      inUse: true,
      networks: true,
      realize,
      running: { records: pathsBelow().realize, guests },
      withoutLibvirt,
    };
    const facts = uuid === undefined
      ? await captureHost(access, request, signal)
      : await captureGuest(access, request, uuid, signal);
    const absent = named.find((named) => !facts.devices.some(({ address }) => address === named));
    if (absent !== undefined) {
      throw new ValidationError(`Cannot capture ${absent}: the host has no such device`);
    }
    const text = writeFacts(facts);
    if (output === undefined) print(text);
    else await writeText(output, text);
  });

async function captureGuest(
  access: HostAccess,
  request: CaptureRequest,
  uuid: string,
  signal: AbortSignal,
): Promise<Facts> {
  const { facts, withQemuOf } = await captureSource(access, request, signal);
  return withQemuOf(facts, uuid);
}
