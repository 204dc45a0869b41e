import { Command, ValidationError } from "@cliffy/command";
import { parseQemuVersion } from "../../policy/mod.ts";
import { readText } from "../../facts/files.ts";
import {
  deadline,
  FAIL_ON_WARN_OPTION,
  FORMAT_OPTION,
  formatType,
  hostAccess,
  outputOf,
  realizeOptions,
} from "../options.ts";
import { CONFIG_OPTION, loadRules, PLUGIN_OPTION, POLICIES_OPTION } from "../policies.ts";
import { checkFiles } from "./check_files.ts";
import { checkLive } from "./check_live.ts";

/** `check`: a whole guest, live or from facts files. */
export const check = new Command<{ json?: true }>()
  .description(
    "Judge the migration of a running guest between two libvirt hosts, or one from facts files.",
  )
  .type("format", formatType)
  .arguments("[guest:string]", ["Name or UUID of a guest that runs on --from."])
  .group("A running guest")
  .option("--from <uri:string>", "Libvirt URI of the source host, as qemu+ssh://hosta/system.")
  .option("--to <uri:string>", "Libvirt URI of the destination host; several are compared.", {
    collect: true,
  })
  .option("--all", "Judge every guest that runs on --from.")
  .option("--from-ssh <host:string>", "Run the probe there by ssh, where the URI is not +ssh.")
  .option("--to-ssh <host:string>", "The same for --to, in its order.", { collect: true })
  .option("--sudo", "Run the probe by sudo -n: without root the kernel shows 64 bytes.")
  .option("--sysfs <dir:string>", "Where sysfs is on the hosts (default: /sys).")
  .option("--vfio-region", "Read idle devices of this host as QEMU will see them (VFIO).")
  .option("--allow-reset", "With --vfio-region: also open devices that opening resets.")
  .option("--timeout <seconds:integer>", "Deadline for all hosts in seconds (default: 60).")
  .group("The devices that a running guest gets")
  .option("--map <pair:string>", "Give the guest another destination device: SRC=DST.", {
    collect: true,
  })
  .option(
    "--xml <file:file>",
    "Take the destination's devices from the XML for virsh migrate --xml.",
  )
  .option("--choose", "Choose free devices of the destination that all policies allow.")
  .option(
    "--write-xml <file:file>",
    "On allow, write the XML for virsh migrate --xml (read-write; may hold secrets).",
  )
  .group("A guest from files")
  .option("--source <facts:file>", "Facts of the source host (JSON), instead of --from.")
  .option("--destination <facts:file>", "Facts of the destination host (JSON), instead of --to.")
  .option("--domain <xml:file>", "The guest's domain XML. Without it, all devices of the source.")
  .group("The migration")
  .option("--qemu <version:string>", "QEMU version of both hosts, in place of the facts'.")
  .option("--machine <type:string>", "Machine type, in place of the domain XML's.")
  .option("--postcopy", "The migration may go over to post-copy (virsh migrate --postcopy).")
  .group("The verdict")
  .option(...CONFIG_OPTION)
  .option(...POLICIES_OPTION)
  .option(...PLUGIN_OPTION)
  .option(...FORMAT_OPTION)
  .option(...FAIL_ON_WARN_OPTION)
  .example(
    "An NVIDIA vGPU, hosts with different drivers",
    "premigrate check --source examples/source.json --destination examples/destination.json --domain examples/domain.xml",
  )
  .example(
    "A running guest",
    "premigrate check vm1 --from qemu+ssh://hosta/system --to qemu+ssh://hostb/system",
  )
  .action(async (options, guest) => {
    const { from, to, source, destination, machine } = options;
    const qemu = options.qemu === undefined ? undefined : parseQemuVersion(options.qemu);
    const output = outputOf(options);
    const postCopy = options.postcopy === true;
    if (from !== undefined || to !== undefined) {
      if (from === undefined || to === undefined) {
        throw new ValidationError("Missing --from and --to: a live check needs both");
      }
      refuse(options, FILES, (name) => `Cannot use --${name} with --from and --to`);
      const { all = false, map = [], xml, choose = false, writeXml } = options;
      const { sudo, sysfs, fromSsh, toSsh = [] } = options;
      const isOne = guest !== undefined && to.length === 1;
      const isTold = map.length > 0 || xml !== undefined;
      const wrong: readonly (readonly [boolean, string])[] = [
        [(guest === undefined) !== all, "Wanted the name of a guest, or --all"],
        [
          !isOne && (isTold || writeXml !== undefined),
          "--map, --xml and --write-xml are for one guest and one --to",
        ],
        [
          choose && guest === undefined,
          "--choose is for one guest: several would be given one device",
        ],
        [choose && isTold, "--choose is instead of --map and --xml"],
        [toSsh.length > to.length, "Found more --to-ssh than --to"],
      ];
      const message = wrong.find(([isWrong]) => isWrong)?.[1];
      if (message !== undefined) throw new ValidationError(message);
      return await checkLive({
        ...{ machine, qemu, postCopy, guest, map, choose },
        from: hostAccess(from, { ssh: fromSsh, sudo, sysfs }),
        to: to.map((uri, index) => hostAccess(uri, { ssh: toSsh[index], sudo, sysfs })),
        realize: realizeOptions(options),
        xml: xml === undefined ? undefined : await readText(xml),
        rules: await loadRules(options),
        signal: deadline(options.timeout),
      }, { output, writeXml });
    }
    if (source === undefined || destination === undefined) {
      throw new ValidationError("Missing --from and --to, or --source and --destination");
    }
    if (guest !== undefined) {
      throw new ValidationError(`Cannot find guest "${guest}" without --from and --to`);
    }
    refuse(options, LIVE, () => "Options of a live check need --from and --to");
    await checkFiles({ ...options, machine, qemu, output, postCopy, source, destination });
  });

/** The options that are for files alone, and those for a running guest alone. */
const FILES = ["source", "destination", "domain"] as const;
const LIVE = [
  "fromSsh",
  "toSsh",
  "all",
  "sudo",
  "sysfs",
  "map",
  "xml",
  "choose",
  "writeXml",
  "vfioRegion",
  "allowReset",
  "timeout",
] as const;

function refuse<Name extends string>(
  options: { readonly [key in Name]?: unknown },
  names: readonly Name[],
  message: (name: Name) => string,
): void {
  const found = names.find((name) => options[name] !== undefined);
  if (found !== undefined) throw new ValidationError(message(found));
}
