import { Command } from "@cliffy/command";
import { refreshHostCache } from "../../facts/host_cache.ts";
import { pathsBelow } from "../../hook/paths.ts";
import { deadline } from "../hosts.ts";
import { print, printJson } from "../io.ts";

/** `cache`: what the hook knows of this host's QEMU without asking it. */
export const cache = new Command<{ json?: true }>()
  .description("Keep what this host's libvirt and QEMU say of themselves, for the hook.")
  .option("--arch <arch:string>", "A guest's architecture (default: the host's).")
  .option("--emulator <path:string>", "A QEMU: libvirt is not asked where only that has changed.")
  .option("--root <dir:string>", "Where premigrate is installed, if not at /.")
  .option("--timeout <seconds:integer>", "Deadline in seconds (default: 60).")
  .action(async ({ arch, emulator, root, timeout, json }) => {
    const request = { arch, emulator };
    const host = await refreshHostCache(pathsBelow(root).cache, deadline(timeout), request);
    if (json === true) return printJson(host);
    const qemu = host.emulator ?? "no QEMU";
    print(`${host.name ?? "this host"}: libvirt ${host.libvirt ?? "unknown"}, ${qemu}\n`);
  });
