/** A site's policies on the command line. */
import { assertEquals } from "@std/assert";
import { ROOT, type RunCase, runCli, testRuns } from "../../helpers/cli_run.ts";

const SITE = "--policies examples/policies.d";
const FILE = "examples/policies.d/same-branch.yaml";
const CHECK = "check --source examples/source.json --destination examples/destination.json " +
  "--domain examples/domain.xml --machine pc-q35-9.1";
const COMPARE = "compare examples/source.hex examples/destination.hex --machine pc-q35-9.1";

const example = await Deno.readTextFile(new URL(FILE, ROOT));
const folder = await Deno.makeTempDir({ prefix: "premigrate-site-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** A folder with one file. */
async function folderOf(name: string, text: string): Promise<string> {
  await Deno.mkdir(`${folder}/${name}`);
  await Deno.writeTextFile(`${folder}/${name}/policy.yaml`, text);
  return `${folder}/${name}`;
}

const wrong = await folderOf("wrong", example.replace("severity:", "severty:"));
const failing = await folderOf("failing", example.replaceAll("expect: veto", "expect: allow"));
const bare = await folderOf("bare", example.replace(/^cases:[^]*/m, ""));
const hostile = await folderOf("hostile", "a: &a [*a]\n");
const ids = await folderOf("ids", example.replace(/driverVersion\n.*$/m, "device\n    is: equal"));

const RUNS: readonly RunCase[] = [
  {
    name: "check: a site's policy vetoes",
    words: `${CHECK} ${SITE}`,
    code: 1,
    stdout: [
      "VETO",
      "hostdev0",
      "veto      site/same-branch not-met",
      "The source's driver is 535.161.05, the destination's is 550.54.16",
      "-> Choose a host with a driver of the same branch.",
      "policies applied: generic/vfio, nvidia/vgpu, nvidia/vsc, qemu/restore-check, site/same-branch",
    ],
  },
  { name: "check: without it", words: CHECK, code: 0, stdout: ["ALLOW", "!site/same-branch"] },
  {
    name: "compare: what needs more than bytes is not run, and that is said",
    words: `${COMPARE} ${SITE}`,
    code: 0,
    stdout: [
      "policies not run: ",
      ", site/same-branch for device: needs more than config bytes",
    ],
  },
  {
    name: "compare: a policy on ids is run",
    words: `${COMPARE} --policies ${ids}`,
    code: 0,
    stdout: ["policies applied: nvidia/vsc, qemu/restore-check, site/same-branch"],
  },
  {
    name: "policies: a site's are listed",
    words: `policies ${SITE}`,
    code: 0,
    stdout: ["qemu/restore-check", "site/same-branch", "the NVIDIA drivers of both hosts are"],
  },
  {
    name: "explain: a site's policy",
    words: `explain site/same-branch ${SITE}`,
    code: 0,
    stdout: [
      "site/same-branch: the NVIDIA drivers",
      "this site has tested none of them",
      "For vendor 0x10de; wanted:",
      "- driverVersion (destination): same branch as on the source",
      "not-met",
      "not-known",
    ],
  },
  {
    name: "explain: its code",
    words: ["explain", "site/same-branch not-met", ...SITE.split(" ")],
    code: 0,
    stdout: ["site/same-branch not-met (veto): ", "What to do: Choose a host with a driver"],
  },
  {
    name: "policy test: all is as expected",
    words: `policy test ${FILE}`,
    code: 0,
    stdout: ["ok   another release of one branch: allow", "ok   another branch: veto", "!FAIL"],
  },
  {
    name: "policy test: a case fails",
    words: `policy test ${failing}/policy.yaml`,
    code: 1,
    stdout: [
      "ok   another release",
      "FAIL another branch: veto, expected allow",
      "     not-met: The source's driver is 550.54.16, the destination's is 570.124.03",
    ],
  },
  {
    name: "policy test: no cases",
    words: `policy test ${bare}/policy.yaml`,
    code: 2,
    error: "policy.yaml: it has no cases",
  },
  {
    name: "policy test: no file",
    words: `policy test ${folder}/missing.yaml`,
    code: 2,
    error: "missing.yaml: there is no such file",
  },
  { name: "policy: no command", words: "policy bild", code: 2, error: "bild" },
  {
    name: "a folder that is not there",
    words: `${CHECK} --policies ${folder}/missing`,
    code: 2,
    error: "missing: there is no such folder",
  },
  ...[CHECK, COMPARE, "policies", "explain nvidia/vsc"].flatMap((words): RunCase[] => [
    {
      name: `${words.split(" ")[0]}: a policy that cannot be read`,
      words: `${words} --policies ${wrong}`,
      code: 2,
      error:
        "policy.yaml: line 10, column 1: at severty: there is no such key; the nearest is severity",
    },
    {
      name: `${words.split(" ")[0]}: a hostile policy`,
      words: `${words} --policies ${hostile}`,
      code: 2,
      error: "policy.yaml: wanted 200000 values at most, nested 16 deep at most",
    },
  ]),
];

testRuns(RUNS);

Deno.test("policy test --json: each case, with what was found", async () => {
  const { code, stdout } = await runCli(`policy test ${failing}/policy.yaml --json`);
  const { policy, cases } = JSON.parse(stdout);
  assertEquals([code, policy, cases.length], [1, "site/same-branch", 4]);
  const { name, ok, expected, found, findings: [finding] } = cases[1];
  assertEquals([name, ok, expected, found], ["another branch", false, "allow", "veto"]);
  assertEquals([finding.code, finding.data.source, finding.data.destination], [
    "not-met",
    "550.54.16",
    "570.124.03",
  ]);
});

Deno.test("check --json: a site's finding is data", async () => {
  const { stdout } = await runCli(`${CHECK} ${SITE} --json`);
  const { findings: [finding] } = JSON.parse(stdout);
  assertEquals([finding.policy, finding.code, finding.data], ["site/same-branch", "not-met", {
    fact: "driverVersion",
    is: "same branch",
    side: "destination",
    source: "535.161.05",
    destination: "550.54.16",
    wanted: "535.161.05",
  }]);
});
