import { ValidationError } from "@cliffy/command";
import type { HostAccess } from "../facts/capture.ts";
import { type LibvirtUri, parseLibvirtUri } from "../facts/libvirt/uri.ts";
import type { ProbeTarget } from "../facts/probe/run_probe.ts";
import type { RealizeOptions } from "../facts/vfio/realize_views.ts";
import { parseSshTarget } from "../facts/probe/ssh_target.ts";
import { pathsBelow } from "../config/paths.ts";

/** What options say of a host. */
export interface HostOptions {
  readonly ssh?: string | undefined;
  readonly sudo?: boolean | undefined;
  readonly sysfs?: string | undefined;
}

/** What options say of reading realize views; `undefined`: not to. */
export function realizeOptions(
  { vfioRegion, allowReset = false }: {
    readonly vfioRegion?: boolean | undefined;
    readonly allowReset?: boolean | undefined;
  },
): RealizeOptions | undefined {
  if (vfioRegion === true) return { allowReset, records: pathsBelow().realize };
  if (allowReset) throw new ValidationError("--allow-reset is for --vfio-region");
  return undefined;
}

// Longer than any answer takes, shorter than what a timer can hold (2^31 ms).
const LONGEST_TIMEOUT = 24 * 60 * 60;

/** The signal of `--timeout`, in seconds. */
export function deadline(seconds = 60): AbortSignal {
  if (seconds < 0 || seconds > LONGEST_TIMEOUT) {
    throw new ValidationError(
      `Cannot use --timeout ${seconds}: wanted 0 to ${LONGEST_TIMEOUT} seconds`,
    );
  }
  return AbortSignal.timeout(seconds * 1000);
}

/** A host whose libvirt is known. */
export interface LibvirtAccess extends HostAccess {
  readonly uri: LibvirtUri;
}

/** How a host is reached: libvirt by its URI, the probe here, by the URI's ssh, or as told. */
export function hostAccess(uriText: string, { ssh, sudo, sysfs }: HostOptions): LibvirtAccess {
  const uri = parseLibvirtUri(uriText);
  const { emulators } = pathsBelow();
  return { uri, probe: probeTarget(uri, ssh, sudo), sysfs, emulators };
}

function probeTarget(
  uri: LibvirtUri,
  ssh: string | undefined,
  sudo: boolean | undefined,
): ProbeTarget | undefined {
  const target = ssh === undefined ? uri.ssh : parseSshTarget(ssh);
  if (ssh !== undefined && target === undefined) {
    throw new ValidationError(`Cannot read the ssh target "${ssh}": wanted [user@]host[:port]`);
  }
  if (target !== undefined) return { ssh: target, sudo };
  return uri.isLocal ? { sudo } : undefined;
}
