import { assert, assertEquals } from "@std/assert";
import { BUILT_IN } from "../../../plugins/mod.ts";
import { Registry } from "../../../lib/policy/mod.ts";
import { OWN } from "../../../lib/hook/codes.ts";
import { findPages } from "../../../lib/report/mod.ts";
import { runCli, testRuns } from "../../helpers/cli_run.ts";

const LINE = "Bad config data: i=0xbc read: 33 device: 35 cmask: ff wmask: 0 w1cmask:0";
const DUMP = ["--dump", "tests/cases/cli/destination.hex"];

testRuns([
  {
    name: "explain: a policy",
    words: "explain nvidia/vsc",
    code: 0,
    stdout: [
      "nvidia/vsc: ",
      "NVIDIA's driver writes",
      "Findings:",
      "  body-compared (veto)",
      "!`",
      "!# nvidia",
    ],
  },
  {
    name: "explain: a code",
    words: "explain body-compared",
    code: 0,
    stdout: ["nvidia/vsc body-compared (veto): ", "What to do: "],
  },
  {
    name: "explain: an id that two policies had",
    words: "explain intel/gvtg-and-ice",
    code: 0,
    stdout: ["intel/gvtg: Intel GVT-g vGPUs\n", "\nintel/ice: "],
  },
  {
    name: "explain: a code of the policy that has it now",
    words: ["explain", "intel/gvtg-and-ice ice"],
    code: 0,
    stdout: ["intel/ice ice (veto): "],
  },
  {
    name: "explain: a code as reports show it, after its policy",
    words: ["explain", "qemu/restore-check will-fail"],
    code: 0,
    stdout: ["qemu/restore-check will-fail (veto): "],
  },
  {
    name: "explain: a code of the engine's own",
    words: "explain premigrate:no-facts",
    code: 0,
    stdout: ["premigrate no-facts (undecided): "],
  },
  {
    name: "explain: QEMU's line",
    words: ["explain", LINE],
    code: 0,
    stdout: [
      `get_pci_config_device: ${LINE}\n`,
      "The source sent 0x33, the destination's own device has 0x35 at offset 0xbc.",
      "--dump FILE",
      "0x06 of them",
    ],
  },
  {
    name: "explain: QEMU's line in a log, about the header",
    words: [
      "explain",
      "2026-11-20T09:00:00Z qemu-system-x86_64: get_pci_config_device: Bad config data: i=0x8 read: a1 device: a2 cmask: ff wmask: 0 w1cmask:0\n",
    ],
    code: 0,
    stdout: ["at offset 0x08: Revision ID", "!--dump"],
  },
  {
    name: "explain: QEMU's line and a dump, which names the field",
    words: ["explain", LINE, ...DUMP],
    code: 0,
    stdout: ["at offset 0xbc: Vendor Specific", "capability at 0xb4, byte +0x08", "!--dump"],
  },
  {
    name: "explain: QEMU's line, a dump and a slot",
    words: ["explain", LINE, "--dump", "tests/cases/cli/source.txt", "--slot", "3b:00.5"],
    code: 0,
    stdout: ["at offset 0xbc: ", "!Vendor Specific"],
  },
  {
    name: "explain: QEMU's line and a dump of the header alone",
    words: ["explain", LINE, "--dump", "-"],
    stdin: new Uint8Array(64),
    code: 0,
    stdout: ["at offset 0xbc: "],
  },
  {
    name: "explain: numbers by which nothing differs",
    words: [
      "explain",
      "Bad config data: i=0x4 read: 7 device: 0 cmask: 0 wmask: 7 w1cmask:0",
    ],
    code: 0,
    stdout: ["no compared bit differs"],
  },
  {
    name: "explain: a dump that cannot be read",
    words: ["explain", LINE, "--dump", "nope"],
    code: 2,
    error: "Cannot read nope: there is no such file",
  },
  {
    name: "explain: no such code",
    words: "explain bodycompared",
    code: 2,
    error: 'Did you mean "body-compared"?',
  },
  {
    name: "explain: no such code of the engine's",
    words: "explain no-fact",
    code: 2,
    error: 'Did you mean "no-facts"?',
  },
  {
    name: "explain: no such policy",
    words: "explain nvidia/vcs",
    code: 2,
    error: 'Did you mean "nvidia/vsc"?',
  },
  {
    name: "explain: a policy without its vendor",
    words: "explain vsc",
    code: 2,
    error: 'Did you mean "nvidia/vsc"?',
  },
  {
    name: "explain: what is like nothing",
    words: "explain zebra",
    code: 2,
    error: "no line of QEMU. See premigrate policies",
  },
  {
    name: "explain: a name that objects are born with",
    words: "explain constructor",
    code: 2,
    error: 'Cannot explain "constructor"',
  },
  {
    name: "explain: a word that would take over the terminal",
    words: ["explain", "\u001b[2J\n".repeat(100)],
    code: 2,
    error: 'Cannot explain "\\u{1b}[2J\\u{a}',
  },
  { name: "explain: nothing", words: "explain", code: 2, error: "Missing argument" },
  {
    name: "policies: one a line",
    words: "policies",
    code: 0,
    stdout: ["nvidia/vsc ", "\nqemu/restore-check "],
  },
  { name: "policies: an argument", words: "policies x", code: 2, error: "No arguments allowed" },
]);

Deno.test("explain --json: a policy, a code, a line", async () => {
  const [policy, code, line] = await Promise.all(
    [["nvidia/vsc"], ["will-fail"], [LINE, ...DUMP]].map(async (words) =>
      JSON.parse((await runCli(["explain", ...words, "--json"])).stdout)
    ),
  );
  assertEquals(policy.id, "nvidia/vsc");
  assertEquals(policy.codes["body-compared"].severity, "veto");
  assertEquals(code.length, 1);
  assertEquals([code[0].policy, code[0].code], ["qemu/restore-check", "will-fail"]);
  const { field, text, ...numbers } = line;
  assert(field.startsWith("Vendor Specific capability at 0xb4"), field);
  assert(text.includes("i=0xbc"));
  assertEquals(numbers, {
    offset: 0xbc,
    read: 0x33,
    device: 0x35,
    cmask: 0xff,
    wmask: 0,
    w1cmask: 0,
    bits: 6,
  });
});

Deno.test("policies --json: ids, matches, options and codes", async () => {
  const policies = JSON.parse((await runCli("policies --json")).stdout);
  assertEquals(
    policies.map(({ id }: { id: string }) => id),
    BUILT_IN.map(({ id }) => id).toSorted(),
  );
  const vsc = policies.find(({ id }: { id: string }) => id === "nvidia/vsc");
  assertEquals(vsc.match, { vendors: [0x10de] });
  assertEquals(vsc.judgesBytesAlone, true);
  assertEquals(vsc.options.properties.drivers.default, "any");
  assertEquals(vsc.codes["body-compared"].severity, "veto");
});

Deno.test("every code of every policy, and of premigrate itself, has a page", () => {
  const registry = new Registry();
  for (const policy of BUILT_IN) registry.use(policy);
  const owners = [OWN, ...registry.policies];
  const codes = [
    ...Object.keys(OWN.policy.codes).map((code) => ["premigrate", code] as const),
    ...BUILT_IN.flatMap(({ id, codes }) => Object.keys(codes).map((code) => [id, code] as const)),
  ];
  for (const [policy, code] of codes) {
    for (const text of [`${policy} ${code}`, `${policy}:${code}`, ` ${policy} ${code}\n`]) {
      const pages = findPages(owners, text);
      assertEquals(pages.map((page) => [page.policy, page.code]), [[policy, code]], text);
    }
    assert(findPages(owners, code).some((page) => page.policy === policy), code);
  }
  assertEquals(findPages(owners, "nvidia/vsc will-fail"), []);
});
