/** The whole hook on a composed host: what it decides, says and leaves behind. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding/hex";
import { writeOfflineMark } from "../../../lib/facts/mod.ts";
import { writeWaiver } from "../../../lib/config/waiver.ts";
import { DEVICE, GUEST, HookTree } from "../../helpers/hook_tree.ts";
import { OFFERS, RESOURCE } from "../../helpers/probe_tree.ts";

const LINE =
  "get_pci_config_device: Bad config data: i=0xd8 read: 33 device: 35 cmask: ff wmask: 0 w1cmask:0";
const NOTHING = { code: 0, stdout: "", stderr: "" };

async function bytesOf(example: string): Promise<Uint8Array<ArrayBuffer>> {
  return decodeHex((await Deno.readTextFile(`examples/${example}.hex`)).replace(/\s/g, ""));
}

Deno.test("a veto: three lines, the report they name, and the audit line", async () => {
  using tree = await HookTree.make();
  const { code, stdout, stderr } = await tree.migrate(await tree.xml());
  assertEquals([code, stdout], [1, ""]);
  const [verdict = "", remedy = "", hints = "", ...rest] = stderr.split("\n");
  assertEquals(rest, []);
  const cause = "NVIDIA driver 535.161.05 on hosta, 550.54.16 on hostb; " +
    "machine type pc-q35-9.0 compares that: ";
  assert(verdict.startsWith(`premigrate: VETO hostdev0 (${DEVICE}): ${cause}`), verdict);
  assert(remedy.startsWith("Restart the guest with a machine type of version 9.1 or later"));
  assert(remedy.endsWith(` QEMU: ${LINE}`), remedy);
  const [line] = await tree.audit();
  assertEquals(
    hints,
    `On hostb: premigrate report ${
      line?.["id"]
    }; to let the guest pass: premigrate waive vm1 --for 1h --reason TEXT`,
  );

  const written = JSON.parse(await Deno.readTextFile(`${line?.["report"]}`));
  assertEquals([written.decision, written.effect, written.id], ["veto", "refused", line?.["id"]]);
  assertEquals(written.evidence.source.devices[0].config.hex, encodeHex(await bytesOf("source")));
  assertEquals(
    written.evidence.destination.devices[0].config.hex,
    encodeHex(await bytesOf("destination")),
  );
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(JSON.stringify(written.evidence)),
  );
  assertEquals([written.digest, line?.["evidence"]], Array(2).fill(`sha256:${encodeHex(digest)}`));
  assertEquals(
    ["guest", "uuid", "source", "destination", "verdict", "effect", "mode"].map((key) =>
      line?.[key]
    ),
    ["vm1", GUEST, "hosta", "hostb", "veto", "refused", "enforce"],
  );
});

Deno.test("an allow says nothing, and is recorded", async () => {
  using tree = await HookTree.make();
  assertEquals(await tree.migrate(await tree.xml({ machine: "pc-q35-9.1" })), NOTHING);
  const [line] = await tree.audit();
  assertEquals([line?.["verdict"], line?.["effect"]], ["allow", "allowed"]);
});

Deno.test("what a secret is in the domain XML is in no record", async () => {
  using tree = await HookTree.make();
  const xml = (await tree.xml()).replace(
    "<devices>",
    "<devices><graphics type='vnc' passwd='hunter2'/>",
  );
  assertEquals((await tree.migrate(xml)).code, 1);
  for (const { name } of Deno.readDirSync(`${tree.root}/var/log/premigrate/reports`)) {
    const text = await Deno.readTextFile(`${tree.root}/var/log/premigrate/reports/${name}`);
    assert(!text.includes("hunter2"));
  }
  assert(!JSON.stringify(await tree.audit()).includes("hunter2"));
});

interface Undecided {
  readonly name: string;
  readonly code: string;
  readonly trouble: string;
  /** Makes the input. */
  readonly input: (tree: HookTree) => Promise<string | Uint8Array<ArrayBuffer>>;
}

const UNDECIDED: readonly Undecided[] = [
  {
    name: "no stamp",
    code: "no-stamp",
    trouble: "facts",
    input: (tree) => tree.xml({ stamp: false }),
  },
  {
    name: "an old stamp",
    code: "stamp-too-old",
    trouble: "facts",
    input: (tree) => tree.xml({ age: 901 }),
  },
  {
    name: "a stamp from the future",
    code: "stamp-from-future",
    trouble: "facts",
    input: (tree) => tree.xml({ age: -3600 }),
  },
  {
    name: "a damaged stamp",
    code: "stamp-unusable",
    trouble: "facts",
    input: async (tree) => (await tree.xml()).replace(/digest="./, 'digest="-'),
  },
  {
    name: "another guest's stamp",
    code: "stamp-of-other-guest",
    trouble: "facts",
    input: async (tree) => (await tree.xml()).replace(GUEST, crypto.randomUUID()),
  },
  {
    name: "a device more than in the stamp",
    code: "stamp-of-other-devices",
    trouble: "facts",
    input: async (tree) => {
      const [, device = ""] = /(<hostdev [^]*<\/hostdev>)/.exec(await tree.xml()) ?? [];
      const other = device.replace("bus='0x3b'", "bus='0x3c'").replace("bus='0x01'", "bus='0x02'");
      return (await tree.xml()).replace("</devices>", `${other}</devices>`);
    },
  },
  {
    name: "a device that the destination does not have",
    code: "no-facts",
    trouble: "facts",
    input: async (tree) => (await tree.xml()).replace("bus='0x3b'", "bus='0x4b'"),
  },
  {
    name: "an offline mark of yesterday",
    code: "offline-mark-too-old",
    trouble: "facts",
    input: async (tree) =>
      (await tree.xml({ stamp: false })).replace(
        "<devices>",
        `<metadata>${
          writeOfflineMark(new Date(Date.now() - 86_400_000).toISOString())
        }</metadata><devices>`,
      ),
  },
  {
    name: "garbage",
    code: "not-a-domain",
    trouble: "input",
    input: () => Promise.resolve("garbage"),
  },
  {
    name: "no input",
    code: "nothing-handed-over",
    trouble: "input",
    input: () => Promise.resolve(""),
  },
  {
    name: "no UTF-8",
    code: "not-a-domain",
    trouble: "input",
    input: () => Promise.resolve(new Uint8Array([0xff, 0xfe, 0x80])),
  },
  {
    name: "half a document",
    code: "not-a-domain",
    trouble: "input",
    input: async (tree) => (await tree.xml()).slice(0, 900),
  },
  {
    name: "50 MB",
    code: "not-a-domain",
    trouble: "input",
    input: () => Promise.resolve(new Uint8Array(50_000_000).fill(0x61)),
  },
];

for (const { name, code, trouble, input } of UNDECIDED) {
  Deno.test(`${name}: undecided, as the operator chose`, async () => {
    using tree = await HookTree.make();
    const closed = await tree.migrate(await input(tree));
    assertEquals([closed.code, closed.stdout, closed.stderr.split("\n").length], [1, "", 3]);
    assertMatch(closed.stderr, /^premigrate: UNDECIDED, refused/);
    await tree.apply({ onTrouble: { [trouble]: "open" } });
    assertEquals(await tree.migrate(await input(tree)), NOTHING);
    const lines = await tree.audit();
    assertEquals(lines.map((line) => [line["verdict"], line["effect"]]), [
      ["undecided", code === "nothing-handed-over" ? "unjudged" : "refused"],
      ["undecided", "allowed"],
    ]);
    for (const line of lines) assert(`${line["codes"]}`.split(",").includes(`premigrate ${code}`));
  });
}

Deno.test("an open choice never lets a veto pass; a mode and a waiver do, and are told", async () => {
  using tree = await HookTree.make();
  const all = ["hook", "config", "input", "facts", "policy", "deadline", "report"];
  await tree.apply({ onTrouble: Object.fromEntries(all.map((kind) => [kind, "open"])) });
  const xml = await tree.xml();
  assertEquals((await tree.migrate(xml)).code, 1);
  await tree.apply({ mode: "observe" });
  assertEquals(await tree.migrate(xml), NOTHING);
  await tree.apply({});
  const waiver = { id: "0badcafe", until: Math.floor(Date.now() / 1000) + 60, reason: "it burns" };
  await Deno.writeTextFile(`${tree.root}/var/lib/premigrate/waivers/${GUEST}`, writeWaiver(waiver));
  assertEquals(await tree.migrate(xml), NOTHING);
  assertEquals(
    (await tree.audit()).map((
      line,
    ) => [line["verdict"], line["effect"], line["mode"], line["waiver"]]),
    [
      ["veto", "refused", "enforce", undefined],
      ["veto", "allowed", "observe", undefined],
      ["veto", "allowed", "enforce", "0badcafe"],
    ],
  );
});

Deno.test("a policy that is off or observed does not veto, the other one does", async () => {
  using tree = await HookTree.make();
  const both = ["nvidia/vsc", "qemu/restore-check"];
  for (const mode of ["off", "observe"]) {
    const policies = Object.fromEntries(both.map((id) => [id, { mode }]));
    await tree.apply({ policies });
    assertEquals(await tree.migrate(await tree.xml()), NOTHING, mode);
    await tree.apply({ policies: { ...policies, [both[0] ?? ""]: {} } });
    assertEquals((await tree.migrate(await tree.xml())).code, 1, mode);
  }
});

Deno.test("an offline migration is allowed by a fresh mark", async () => {
  using tree = await HookTree.make();
  const mark = `<metadata>${writeOfflineMark(new Date().toISOString())}</metadata>`;
  const xml = (await tree.xml({ stamp: false })).replace("<devices>", `${mark}<devices>`);
  assertEquals(await tree.migrate(xml), NOTHING);
  assertEquals((await tree.audit())[0]?.["codes"], ["premigrate offline-migration"]);
});

for (const choice of ["open", "closed"] as const) {
  Deno.test(`a report that cannot be written, ${choice}`, async () => {
    using tree = await HookTree.make({ onTrouble: { report: choice } });
    await Deno.remove(`${tree.root}/var/log/premigrate`, { recursive: true });
    const allowed = await tree.migrate(await tree.xml({ machine: "pc-q35-9.1" }));
    assertEquals(allowed.code, choice === "open" ? 0 : 1);
    const vetoed = await tree.migrate(await tree.xml());
    assertEquals(vetoed.code, 1);
    assertMatch(
      vetoed.stderr,
      /^premigrate: VETO .*\n.*Bad config data.*\nno report of \S+: .*$/,
    );
  });

  Deno.test(`an applied configuration that is cut short, ${choice}`, async () => {
    using tree = await HookTree.make({ onTrouble: { config: choice } });
    const path = `${tree.root}/etc/premigrate/applied.conf`;
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).slice(0, -10));
    const { code, stderr } = await tree.migrate(await tree.xml({ machine: "pc-q35-9.1" }));
    assertEquals(code, choice === "open" ? 0 : 1);
    if (choice === "closed") assertStringIncludes(stderr, "it is not whole");
  });
}

Deno.test("reports are kept up to their number, the newest", async () => {
  using tree = await HookTree.make({ reports: 2 });
  const reports = `${tree.root}/var/log/premigrate/reports`;
  const names = (): string[] => Array.from(Deno.readDirSync(reports), ({ name }) => name).sort();
  await Deno.writeTextFile(`${reports}/20000101T000000Z-00000000.json`, "");
  await Deno.writeTextFile(`${reports}/mine.json`, "");
  for (let n = 0; n < 3; n++) await tree.migrate(await tree.xml());
  // The launcher does it when libvirt has its answer.
  while (names().length > 3) await new Promise((resolve) => setTimeout(resolve, 10));
  const written = (await tree.audit()).map((line) => `${line["id"]}.json`).slice(-2);
  assertEquals(names(), [...written, "mine.json"].sort());
});

Deno.test("an audit line that a full disk cut short does not swallow the next", async () => {
  using tree = await HookTree.make();
  await Deno.writeTextFile(`${tree.root}/var/log/premigrate/audit.jsonl`, '{"time":"20');
  await tree.migrate(await tree.xml());
  const text = await Deno.readTextFile(`${tree.root}/var/log/premigrate/audit.jsonl`);
  assertEquals(JSON.parse(text.split("\n")[1] ?? "").verdict, "veto");
});

Deno.test("twenty at once: each has its verdict, its report and its line", async () => {
  using tree = await HookTree.make();
  const xmls = [await tree.xml(), await tree.xml({ machine: "pc-q35-9.1" })];
  const runs = await Promise.all(
    Array.from({ length: 20 }, (_, index) => tree.migrate(xmls[index % 2] ?? "", `vm${index}`)),
  );
  assertEquals(runs.map(({ code }) => code), Array.from({ length: 20 }, (_, n) => 1 - n % 2));
  const lines = await tree.audit();
  assertEquals(new Set(lines.map((line) => line["guest"])).size, 20);
  assertEquals(new Set(lines.map((line) => line["report"])).size, 20);
});

Deno.test("where the QEMU is not known it is asked once, and that is told", async () => {
  using tree = await HookTree.make();
  const cache = `${tree.root}/var/cache/premigrate/host.json`;
  const kept = await Deno.readTextFile(cache);
  await Deno.remove(cache);
  await tree.script(
    "usr/lib/premigrate/premigrate",
    `echo "$*" >${tree.root}/asked\ncp ${tree.root}/kept ${cache}`,
  );
  await Deno.writeTextFile(`${tree.root}/kept`, kept);
  assertEquals(await tree.migrate(await tree.xml({ machine: "pc-q35-9.1" })), NOTHING);
  assertEquals(
    await Deno.readTextFile(`${tree.root}/asked`),
    `cache --arch x86_64 --emulator ${tree.root}/emulator --root ${tree.root}\n`,
  );
  assert(`${(await tree.audit())[0]?.["codes"]}`.includes("premigrate asked-anew"));
});

Deno.test("an XML that another hook wrote in its own manner is read all the same", async () => {
  using tree = await HookTree.make();
  const xml = (await tree.xml()).replace(
    "<address domain='0x0000' bus='0x3b' slot='0x00' function='0x4'/>",
    '<address\n  function = "0x4"\n  bus="0x3b" slot="0x00" domain="0x0000" />',
  );
  const { code, stderr } = await tree.migrate(xml);
  assertEquals(code, 1);
  assertStringIncludes(stderr, LINE);
});

Deno.test("another destination device than the source's is the one that the XML names", async () => {
  using tree = await HookTree.make();
  tree.sysfs.addFunction("0000:af:00.1", {
    config: await bytesOf("source"),
    driver: "nvidia",
    iommuGroup: "8",
    offers: OFFERS,
    files: { resource: RESOURCE },
  });
  const xml = (await tree.xml()).replace(
    "bus='0x3b' slot='0x00' function='0x4'",
    "bus='0xaf' slot='0x00' function='0x1'",
  );
  assertEquals(await tree.migrate(xml), NOTHING);
});

const MDEV = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";

// Those of the example.
const BARS = [16777216, 268435456, 0, 33554432, 0, 0];

/** What reads config regions, with other bytes for the device of group 8. */
function reader(hex: string): string {
  const answer = { config: hex, bars: BARS, romSize: 0 };
  return `const [address, group] = Deno.args;
    const isRead = address === "${MDEV}" && group === "8";
    console.log(JSON.stringify(isRead
      ? { result: "read", ...${JSON.stringify(answer)} }
      : { result: "failed", reason: "no such device" }));`;
}

const MDEVS: readonly (readonly [
  name: string,
  type: string,
  example: string | undefined,
  code: number,
  text: string,
])[] = [
  ["that differs", "mtty-2", "destination", 1, LINE],
  ["that is the same", "mtty-2", "source", 0, ""],
  ["that cannot be read", "mtty-2", undefined, 1, "UNDECIDED"],
  ["that opening would start", "nvidia-558", "source", 1, "UNDECIDED"],
];
for (const [name, type, example, code, text] of MDEVS) {
  Deno.test(`a mediated device ${name}: its config region is read while Deno starts`, async () => {
    using tree = await HookTree.make();
    const typeFiles = { name: "GRID T4-2Q\n" };
    const bound = { driver: "mtty", iommuGroup: "8", offers: OFFERS };
    tree.sysfs.addMdev(MDEV, { parent: DEVICE, type, typeFiles, ...bound });
    await Deno.writeTextFile(
      `${tree.root}/usr/lib/premigrate/vfio_region_main.js`,
      example === undefined ? "Deno.exit(1);" : reader(encodeHex(await bytesOf(example))),
    );
    const mdevType = { id: "nvidia-231", name: "GRID T4-2Q" };
    const xml = (await tree.xml({ device: { mdevType } })).replace(
      /<hostdev [^]*<\/source>/,
      `<hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci'>
      <source>
        <address uuid='${MDEV}'/>
      </source>`,
    );
    const run = await tree.migrate(xml);
    assertEquals(run.code, code, run.stderr);
    assertStringIncludes(run.stderr, text);
  });
}
