/** What the probe tells of the premigrate that is installed on a host. */
import { assertEquals } from "@std/assert";
import { parseProbeReport } from "../../../../lib/facts/probe/report.ts";
import { makeHost, MDEV, withHost } from "../../../helpers/probe_hosts.ts";
import { runScript, shells } from "../../../helpers/probe_shells.ts";

const APPLIED = `premigrate 1
all-devices yes
attributes nvidia/vgpu_params ../../etc/passwd parent/numa_node
choices-end
config {"note":"\u00e4","attributes":"attributes config"}
attributes vendor
end
`;
const UUID = "4dea22b3-1d52-48f3-a516-782e98ab3fa0";
const RECORD = `${"0123456789abcdef".repeat(4)}.json`;

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    Deno.mkdirSync(`${root}/${path.replace(/[^/]*$/, "")}`, { recursive: true });
    Deno.writeTextFileSync(`${root}/${path}`, text);
  }
}

for (const { shell, name, ignore } of shells) {
  Deno.test({
    name:
      `${name}: the applied configuration, the records, the waivers, and what they make it read`,
    ignore,
    fn: () =>
      withHost(makeHost(), async (host) => {
        const root = `${host.root}/installed`;
        const record = `{"hex":"${"0123456789".repeat(1000)}"}\n`;
        write(root, {
          "etc/premigrate/applied.conf": APPLIED,
          [`var/lib/premigrate/realize/${RECORD}`]: record,
          "var/lib/premigrate/realize/another's file": "x",
          [`var/lib/premigrate/waivers/${UUID}`]: "premigrate-waiver 1\n",
        });
        const args = ["--sysfs", host.root, "--premigrate", root, "--attribute", "vendor", MDEV];
        const { premigrate, devices } = parseProbeReport((await runScript(shell, args)).stdout);
        assertEquals(premigrate?.applied, APPLIED);
        assertEquals([...premigrate?.kept ?? []].sort(), [
          [`realize/${RECORD}`, record],
          [`waivers/${UUID}`, "premigrate-waiver 1\n"],
        ]);
        assertEquals(premigrate?.missing, {});
        assertEquals(devices.length > 1, true);
        const mdev = devices.find(({ address }) => address === MDEV);
        assertEquals(mdev?.attributes, {
          "nvidia/vgpu_params": "",
          "parent/numa_node": "1",
          "vendor": null,
        });
      }),
  });

  Deno.test({
    name: `${name}: a host without premigrate, and one that was not asked`,
    ignore,
    fn: () =>
      withHost(makeHost(), async ({ root }) => {
        const ask = async (...args: readonly string[]): Promise<unknown> => {
          const { stdout } = await runScript(shell, ["--sysfs", root, ...args, MDEV]);
          const { premigrate, devices } = parseProbeReport(stdout);
          return [premigrate, devices.map(({ attributes }) => attributes)];
        };
        const none = { applied: null, kept: new Map(), missing: {} };
        assertEquals(await ask("--premigrate", `${root}/none`), [none, [undefined]]);
        assertEquals(await ask(), [undefined, [undefined]]);
      }),
  });
}

const REPORTS: readonly (readonly [
  name: string,
  lines: string,
  applied: string | null | undefined,
  missing: Readonly<Record<string, string>>,
])[] = [
  ["a file that may not be read", "attr applied.conf - not permitted\n", undefined, {
    "applied.conf": "not permitted",
  }],
  [
    "a folder that may not be read",
    "attr applied.conf - not there\nattr realize - not permitted\n",
    null,
    {
      realize: "not permitted",
    },
  ],
  ["no word of the configuration", "", undefined, { "applied.conf": "not told" }],
];

for (const [name, lines, applied, missing] of REPORTS) {
  Deno.test(`of premigrate: ${name}`, () => {
    const count = lines.split("\n").length - 1;
    const report = `premigrate-probe 1\nhost\npremigrate\n${lines}end ${count + 2}\n`;
    const { premigrate } = parseProbeReport(report);
    assertEquals(premigrate, { applied, kept: new Map(), missing });
  });
}
