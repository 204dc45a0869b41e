/** The three calls of the public API answer as `check` does: on the examples, and on every case. */
import { assert, assertEquals } from "@std/assert";
import {
  BUILT_IN,
  type Facts,
  judge,
  parseDomain,
  parseFacts,
  Registry,
  reportJson,
  writeFacts,
} from "premigrate";
import { caseQuestion } from "../../../lib/policy/case.ts";
import type { DeviceFacts, HostFacts, PolicyCase } from "premigrate/policy";
import { check } from "../../../lib/cli/commands/check.ts";
import { PLUGIN_CASES } from "../../cases/plugins.ts";
import { ROOT } from "../../helpers/cli_run.ts";

/** What both are asked. */
interface Asked {
  readonly source: string;
  readonly destination: string;
  readonly domain?: string;
  readonly machine?: string | undefined;
  readonly postCopy?: boolean | undefined;
}

const FOLDER = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(FOLDER, { recursive: true }));

async function askCheck({ machine, postCopy, ...texts }: Asked): Promise<unknown> {
  const words = ["--format", "json", "--policies", FOLDER];
  for (const [name, text] of Object.entries(texts)) {
    const path = `${FOLDER}/${name}`;
    await Deno.writeTextFile(path, text);
    words.push(`--${name}`, path);
  }
  if (machine !== undefined) words.push("--machine", machine);
  if (postCopy) words.push("--postcopy");
  const { writeSync } = Deno.stdout;
  const written: string[] = [];
  Deno.stdout.writeSync = (bytes): number => {
    written.push(new TextDecoder().decode(bytes));
    return bytes.length;
  };
  try {
    await check.parse(words);
  } finally {
    Deno.stdout.writeSync = writeSync;
    Deno.exitCode = 0;
  }
  const answer = JSON.parse(written.join(""));
  // Of what, when and by which version it was asked is beside the answer.
  const asked = ["premigrate", "version", "time", "guest", "destination", "hosts", "machine"];
  return Object.fromEntries(Object.entries(answer).filter(([key]) => !asked.includes(key)));
}

function askPublic({ domain, machine, ...asked }: Asked): unknown {
  const [source, destination] = [parseFacts(asked.source), parseFacts(asked.destination)];
  const guest = domain === undefined ? undefined : parseDomain(domain, destination.host.networks);
  const { postCopy = false } = asked;
  const registry = Registry.from(BUILT_IN);
  const answer = judge({ registry, source, destination, guest, machine, postCopy });
  return JSON.parse(JSON.stringify(reportJson(answer)));
}

/** Asks both, and gives the decision. */
async function askBoth(asked: Asked): Promise<string> {
  const answer = askPublic(asked);
  assertEquals(answer, await askCheck(asked));
  assert(typeof answer === "object" && answer !== null && "decision" in answer);
  return String(answer.decision);
}

const read = (name: string): string => Deno.readTextFileSync(new URL(`examples/${name}`, ROOT));
const HOSTS = ["source.json", "destination.json"].map(read);

Deno.test("judge answers as check does on every pair of the examples", async () => {
  const decisions: string[] = [];
  for (const source of HOSTS) {
    for (const destination of HOSTS) {
      for (const domain of [undefined, read("domain.xml")]) {
        for (const machine of [undefined, "pc-q35-9.0", "pc-q35-9.1"]) {
          decisions.push(await askBoth({ source, destination, ...domain && { domain }, machine }));
        }
      }
    }
  }
  assertEquals([...new Set(decisions)].sort(), ["allow", "undecided", "veto"]);
});

Deno.test("judge takes no guest for one without networks where the facts do not tell them", async () => {
  const [source = "", destination = ""] = HOSTS;
  const domain = read("domain.xml").replace(
    "</devices>",
    "<interface type='network'><source network='vfs'/></interface></devices>",
  );
  const told = (text: string): string => {
    const facts = parseFacts(text);
    return writeFacts({ ...facts, host: { ...facts.host, networks: { vfs: "plain" } } });
  };
  const machine = "pc-q35-9.1";
  const known = { source: told(source), destination: told(destination), domain, machine };
  assertEquals(await askBoth(known), "allow");
  assertEquals(await askBoth({ ...known, source }), "undecided");
  assertEquals(await askBoth({ ...known, destination }), "undecided");
  const guest = parseDomain(domain);
  const facts = { source: parseFacts(known.source), destination: parseFacts(known.destination) };
  const { verdict } = judge({ registry: Registry.from(BUILT_IN), ...facts, guest, machine });
  assertEquals(verdict.decision, "undecided", "of a document that was read without the networks");
});

for (const [id, cases] of Object.entries(PLUGIN_CASES)) {
  Deno.test(`judge answers as check does on every case of ${id}`, async () => {
    for (const given of cases) {
      const decision = await askBoth(askedBy(given));
      const { options, vfioDevices = 1 } = given;
      // The files hold what the case tells: what is refused there is refused here.
      if (given.decision !== "veto" || options !== undefined || vfioDevices > 1) continue;
      assertEquals(decision, "veto", given.name);
    }
  });
}

/** The hosts and the guest of a case, as files. */
function askedBy(given: PolicyCase): Asked {
  const { pair, migration } = caseQuestion(given);
  return {
    source: factsOf(migration.source, pair.source),
    destination: factsOf(migration.destination, pair.destination),
    domain: domainOf(given, pair.source.address),
    postCopy: given.postCopy,
  };
}

function factsOf(host: HostFacts, { config, ...device }: DeviceFacts): string {
  const facts: Facts = {
    premigrate: "facts/1",
    host: { ...host, uuid: host.name, networks: {} },
    devices: [{
      inUse: false,
      ...device,
      ...config && { config: { ...config, source: "composed" } },
    }],
  };
  return writeFacts(facts);
}

const CONTROLLERS = `<controller type='pci' index='1' model='pcie-root-port'>
    <address type='pci' domain='0' bus='0' slot='0x01' function='0'/></controller>
  <controller type='pci' index='2' model='pcie-to-pci-bridge'>
    <address type='pci' domain='0' bus='1' slot='0' function='0'/></controller>
  <controller type='pci' index='3' model='pcie-root-port'>
    <address type='pci' domain='0' bus='0' slot='0x02' function='0'/></controller>`;

/** Buses by what the device sits on. */
const BUSES = { root: 0, pci: 0, port: 3, "pci-under-pcie": 2 } as const;

function domainOf({ machine, bus, properties = {}, viommu }: PolicyCase, source: string): string {
  const [domain, hostBus, slot, fn] = source.split(/[:.]/).map((part) => `0x${part}`);
  const isExpress = !/i440fx|^pc(-\d|$)/.test(machine ?? "");
  const set = Object.entries(properties).map(([name, value]) =>
    `<qemu:property name='${name}' type='string' value='${value}'/>`
  );
  return `<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>vm1</name>
  <uuid>6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2c90</uuid>
  <os><type arch='x86_64' ${machine === undefined ? "" : `machine='${machine}'`}>hvm</type></os>
  <devices>
  <controller type='pci' index='0' model='${isExpress ? "pcie-root" : "pci-root"}'/>
  ${isExpress ? CONTROLLERS : ""}${viommu ? "<iommu model='intel'/>" : ""}
  <hostdev mode='subsystem' type='pci' managed='no'><alias name='ua-vf'/><source>
    <address domain='${domain}' bus='${hostBus}' slot='${slot}' function='${fn}'/></source>
    ${
    bus === undefined
      ? ""
      : `<address type='pci' domain='0' bus='${isExpress ? BUSES[bus] : 0}' slot='${
        bus === "pci-under-pcie" || !isExpress ? 4 : bus === "port" ? 0 : 5
      }' function='0'/>`
  }
  </hostdev></devices>
  <qemu:override><qemu:device alias='ua-vf'><qemu:frontend>${
    set.join("")
  }</qemu:frontend></qemu:device></qemu:override>
</domain>`;
}
