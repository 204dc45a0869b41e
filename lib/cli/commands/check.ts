import { Command, ValidationError } from "@cliffy/command";
import { parseDomain } from "../../domain/mod.ts";
import type { HostAccess } from "../../facts/capture.ts";
import { parseFacts } from "../../facts/mod.ts";
import { judge, parseQemuVersion } from "../../policy/mod.ts";
import { showAnswer } from "../answer.ts";
import { formatOf, formatType } from "../format.ts";
import { deadline, hostAccess, realizeOptions } from "../hosts.ts";
import { readText, writeText } from "../../facts/files.ts";
import { printError } from "../print.ts";
import { judgeLive } from "../live.ts";
import { PLUGIN_OPTION } from "../plugins.ts";
import { loadAll, POLICIES_OPTION } from "../policies.ts";
import { showLiveAnswers } from "../live_answer.ts";
import { transferXml } from "../transfer_xml.ts";

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
  .option("--monitor", "Read what the guest sees, by its monitor: read-write, taints the guest.")
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
  .option(...POLICIES_OPTION)
  .option(...PLUGIN_OPTION)
  .option("--format <format:format>", "How to write the verdict (default: text).")
  .example(
    "An NVIDIA vGPU, hosts with different drivers",
    "premigrate check --source examples/source.json --destination examples/destination.json --domain examples/domain.xml",
  )
  .example(
    "A running guest",
    "premigrate check vm1 --from qemu+ssh://hosta/system --to qemu+ssh://hostb/system",
  )
  .action(async (options, guest) => {
    const qemu = options.qemu === undefined ? undefined : parseQemuVersion(options.qemu);
    const { machine } = options;
    const format = formatOf(options);
    const postCopy = options.postcopy === true;
    if (options.from === undefined && options.to === undefined) {
      const { source, destination, domain } = options;
      if (source === undefined || destination === undefined) {
        throw new ValidationError("Missing --from and --to, or --source and --destination");
      }
      refuseLiveOptions(options, guest);
      if ([source, destination, domain].filter((path) => path === "-").length > 1) {
        throw new ValidationError('Cannot read standard input ("-") twice');
      }
      const from = parseFacts(await readText(source));
      const to = parseFacts(await readText(destination));
      const xml = domain === undefined ? undefined : await readText(domain);
      const all = await loadAll(options);
      const question = {
        source: from,
        destination: to,
        guest: xml === undefined ? undefined : parseDomain(xml, to.host.networks),
        machine,
        qemu,
        postCopy,
      };
      showAnswer(await all.judge((registry) => judge({ ...question, registry })), format);
      return;
    }

    const { from, to = [], sudo, sysfs, map = [], choose = false } = options;
    const [only, ...others] = to;
    if (from === undefined || only === undefined) {
      throw new ValidationError("Missing --from and --to: a live check needs both");
    }
    const fileOption = (["source", "destination", "domain"] as const)
      .find((name) => options[name] !== undefined);
    if (fileOption !== undefined) {
      throw new ValidationError(`Cannot use --${fileOption} with --from and --to`);
    }
    if ((guest === undefined) !== (options.all === true)) {
      throw new ValidationError("Wanted the name of a guest, or --all");
    }
    const isOne = guest !== undefined && others.length === 0;
    if (!isOne && (map.length > 0 || options.xml !== undefined || options.writeXml !== undefined)) {
      throw new ValidationError("--map, --xml and --write-xml are for one guest and one --to");
    }
    if (choose && guest === undefined) {
      throw new ValidationError("--choose is for one guest: several would be given one device");
    }
    if (choose && (map.length > 0 || options.xml !== undefined)) {
      throw new ValidationError("--choose is instead of --map and --xml");
    }
    const toSsh = options.toSsh ?? [];
    if (toSsh.length > to.length) throw new ValidationError("Found more --to-ssh than --to");
    const source = hostAccess(from, { ssh: options.fromSsh, sudo, sysfs });
    const destinations = to.map((uri, index) =>
      hostAccess(uri, { ssh: toSsh[index], sudo, sysfs })
    );
    const realize = realizeOptions(options);
    const isHere = ({ probe }: HostAccess): boolean =>
      probe !== undefined && probe.ssh === undefined;
    if (realize !== undefined && ![source, ...destinations].some(isHere)) {
      throw new ValidationError(
        "--vfio-region reads this host's devices: check on one of the hosts",
      );
    }
    if (choose && destinations.some(({ probe }) => probe === undefined)) {
      throw new ValidationError("--choose needs the probe on each --to: give --to-ssh");
    }
    const signal = deadline(options.timeout);
    const answers = await judgeLive({
      policies: await loadAll(options),
      from: source,
      to: destinations,
      guest,
      map,
      xml: options.xml === undefined ? undefined : await readText(options.xml),
      choose,
      realize,
      monitor: options.monitor === true,
      machine,
      qemu,
      postCopy,
      signal,
    });
    const [answer] = answers;
    showLiveAnswers(answers, isOne, format);
    if (options.writeXml === undefined || answer?.domain === undefined) return;
    const { verdict: { decision }, domain, targets } = answer;
    if (decision !== "allow") return printError(`${options.writeXml} was not written: ${decision}`);
    const xml = await transferXml(source, domain, targets, signal);
    await writeText(options.writeXml, xml, { mode: 0o600 });
  });

function refuseLiveOptions(
  options: Readonly<Record<string, unknown>>,
  guest: string | undefined,
): void {
  if (guest !== undefined) {
    throw new ValidationError(`Cannot find guest "${guest}" without --from and --to`);
  }
  const live = [
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
    "monitor",
    "timeout",
  ];
  if (live.some((name) => options[name] !== undefined)) {
    throw new ValidationError("Options of a live check need --from and --to");
  }
}
