/** The launcher by itself: what it lets pass, and what it does where the bundle cannot decide. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { writeWaiver } from "../../../lib/config/waiver.ts";
import { dist, GUEST, HookTree } from "../../helpers/hook_tree.ts";
import { shells } from "../../helpers/probe_shells.ts";
import { runProgram } from "../../helpers/run_program.ts";

const EVENTS: readonly (readonly [operation: string, sub: string])[] = [
  ["prepare", "begin"],
  ["start", "begin"],
  ["started", "begin"],
  ["stopped", "end"],
  ["release", "end"],
  ["reconnect", "begin"],
  ["restore", "begin"],
  ["attach", "begin"],
  ["migrate", "end"],
  ["", ""],
];
const PLAIN = "<domain type='kvm'>\n  <name>vm1</name>\n</domain>\n";

for (const { shell, name, ignore } of shells) {
  Deno.test({
    name: `${name}: without anything beside it, the launcher ends with 0 for what it does not own`,
    ignore,
    async fn(): Promise<void> {
      const alone = await Deno.makeTempDir();
      await Deno.copyFile(`${await dist()}/launcher.sh`, `${alone}/90-premigrate`);
      const [program, ...args] = shell;
      for (const event of [...EVENTS, []]) {
        const { code, stdout, stderr } = await new Deno.Command(program, {
          args: [...args, `${alone}/90-premigrate`, ...event.length > 0 ? ["vm1"] : [], ...event],
          clearEnv: true,
          stdin: "null",
        }).output();
        assertEquals([code, stdout.length, stderr.length], [0, 0, 0], event.join(" "));
      }
      await Deno.remove(alone, { recursive: true });
    },
  });

  Deno.test({
    name: `${name}: a guest without host devices passes whatever is missing`,
    ignore,
    async fn(): Promise<void> {
      const alone = await Deno.makeTempDir();
      const launcher = `${alone}/90-premigrate`;
      await Deno.copyFile(`${await dist()}/launcher.sh`, launcher);
      const CASES: readonly (readonly [xml: string, passes: boolean])[] = [
        [PLAIN, true],
        [PLAIN.trim(), true],
        [PLAIN.replace("</domain>", "<devices><disk/></devices></domain>"), true],
        [PLAIN.replace("</domain>", "<devices><hostdev/></devices></domain>"), false],
        [PLAIN.replace("vm1", "&#104;ostdev"), false],
        [PLAIN.replace("</domain>", "<!-- --></domain>"), false],
        [PLAIN.replace("</domain>", `<a v='{"driver":"vf\\u0069o-pci"}'/></domain>`), false],
        [PLAIN.replace("</domain>", "<a v='-readconfig'/></domain>"), false],
        // A document that is cut, and looks whole.
        [`<domain a='${"x".repeat(4_194_305 - 21)}'></domain><hostdev/></domain>`, false],
        [PLAIN.replace("</domain>\n", ""), false],
        [PLAIN + PLAIN.slice(0, 20), false],
        ["", false],
      ];
      const [program, ...args] = shell;
      for (const [xml, passes] of CASES) {
        const options = {
          args: [...args, launcher, "vm1", "migrate", "begin", "-"],
          clearEnv: true,
        };
        // It does not read what is longer than any domain XML to the end.
        const { code, stdout, stderr } = await runProgram(program, options, xml);
        assertEquals([code, stdout, stderr !== ""], [passes ? 0 : 1, "", !passes], xml);
      }
      await Deno.remove(alone, { recursive: true });
    },
  });
}

/** Something that keeps the bundle from deciding. */
interface Trouble {
  readonly name: string;
  readonly kind: "hook" | "deadline";
  /** What the message says. */
  readonly why: RegExp;
  /** Does the damage. */
  readonly damage: (tree: HookTree) => Promise<void>;
  readonly config?: Readonly<Record<string, unknown>>;
}

const LIB = "usr/lib/premigrate";
const FAKE_DENO = "fake-deno";

async function fakeDeno(tree: HookTree, script: string): Promise<void> {
  await tree.script(FAKE_DENO, script);
  await tree.apply(undefined, `${tree.root}/${FAKE_DENO}`);
}

const TROUBLES: readonly Trouble[] = [
  {
    name: "Deno is missing",
    kind: "hook",
    why: /there is no Deno at \/nowhere\/deno/,
    damage: (tree) => tree.apply(undefined, "/nowhere/deno"),
  },
  {
    name: "Deno may not be run",
    kind: "hook",
    why: /there is no Deno at/,
    damage: async (tree) => {
      await fakeDeno(tree, "");
      await Deno.chmod(`${tree.root}/${FAKE_DENO}`, 0o644);
    },
  },
  {
    name: "Deno is no program of this machine",
    kind: "hook",
    why: /hook\.js ended with 12[67]/,
    damage: async (tree) => {
      await fakeDeno(tree, "");
      await Deno.writeFile(
        `${tree.root}/${FAKE_DENO}`,
        new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0]),
      );
    },
  },
  {
    name: "Deno does nothing",
    kind: "hook",
    why: /hook\.js ended with 0/,
    damage: (tree) => fakeDeno(tree, "exit 0"),
  },
  {
    name: "Deno fails",
    kind: "hook",
    why: /hook\.js ended with 1: error: out of memory/,
    damage: (tree) => fakeDeno(tree, "echo 'error: out of memory' >&2; exit 1"),
  },
  {
    name: "Deno prints what looks like a domain",
    kind: "hook",
    why: /hook\.js ended with 0/,
    damage: (tree) => fakeDeno(tree, "echo '<domain/>'"),
  },
  {
    name: "Deno is killed",
    kind: "hook",
    why: /hook\.js ended with 137/,
    damage: (tree) => fakeDeno(tree, "kill -9 $$"),
  },
  {
    name: "Deno hangs, and a child of it holds its output",
    kind: "deadline",
    why: /the deadline of 2s passed/,
    config: { deadline: "2s" },
    damage: (tree) => fakeDeno(tree, "sleep 60 & sleep 60"),
  },
  {
    name: "the bundle is missing",
    kind: "hook",
    why: /hook\.js is missing or altered/,
    damage: (tree) => Deno.remove(`${tree.root}/${LIB}/hook.js`),
  },
  {
    name: "the bundle is altered",
    kind: "hook",
    why: /hook\.js is missing or altered/,
    damage: (tree) => Deno.writeTextFile(`${tree.root}/${LIB}/hook.js`, "\n", { append: true }),
  },
  {
    name: "the bundle is cut short",
    kind: "hook",
    why: /hook\.js is missing or altered/,
    damage: (tree) => Deno.truncate(`${tree.root}/${LIB}/hook.js`, 1000),
  },
  {
    name: "the bundle is empty, and its digest with it",
    kind: "hook",
    why: /hook\.js\.sha256 is missing or altered/,
    damage: async (tree) => {
      await Deno.truncate(`${tree.root}/${LIB}/hook.js`);
      await Deno.truncate(`${tree.root}/${LIB}/hook.js.sha256`);
    },
  },
  {
    name: "the bundle is an empty script",
    kind: "hook",
    why: /hook\.js ended with 0/,
    damage: (tree) => tree.replaceBundle(""),
  },
  {
    name: "the bundle is no JavaScript",
    kind: "hook",
    why: /hook\.js ended with 1: error: /,
    damage: (tree) => tree.replaceBundle("const ="),
  },
  {
    name: "the bundle asks again and again",
    kind: "hook",
    why: /hook\.js ended with 83/,
    damage: (tree) => tree.replaceBundle('console.log("\\x1eagain\\x1e-\\x1e"); Deno.exit(83);'),
  },
  {
    name: "the bundle runs for ever",
    kind: "deadline",
    why: /the deadline of 2s passed/,
    config: { deadline: "2s" },
    damage: (tree) => tree.replaceBundle("for (;;);"),
  },
];

for (const { name, kind, why, damage, config = {} } of TROUBLES) {
  Deno.test(`${name}: closed, open, observed, waived`, async () => {
    using tree = await HookTree.make();
    const xml = await tree.xml({ machine: "pc-q35-9.1" });
    assertEquals((await tree.migrate(xml)).code, 0, "undamaged");
    await tree.apply(config);
    await damage(tree);

    const closed = await tree.migrate(xml);
    assertEquals([closed.code, closed.stdout], [1, ""]);
    assertMatch(closed.stderr, /^premigrate: UNDECIDED, refused: .*\n.*$/);
    assertMatch(closed.stderr, why);
    assertStringIncludes(closed.stderr, `onTrouble.${kind} is closed`);

    const open = { onTrouble: { [kind]: "open" } };
    const allowed: readonly (readonly [mode: string, waiver: string, config: unknown])[] = [
      ["enforce", "", open],
      ["enforce", "", { guests: { [GUEST]: open } }],
      ["observe", "", { guests: { [GUEST]: { mode: "observe" } } }],
      ["enforce", "0badcafe", {}],
      ["observe", "", { mode: "observe" }],
    ];
    // Each waits for the deadline.
    const cases = kind === "deadline" ? allowed.slice(0, 1) : allowed;
    for (const [mode, waiver, change] of cases) {
      await tree.apply({ ...config, ...Object(change) });
      if (waiver !== "") await waive(tree, waiver, 60);
      const run = await tree.migrate(xml);
      assertEquals(run, { code: 0, stdout: "", stderr: "" }, JSON.stringify(change));
      const line = (await tree.audit()).at(-1);
      assertEquals(
        [line?.["effect"], line?.["verdict"], line?.["trouble"], line?.["mode"], line?.["waiver"]],
        ["allowed", "undecided", kind, mode, waiver === "" ? undefined : waiver],
      );
    }
    await tree.apply(config);
    if (kind !== "deadline") {
      await waive(tree, "0badcafe", -60);
      assertEquals((await tree.migrate(xml)).code, 1, "a waiver that has ended");
    }
    assert((await tree.audit()).some((line) => line["effect"] === "refused"));
  });
}

async function waive(tree: HookTree, id: string, seconds: number, guest = GUEST): Promise<void> {
  const until = Math.floor(Date.now() / 1000) + seconds;
  const path = `${tree.root}/var/lib/premigrate/waivers/${guest}`;
  await Deno.writeTextFile(path, writeWaiver({ id, until, reason: "a test" }));
}

Deno.test("the launcher reads a waiver as lib/config/waiver.ts does", async () => {
  const cases: readonly { name: string; text: string; inForce: boolean }[] = JSON.parse(
    await Deno.readTextFile("tests/cases/waivers.json"),
  );
  using tree = await HookTree.make({}, { deno: "/nowhere/deno" });
  const xml = await tree.xml();
  for (const { name, text, inForce } of cases) {
    await Deno.writeTextFile(`${tree.root}/var/lib/premigrate/waivers/${GUEST}`, text);
    const { code } = await tree.migrate(xml);
    const line = (await tree.audit()).at(-1);
    assertEquals([code, line?.["waiver"]], inForce ? [0, "0badcafe"] : [1, undefined], name);
  }
});

const CONFIGURATIONS: readonly (readonly [name: string, text: string | undefined])[] = [
  ["missing", undefined],
  ["empty", ""],
  ["of numbers", "\0\u0001\u0002"],
  ["with a deadline that is none", "premigrate 1\ndeadline 1; reboot\nend\n"],
];
for (const [name, text] of CONFIGURATIONS) {
  Deno.test(`an applied configuration that is ${name} refuses`, async () => {
    using tree = await HookTree.make();
    const path = `${tree.root}/etc/premigrate/applied.conf`;
    if (text === undefined) await Deno.remove(path);
    else await Deno.writeTextFile(path, text);
    const { code, stderr } = await tree.migrate(await tree.xml());
    assertEquals(code, 1);
    assertMatch(stderr, /^premigrate: UNDECIDED, refused: there is no Deno at/);
  });
}

Deno.test("without its digest the bundle is not heard, whatever it says", async () => {
  using tree = await HookTree.make();
  await tree.replaceBundle('console.log("none \\x1e\\x1e\\x1e"); Deno.exit(80);');
  for (const digest of [undefined, "", "none\n"]) {
    const path = `${tree.root}/${LIB}/hook.js.sha256`;
    if (digest === undefined) await Deno.remove(path);
    else await Deno.writeTextFile(path, digest);
    const { code, stderr } = await tree.migrate(await tree.xml(), "none");
    assertEquals(code, 1);
    assertStringIncludes(stderr, "hook.js.sha256 is missing or altered");
  }
});

Deno.test("where the launcher decides, the choices hold as they do for the bundle", async () => {
  using tree = await HookTree.make({}, { deno: "/nowhere/deno" });
  const xml = await tree.xml();
  const applied = `${tree.root}/etc/premigrate/applied.conf`;
  const text = await Deno.readTextFile(applied);
  // A guest's line that is cut short.
  await Deno.writeTextFile(applied, text.replace(/^config [^]*/m, `guest ${GUEST} observe`));
  assertEquals((await tree.migrate(xml)).code, 0);
  await Deno.writeTextFile(applied, text.replace(/^config [^]*/m, `guest ${GUEST}`));
  assertMatch((await tree.migrate(xml)).stderr, /^premigrate: UNDECIDED, refused/);

  // Another guest's waiver, named in this one's metadata.
  const other = crypto.randomUUID();
  await waive(tree, "0badcafe", 60, other);
  const metadata = `</uuid><metadata><x:uuid xmlns:x='x'/><uuid>${other}</uuid></metadata>`;
  const oneLine = xml.replace("</uuid>", metadata).replaceAll("\n", "");
  assertEquals((await tree.migrate(oneLine)).code, 1);
  assertEquals((await tree.audit()).at(-1)?.["uuid"], GUEST);

  // A line that was cut short, and none that can be written.
  const audit = `${tree.root}/var/log/premigrate/audit.jsonl`;
  await Deno.writeTextFile(audit, '{"time":"20');
  await tree.migrate(xml);
  assertEquals(JSON.parse((await Deno.readTextFile(audit)).split("\n")[1] ?? "").effect, "refused");
  await Deno.remove(`${tree.root}/var/log/premigrate`, { recursive: true });
  for (const [report, code] of [["open", 0], ["closed", 1]] as const) {
    await tree.apply({ onTrouble: { hook: "open", report } });
    assertEquals((await tree.migrate(xml)).code, code);
  }
});

const NAMES = [
  "$(reboot)",
  "a'b\"c\\d",
  "-rf",
  "`id`",
  "\u{1f4a5} \u202e",
  "x".repeat(4000),
  "%s%n",
];
for (const name of NAMES) {
  Deno.test(`a guest named ${JSON.stringify(name.slice(0, 20))} has its audit line`, async () => {
    using tree = await HookTree.make();
    const xml = await tree.xml();
    await tree.migrate(xml, name);
    await tree.apply(undefined, "/nowhere/deno");
    await tree.migrate(xml, name);
    // The launcher, in sh, has no escapes for what is no ASCII.
    const known = name.replaceAll(
      /[^ -~]/gu,
      (letter) => "?".repeat(new TextEncoder().encode(letter).length),
    );
    assertEquals((await tree.audit()).map((line) => line["guest"]), [name, known]);
  });
}

Deno.test("start begin records, ends with 0 and prints nothing, whatever the recorder does", async () => {
  const recorders = [
    "cat >seen",
    "echo out; echo err >&2; exit 7",
    "sleep 60 & sleep 60",
    "kill -9 $$",
  ];
  for (const recorder of recorders) {
    using tree = await HookTree.make({ deadline: "20s", agent: { recordStarts: true } });
    const seen = `${tree.root}/seen`;
    await tree.script(`${LIB}/premigrate`, recorder.replace("seen", seen));
    const xml = await tree.xml();
    const none = { code: 0, stdout: "", stderr: "" };
    assertEquals(await tree.run(["start", "begin"], xml), none, recorder);
    assertEquals(await tree.run(["start", "begin"], PLAIN), none, recorder);
    if (recorder.startsWith("cat")) assertEquals(await Deno.readTextFile(seen), xml.trimEnd());
  }
});

for (
  const [deadline, wanted] of [["5s", "2"], ["20s", "2"], ["45s", "4"], ["10m", "60"]] as const
) {
  Deno.test(`start begin waits ${wanted} seconds where the deadline is ${deadline}`, async () => {
    using tree = await HookTree.make({ deadline, agent: { recordStarts: true } });
    await tree.script(`${LIB}/premigrate`, `echo "$2 $3" >${tree.root}/seen`);
    await tree.run(["start", "begin"], await tree.xml());
    assertEquals(await Deno.readTextFile(`${tree.root}/seen`), `--seconds ${wanted}\n`);
  });
}

Deno.test("start begin starts nothing where that is not configured", async () => {
  using tree = await HookTree.make();
  await tree.script(`${LIB}/premigrate`, `touch ${tree.root}/seen`);
  assertEquals((await tree.run(["start", "begin"], await tree.xml())).code, 0);
  assertEquals(await Deno.stat(`${tree.root}/seen`).catch(() => undefined), undefined);
});
