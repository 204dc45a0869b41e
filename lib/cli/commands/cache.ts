import { Command } from "@cliffy/command";
import { refreshHostCache } from "../../facts/emulator/host_cache.ts";
import { THIS_HOST } from "../../facts/libvirt/uri.ts";
import { countNetworks, refreshNetworks } from "../../facts/libvirt/networks.ts";
import { pathsBelow } from "../../config/paths.ts";
import { deadline, parseRoot } from "../options.ts";
import { print, printJson } from "../output.ts";

/** `cache`: what the hook knows of this host's QEMU and networks without asking libvirt. */
export const cache = new Command<{ json?: true }>()
  .hidden()
  .description(
    "Store for the hook what this host's libvirt and QEMU say about themselves, and which networks are\npools of host devices.",
  )
  .option("--arch <arch:string>", "A guest's architecture (default: the host's).")
  .option("--emulator <path:string>", "A QEMU: libvirt is not asked where only that has changed.")
  .option("--networks", "Ask only about libvirt's networks.")
  .option("--root <dir:file>", "Where premigrate is installed, if not at /.")
  .option("--timeout <seconds:integer>", "Deadline in seconds (default: 60).")
  .action(async ({ arch, emulator, networks: onlyNetworks, root, timeout, json }) => {
    const request = { arch, emulator };
    const paths = pathsBelow(parseRoot(root));
    const signal = deadline(timeout);
    const host = onlyNetworks === true
      ? undefined
      : await refreshHostCache(paths.cache, signal, request);
    // Libvirt may have no time for questions: where a QEMU was named it is asked for no more than that.
    const networks = emulator === undefined
      ? await refreshNetworks(paths.networks, THIS_HOST, signal)
      : undefined;
    if (json === true) return printJson({ ...host, networks });
    const said = [
      ...host === undefined
        ? []
        : [`libvirt ${host.libvirt ?? "unknown"}`, host.emulator ?? "no QEMU"],
      ...networks === undefined ? [] : [countNetworks(networks)],
    ];
    print(`${host?.name ?? "this host"}: ${said.join(", ")}\n`);
  });
