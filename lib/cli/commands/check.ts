import { Command, ValidationError } from "@cliffy/command";
import { parseDomain } from "../../domain/mod.ts";
import { parseFacts } from "../../facts/mod.ts";
import type { Facts } from "../../facts/mod.ts";
import {
  evaluate,
  type GuestDevices,
  type HostFacts,
  pairDevices,
  parseMachine,
  parseQemuVersion,
  type QemuVersion,
  wantDevices,
} from "../../policy/mod.ts";
import { showAnswer } from "../answer.ts";
import { readText } from "../io.ts";
import { builtInRegistry } from "../policies.ts";

/** `check`: a whole guest, from facts files. */
export const check = new Command<{ json?: true }>()
  .description("Judge a guest's migration from the facts of both hosts.")
  .option("--source <facts:file>", "Facts of the source host (JSON).", { required: true })
  .option("--destination <facts:file>", "Facts of the destination host (JSON).", { required: true })
  .option("--domain <xml:file>", "The guest's domain XML. Without it, all devices of the source.")
  .option("--qemu <version:string>", "QEMU version of both hosts, in place of the facts'.")
  .option("--machine <type:string>", "Machine type, in place of the domain XML's.")
  .example(
    "An NVIDIA vGPU, hosts with different drivers",
    "premigrate check --source examples/source.json --destination examples/destination.json --domain examples/domain.xml",
  )
  .action(async ({ source, destination, domain, qemu, machine, json }) => {
    if ([source, destination, domain].filter((path) => path === "-").length > 1) {
      throw new ValidationError('Cannot read standard input ("-") twice');
    }
    const from = parseFacts(await readText(source));
    const to = parseFacts(await readText(destination));
    const guest = domain === undefined ? undefined : parseDomain(await readText(domain));
    const assumptions: string[] = [];
    const version = qemu === undefined ? undefined : parseQemuVersion(qemu);
    const machineName = machine ?? guest?.machine;
    if (machine !== undefined) {
      assumptions.push(replaced(`machine type ${machine}`, guest?.machine, "--machine"));
    }
    const devices = guest === undefined ? allDevices(from) : wantDevices(guest);
    const { pairs, findings } = pairDevices(devices.wanted, from.devices, to.devices);
    const migration = {
      ...machineName === undefined ? {} : { machine: parseMachine(machineName) },
      source: withVersion(from.host, "source", version, assumptions),
      destination: withVersion(to.host, "destination", version, assumptions),
      bytesOnly: false,
    };
    const registry = builtInRegistry();
    const verdict = evaluate(pairs, migration, registry, [...devices.findings, ...findings]);
    const reported = pairs.map(({ name, source, destination }) => ({
      name,
      source: source.address,
      destination: destination.address,
    }));
    const { policies } = registry;
    showAnswer({ verdict, devices: reported, assumptions, policies }, json);
  });

function allDevices({ devices }: Facts): GuestDevices {
  const wanted = devices.map(({ address }) => ({
    name: address,
    address,
    guest: { properties: {} },
  }));
  return { wanted, findings: [] };
}

function withVersion(
  host: HostFacts,
  side: string,
  version: QemuVersion | undefined,
  assumptions: string[],
): HostFacts {
  if (version === undefined) return host;
  assumptions.push(replaced(`QEMU ${version} on the ${side}`, host.qemu?.toString(), "--qemu"));
  return { ...host, qemu: version };
}

function replaced(what: string, fact: string | undefined, option: string): string {
  return `${what} (${option})` + (fact === undefined ? "" : `, not ${fact}`);
}
