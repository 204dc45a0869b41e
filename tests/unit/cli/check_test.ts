import { assertEquals } from "@std/assert";
import { ROOT, runCli, testRuns } from "../../helpers/cli_run.ts";

const SOURCE = "examples/source.json";
const DESTINATION = "examples/destination.json";
// The source's facts, of another host.
const LIKE_SOURCE = "tests/cases/cli/like-source.json";
const DOMAIN = "examples/domain.xml";
const HOSTS = `check --source ${SOURCE} --destination ${DESTINATION}`;
const GUEST = `${HOSTS} --domain ${DOMAIN}`;

const sourceText = await Deno.readTextFile(new URL(SOURCE, ROOT));
const destinationText = await Deno.readTextFile(new URL(DESTINATION, ROOT));
const domainXml = await Deno.readTextFile(new URL(DOMAIN, ROOT));
const [hostdev = ""] = /<hostdev [^]*<\/hostdev>/.exec(domainXml) ?? [];

/** The example's domain with something else for its host device. */
function domainWith(device: string): string {
  return domainXml.replace(hostdev, device);
}

/** The example's source, as of a third host, with members of its only device replaced. */
function sourceWith(members: Record<string, unknown>, host: Record<string, unknown> = {}): string {
  const facts = JSON.parse(sourceText);
  Object.assign(facts.host, { uuid: "8a3a7a5e-6f43-4b52-9d0f-1f6a2d1c0a05" }, host);
  Object.assign(facts.devices[0], { inUse: false }, members);
  return JSON.stringify(facts);
}

/** Facts of a host whose QEMU has one machine type. */
function withMachine(text: string, machine: string): string {
  const facts = JSON.parse(text);
  facts.host.machineTypes = [machine];
  return JSON.stringify(facts);
}

/** The config space of the example's source, cut or filled up to `size` bytes. */
function configOf(size: number): unknown {
  const { hex } = JSON.parse(sourceText).devices[0].config;
  return {
    view: "realize",
    source: "composed",
    hex: hex.slice(0, 2 * size).padEnd(2 * size, "0"),
  };
}

testRuns([
  {
    name: "check: a 9.0 machine compares the body of the VSC",
    words: GUEST,
    code: 1,
    stdout: [
      "VETO: ",
      "\nhostdev0 (c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01)\n",
      "nvidia/vsc body-compared",
      "NVIDIA driver 535.161.05 on hosta, 550.54.16 on hostb; machine type pc-q35-9.0 compares that",
      "-> Restart the guest with a machine type of version 9.1 or later; ",
      "qemu/restore-check will-fail",
      "the first of 10 bytes that differ",
      "i=0xd8 read: 33 device: 35",
      "policies applied: generic/vfio, nvidia/vgpu, nvidia/vsc, qemu/restore-check",
      "\nVETO: 1 veto; 1 device compared\n",
      "!assumed",
    ],
  },
  {
    name: "check: a 9.1 machine does not",
    words: `${GUEST} --machine pc-q35-9.1`,
    code: 0,
    stdout: [
      "ALLOW: ",
      "assumed: machine type pc-q35-9.1 (--machine), not pc-q35-9.0",
      "!nvidia/vgpu host-driver-differs",
      "nvidia/vsc host-driver-differs",
      "qemu/restore-check will-pass",
    ],
  },
  {
    name: "check: of a distribution's machine nobody knows",
    words: `check --source ${SOURCE} --destination - --domain ${DOMAIN} --machine pc-q35-noble`,
    stdin: withMachine(destinationText, "pc-q35-noble"),
    code: 3,
    stdout: ["UNDECIDED: ", "nvidia/vsc body-check-unknown", "qemu/restore-check cannot-tell"],
  },
  {
    name: "check: the destination's own word on a distribution's machine is taken",
    words: `check --source ${SOURCE} --destination - --domain ${DOMAIN} --machine pc-q35-noble`,
    stdin: sourceWith({}, {
      skipVscCheck: { "pc-q35-noble": true },
      machineTypes: ["pc-q35-noble"],
    }),
    code: 0,
  },
  {
    name: "check: skip-vsc-check on the device outweighs the machine",
    words: `${HOSTS} --domain -`,
    stdin: domainXml.replace(
      "<domain ",
      "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' ",
    )
      .replace(
        "</domain>",
        `<qemu:override><qemu:device alias='hostdev0'><qemu:frontend>
           <qemu:property name='skip-vsc-check' type='bool' value='true'/>
         </qemu:frontend></qemu:device></qemu:override></domain>`,
      ),
    code: 0,
  },
  { name: "check: without a domain the machine is missing", words: HOSTS, code: 3 },
  {
    name: "check: without a domain all devices of the source are the guest's",
    words: `${HOSTS} --machine pc-q35-9.0`,
    code: 1,
    stdout: ["VETO", "\nc5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01\n"],
  },
  {
    name: "check: --qemu stands in for both hosts' versions",
    words: `${GUEST} --qemu 8.2`,
    code: 1,
    stdout: [
      "assumed: QEMU 8.2 on the source (--qemu), not 9.2.0",
      "assumed: QEMU 8.2 on the destination (--qemu), not 9.2.0",
      "machine-too-new",
    ],
  },
  {
    name: "check: a machine that is newer than QEMU",
    words: `${GUEST} --machine pc-q35-10.0`,
    code: 1,
    stdout: ["qemu/restore-check machine-too-new"],
  },
  {
    name: "check: equal hosts",
    words: `check --source ${SOURCE} --destination ${LIKE_SOURCE} --domain ${DOMAIN}`,
    code: 0,
    stdout: ["ALLOW", "nvidia/vsc host-driver Host driver 535.161.05"],
  },
  {
    name: "check: a guest without host devices",
    words: `${HOSTS} --domain -`,
    stdin: domainWith(""),
    code: 0,
    stdout: ["ALLOW", "policies applied: none"],
  },
  {
    name: "check: a device that is missing on the source",
    words: `check --source - --destination ${DESTINATION} --domain ${DOMAIN}`,
    stdin: '{"premigrate":"facts/1","host":{"name":"a"},"devices":[]}',
    code: 3,
    stdout: ["UNDECIDED", "\nhostdev0\n", "premigrate no-facts", "facts of a"],
  },
  {
    name: "check: a device that is missing on the destination",
    words: `check --source ${SOURCE} --destination - --domain ${DOMAIN}`,
    stdin: '{"premigrate":"facts/1","host":{"name":"b"},"devices":[]}',
    code: 3,
    stdout: ["UNDECIDED", "premigrate no-facts", "facts of b"],
  },
  {
    name: "check: the only devices of two hosts are a pair",
    words: `check --source - --destination ${LIKE_SOURCE} --domain ${DOMAIN}`,
    stdin: sourceWith({ address: "10000:e1:00.0" }),
    code: 3,
    stdout: [
      "hostdev0 (10000:e1:00.0 -> c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01)",
      "premigrate paired-by-elimination",
    ],
  },
  {
    name: "check: a device that libvirt has yet to choose",
    words: `${HOSTS} --domain -`,
    stdin: domainWith(
      "<interface type='network'><source network='vfs'/><actual type='hostdev'/></interface>",
    ),
    code: 3,
    stdout: ["UNDECIDED", "premigrate address-not-yet-known"],
  },
  {
    name: "check: a transient device, and a network that may be a pool",
    words: `${HOSTS} --domain -`,
    stdin: domainWith(
      "<interface type='network'><source network='vfs'/><teaming type='transient' persistent='ua-net0'/></interface>" +
        "<interface type='network'><source network='lan'/><model type='virtio'/><teaming type='persistent'/>" +
        "<alias name='ua-net0'/></interface>",
    ),
    code: 3,
    stdout: ["premigrate network-may-be-pool", "lan", "premigrate unplugged-before-migration"],
  },
  {
    name: "check: a VFIO device of the command line",
    words: `${HOSTS} --domain -`,
    stdin: domainWith("").replace(
      "</domain>",
      "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>" +
        "<qemu:arg value='-device'/><qemu:arg value='vfio-pci,host=3b:00.4'/></qemu:commandline></domain>",
    ),
    code: 3,
    stdout: ["UNDECIDED", "premigrate device-of-command-line"],
  },
  {
    name: "check: a USB device is not looked at",
    words: `${HOSTS} --domain -`,
    stdin: domainWith(
      "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/><product id='0x2'/></source></hostdev>",
    ),
    code: 0,
    stdout: ["ALLOW", "premigrate not-looked-at"],
  },
  {
    name: "check: 64 bytes of config space",
    words: `check --source - --destination ${DESTINATION} --domain ${DOMAIN}`,
    stdin: sourceWith({ config: configOf(64) }),
    code: 3,
    stdout: ["UNDECIDED", "qemu/restore-check short-config"],
  },
  {
    name: "check: no config space",
    words: `check --source - --destination ${LIKE_SOURCE} --domain ${DOMAIN}`,
    stdin: sourceWith({ config: undefined }),
    code: 3,
    stdout: ["UNDECIDED", "qemu/restore-check no-config"],
  },
  {
    name: "check: no config space, but host drivers that differ",
    words: `check --source - --destination ${DESTINATION} --domain ${DOMAIN}`,
    stdin: sourceWith({ config: undefined }),
    code: 1,
    stdout: ["VETO", "nvidia/vgpu host-driver-compared", "qemu/restore-check no-config"],
  },
  {
    name: "check: a guest with an IOMMU, and QEMU before 11.0",
    words: `check --source ${SOURCE} --destination ${LIKE_SOURCE} --domain -`,
    stdin: domainWith(`${hostdev}<iommu model='intel'/>`),
    code: 1,
    stdout: ["VETO", "generic/vfio viommu"],
  },
  {
    name: "check: a guest with two VFIO devices, and QEMU before 8.2",
    words: `check --source ${SOURCE} --destination ${LIKE_SOURCE} --domain - --qemu 8.1`,
    stdin: domainWith(hostdev.repeat(2)),
    code: 1,
    stdout: ["VETO", "generic/vfio several-devices"],
  },
  {
    name: "check: no domain, so that nothing is known of an IOMMU",
    words: `check --source ${SOURCE} --destination ${LIKE_SOURCE} --machine pc-q35-9.1`,
    code: 3,
    stdout: ["UNDECIDED", "generic/vfio viommu-unknown"],
  },
  {
    name: "check: a migration that may go over to post-copy",
    words: `check --source ${SOURCE} --destination ${LIKE_SOURCE} --domain ${DOMAIN} --postcopy`,
    code: 1,
    stdout: ["VETO", "generic/vfio post-copy"],
  },
  {
    name: "check: config spaces of different size",
    words: `check --source - --destination ${LIKE_SOURCE} --domain ${DOMAIN}`,
    stdin: sourceWith({ config: configOf(4096) }),
    code: 1,
    stdout: ["VETO", "qemu/restore-check out-of-step", "4096", "256"],
  },
  {
    name: "check: names that would take over the terminal",
    words: [...`${HOSTS} --domain - --machine`.split(" "), "pc\u001b[31m\u009b2J\nq35"],
    stdin: domainXml.replace("hostdev0", "\u202eho\u009b31mst\u{e0041}"),
    code: 1,
    stdout: ["\\u{1b}[31m\\u{9b}2J\\u{a}q35", "\\u{202e}ho\\u{9b}31mst\\u{e0041}"],
  },
  {
    name: "check: a configuration that only observes",
    words: `${GUEST} --config -`,
    stdin: "mode: observe",
    code: 1,
    stdout: ["VETO: ", "hostb decides by - (--config)", "hostb only observes (mode)"],
  },
  {
    name: "check: an applied configuration in which the policies that veto are off",
    words: `${GUEST} --config -`,
    stdin: `premigrate 1\nchoices-end\nconfig {"policies":{"nvidia/vsc":{"mode":"off"},` +
      `"qemu/restore-check":{"mode":"off"}}}\nend\n`,
    code: 0,
    stdout: ["ALLOW: ", "!nvidia/vsc"],
  },
  {
    name: "check: a configuration in which they are observed, and their vetoes decide nothing",
    words: `${GUEST} --config -`,
    stdin:
      "policies: {nvidia/vsc: {mode: observe}, nvidia/vgpu: {mode: observe}, qemu/restore-check: {mode: observe}}",
    code: 0,
    stdout: ["ALLOW: ", "hostb only observes nvidia/vsc", "nvidia/vsc body-compared"],
  },
  {
    name: "check: as Markdown its headline is that of the verdict, not of what is observed",
    words: `${GUEST} --config - --format markdown`,
    stdin: "policies: {nvidia/vsc: {mode: observe}, qemu/restore-check: {mode: observe}}",
    code: 0,
    stdout: ["# ALLOW"],
  },
  {
    name: "check: a configuration by which what is undecided passes",
    words: `${HOSTS} --config -`,
    stdin: "onTrouble: {facts: open}",
    code: 3,
    stdout: ["UNDECIDED", "hostb lets what is undecided pass (onTrouble.facts"],
  },
  {
    name: "check: policies.d beside a configuration",
    words: `${GUEST} --machine pc-q35-9.1 --config examples/config.yaml`,
    code: 1,
    stdout: ["site/same-branch"],
  },
  {
    name: "check: a configuration that is none",
    words: `${GUEST} --config -`,
    stdin: "mode: sometimes",
    code: 2,
    error: "line 1, column 1: at mode",
  },
  {
    name: "check: an applied configuration that is not whole",
    words: `${GUEST} --config -`,
    stdin: "premigrate 1\n",
    code: 2,
    error: "Cannot read the applied configuration: it is not whole",
  },
  {
    name: "check: as Markdown",
    words: `${GUEST} --format markdown`,
    code: 1,
    stdout: [
      "# VETO: ",
      "## render1: hosta -\\> hostb",
      "### hostdev0",
      "#### veto: ",
      "| Host driver | ",
    ],
  },
  {
    name: "check: as HTML",
    words: `${GUEST} --format html --machine pc-q35-9.1`,
    code: 0,
    stdout: ["<!doctype html>", "ALLOW: ", "Config space of hostdev0", "</html>\n"],
  },
  {
    name: "check: a warning, with --fail-on-warn",
    words: `${GUEST} --machine pc-q35-9.1 --fail-on-warn`,
    code: 1,
    stdout: ["ALLOW: ", "warn "],
  },
  {
    name: "check: no warning, with --fail-on-warn",
    words:
      `check --source ${SOURCE} --destination ${LIKE_SOURCE} --domain ${DOMAIN} --fail-on-warn`,
    code: 0,
    stdout: ["ALLOW: ", "!warn "],
  },
  {
    name: "check: --json and another form",
    words: `${GUEST} --json --format html`,
    code: 2,
    error: "Cannot use --json with --format html",
  },
  {
    name: "check: a form that is none",
    words: `${GUEST} --format pdf`,
    code: 2,
    error: "pdf",
  },
  {
    name: "check: a file that is not there",
    words: `check --source nope.json --destination ${DESTINATION}`,
    code: 2,
    error: "Cannot read nope.json: there is no such file",
  },
  {
    name: "check: a directory",
    words: `check --source ${SOURCE} --destination examples`,
    code: 2,
    error: "Cannot read examples: it is a directory",
  },
  {
    name: "check: a file name with a line break and an escape",
    words: ["check", "--source", "a\n\u001b[2J", "--destination", DESTINATION],
    code: 2,
    error: "Cannot read a\\u{a}\\u{1b}[2J: there is no such file",
  },
  {
    name: "check: no UTF-8",
    words: `check --source tests/cases/cli/destination.bin --destination ${DESTINATION}`,
    code: 2,
    error: "it is no UTF-8 text",
  },
  {
    name: "check: no JSON",
    words: `check --source ${DOMAIN} --destination ${DESTINATION}`,
    code: 2,
    error: "Cannot read the facts: ",
  },
  {
    name: "check: nothing at all",
    words: `check --source - --destination ${DESTINATION}`,
    code: 2,
    error: "Cannot read the facts: ",
  },
  {
    name: "check: a schema error names its place",
    words: `check --source - --destination ${DESTINATION}`,
    stdin: sourceWith({ config: { view: "realize", source: "composed", hex: "de10" } }),
    code: 2,
    error: "at devices.0.config.hex: wanted 64, 256 or 4096 bytes",
  },
  {
    name: "check: a DOCTYPE",
    words: `${HOSTS} --domain -`,
    stdin: `<!DOCTYPE domain [<!ENTITY x SYSTEM "file:///etc/passwd">]>${domainXml}`,
    code: 2,
    error: "Failed to read the domain XML at line 1, column 1",
  },
  {
    name: "check: XML without end",
    words: `${HOSTS} --domain -`,
    stdin: "<domain>".repeat(100_000),
    code: 2,
    error: "Failed to read the domain XML",
  },
  {
    name: "check: another document",
    words: `${HOSTS} --domain -`,
    stdin: "<network/>",
    code: 2,
    error: "Failed to read the domain XML",
  },
  {
    name: "check: standard input twice",
    words: "check --source - --destination -",
    code: 2,
    error: 'Cannot read standard input ("-") twice',
  },
  {
    name: "check: a QEMU version that is none",
    words: `${GUEST} --qemu new`,
    code: 2,
    error: 'Cannot read the QEMU version: found "new"',
  },
  ...[
    ["no guest", "", "Wanted the name of a guest, or --all"],
    ["a guest, and all", "vm1 --all", "Wanted the name of a guest, or --all"],
    ["a device for several", "--all --map a=b", "are for one guest and one --to"],
    ["a choice for several", "--all --choose", "several would be given one device"],
    ["a choice, and a device", "vm1 --choose --map a=b", "--choose is instead of --map and --xml"],
    ["more --to-ssh than --to", "vm1 --to-ssh a --to-ssh b", "Found more --to-ssh than --to"],
    ["a facts file, too", `vm1 --source ${SOURCE}`, "Cannot use --source with --from and --to"],
    ["--allow-reset alone", "vm1 --allow-reset", "--allow-reset is for --vfio-region"],
    ["a choice without the probe", "vm1 --choose", "--choose needs the probe on each --to"],
    ["no host that is here", "vm1 --vfio-region", "--vfio-region reads this host's devices"],
  ].map(([name, words = "", error = ""]) => ({
    name: `check: of running guests, ${name}`,
    words: `check ${words} --from qemu+tcp://hosta/system --to qemu+tcp://hostb/system`
      .split(/ +/),
    code: 2,
    error,
  })),
  {
    name: "check: a required option is missing",
    words: `check --source ${SOURCE}`,
    code: 2,
    error: "Missing --from and --to, or --source and --destination",
  },
]);

Deno.test("check --json: the decision, the findings with code, place and words, what was run", async () => {
  const { code, stdout } = await runCli(`${GUEST} --json`);
  assertEquals(code, 1);
  const report = JSON.parse(stdout);
  assertEquals(Object.keys(report), [
    "premigrate",
    "version",
    "time",
    "guest",
    "destination",
    "hosts",
    "machine",
    "decision",
    "devices",
    "assumptions",
    "notLookedAt",
    "findings",
    "ran",
    "notRun",
  ]);
  assertEquals(
    [report.decision, report.guest, report.destination, report.machine],
    ["veto", "render1", "hostb", "pc-q35-9.0"],
  );
  assertEquals([report.hosts.source.name, report.hosts.destination.name], ["hosta", "hostb"]);
  const address = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";
  assertEquals(report.devices, [{ name: "hostdev0", source: address, destination: address }]);
  assertEquals(report.assumptions, []);
  assertEquals(report.ran, [
    { policy: "generic/vfio", device: "hostdev0" },
    { policy: "nvidia/vgpu", device: "hostdev0" },
    { policy: "nvidia/vsc", device: "hostdev0" },
    { policy: "qemu/restore-check", device: "hostdev0" },
  ]);
  assertEquals(report.notRun, []);
  const [, finding] = report.findings;
  const { title, message, remedy, ...rest } = finding;
  assertEquals([typeof title, typeof message, typeof remedy], ["string", "string", "string"]);
  assertEquals(rest, {
    policy: "qemu/restore-check",
    code: "will-fail",
    severity: "veto",
    device: "hostdev0",
    offset: 0xd8,
    data: {
      field: "Vendor Specific capability at 0xd0, byte +0x08 (body)",
      line:
        "get_pci_config_device: Bad config data: i=0xd8 read: 33 device: 35 cmask: ff wmask: 0 w1cmask:0",
      read: 0x33,
      device: 0x35,
      cmask: 0xff,
      wmask: 0,
      w1cmask: 0,
      failing: 10,
      remedy: "a VSC",
    },
  });
});
