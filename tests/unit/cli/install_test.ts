import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import * as v from "valibot";
import { ConfigSchema } from "../../../lib/config/config.ts";
import { ROOT } from "../../helpers/cli_run.ts";
import type { Finished } from "../../helpers/run_program.ts";
import { DIST, run, withRoot } from "../../helpers/install_host.ts";

const GUEST = "5f1c8a52-6f43-4c6e-9a0e-4d7c5a1f2b3c";
const OTHER = "6f1c8a52-6f43-4c6e-9a0e-4d7c5a1f2b3c";
const PATH = `${Deno.execPath().replace(/\/[^/]*$/, "")}:/usr/sbin:/usr/bin:/sbin:/bin`;

/** Runs the command of the build. */
const premigrate = (...words: readonly string[]): Promise<Finished> =>
  run([`${DIST}/premigrate`, ...words], { PATH });

async function withInstalled(use: (root: string) => Promise<void>): Promise<void> {
  await withRoot(async (folder) => {
    const root = `${folder}/host`;
    const { code, stderr } = await premigrate("install", "--root", root);
    assertEquals(code, 0, stderr);
    await use(root);
  });
}

function assertRefused({ code, stdout, stderr }: Finished, message: string): void {
  assertEquals([code, stdout], [2, ""], stderr);
  assertMatch(stderr, /^premigrate: [^\p{Cc}]+\n$/u);
  assertStringIncludes(stderr, message);
}

Deno.test("install: tells of every path, and what to do next; uninstall too", () =>
  withRoot(async (folder) => {
    const root = `${folder}/host`;
    const first = await premigrate("install", "--root", `${root}/./`);
    assertEquals(first.code, 0, first.stderr);
    assertMatch(
      first.stdout,
      new RegExp(`^made +${root}/etc/libvirt/hooks/qemu.d/90-premigrate$`, "m"),
    );
    assertMatch(first.stdout, /^next: copy what is in /m);
    const second = await premigrate("install", "--root", root);
    assertMatch(second.stdout, /^unchanged /m);
    assert(!/^(made|changed|removed) /m.test(second.stdout), second.stdout);
    const { changes } = JSON.parse((await premigrate("install", "--json", "--root", root)).stdout);
    assertEquals(
      changes.every(({ what }: { readonly what: string }) => what === "unchanged"),
      true,
    );
    assertMatch(first.stdout, /^made +.*\/deno\.LICENSE$/m);
    const removed = await premigrate("uninstall", "--root", root);
    assertMatch(removed.stdout, /^removed +\/.*90-premigrate$/m);
    assertRefused(await premigrate("uninstall", "--root", root), "Cannot uninstall: found no ");
  }));

Deno.test("install: a source tree wants a build first", () =>
  withRoot(async (folder) => {
    const copy = `${folder}/tree`;
    await Deno.mkdir(copy);
    for (const name of ["deno.json", "lib", "plugins", "mod.ts"]) {
      const { code } = await run([
        "cp",
        "-r",
        decodeURIComponent(new URL(name, ROOT).pathname),
        copy,
      ], { PATH });
      assertEquals(code, 0);
    }
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-prompt", "-A", "--no-lock", "lib/cli/main.ts", "install"],
        "--root",
        folder,
      ],
      cwd: copy,
    }).output();
    const [out = "", error = ""] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertRefused({ code, stdout: out, stderr: error }, "run `deno task build` first");
  }));

Deno.test("install: what stands against it is a line", () =>
  withRoot(async (root) => {
    await Deno.mkdir(`${root}/etc/libvirt/hooks/qemu.d/90-premigrate`, { recursive: true });
    assertRefused(await premigrate("install", "--root", root), "Cannot install over ");
    assertRefused(await premigrate("install", "--root", "/dev/null/x"), "Cannot ");
    assertRefused(
      await premigrate("install", "--root", root, "--deno", "deno"),
      "Cannot use deno as ",
    );
  }));

Deno.test("config: checked, applied, shown", () =>
  withInstalled(async (root) => {
    const file = `${root}/etc/premigrate/config.yaml`;
    assertEquals(
      (await premigrate("config", "check", "--root", root)).stdout,
      `${file}: can be applied\n`,
    );
    await Deno.writeTextFile(file, "mode: enforce\nagent: {recordStarts: true}\n");
    assertMatch((await premigrate("config", "show", "--root", root)).stdout, /^mode: observe$/m);
    const applied = await premigrate("config", "apply", "--root", root);
    assertEquals(applied.code, 0, applied.stderr);
    assertMatch(applied.stdout, /^ {2}mode: observe -> enforce$/m);
    assertMatch(applied.stdout, /^next: systemctl try-restart premigrate-agent$/m);
    assertMatch((await premigrate("config", "apply", "--root", root)).stdout, /^unchanged /);
    const shown = JSON.parse((await premigrate("config", "show", "--json", "--root", root)).stdout);
    assertEquals(shown, v.parse(ConfigSchema, { agent: { recordStarts: true } }));
    await Deno.writeTextFile(file, "mode: observe\nagnt: {recordStarts: true}\n");
    for (const words of [["check", file], ["check", "--root", root], ["apply", "--root", root]]) {
      assertRefused(
        await premigrate("config", ...words),
        `${file}: line 2, column 1: at agnt: there is no such key; the nearest is agent`,
      );
    }
  }));

Deno.test("config: a site's policies are checked, applied and shown, and installing keeps them", () =>
  withInstalled(async (root) => {
    const folder = `${root}/etc/premigrate/policies.d`;
    const config = (...words: readonly string[]): Promise<Finished> =>
      premigrate("config", ...words, "--root", root);
    const example = await Deno.readTextFile(new URL("examples/policies.d/same-branch.yaml", ROOT));
    await Deno.writeTextFile(`${folder}/same-branch.yaml`, example);
    assertEquals((await config("check")).code, 0);
    const applied = await config("apply");
    assertEquals(applied.code, 0, applied.stderr);
    assertMatch(applied.stdout, /^ {2}site\.same-branch\.severity: \(none\) -> veto$/m);
    assertMatch((await config("apply")).stdout, /^unchanged /);
    assertEquals((await premigrate("install", "--root", root)).code, 0);
    assertMatch((await config("show")).stdout, /^site\.same-branch\.severity: veto$/m);

    const choices = `${root}/etc/premigrate/config.yaml`;
    await Deno.writeTextFile(choices, "policies:\n  site/same-branch: {mode: observe}\n");
    assertMatch(
      (await config("apply")).stdout,
      /^ {2}policies\.site\/same-branch\.mode: \(none\) -> observe$/m,
    );
    await Deno.writeTextFile(`${folder}/same-branch.yaml`, example.replace("veto", "no"));
    for (const word of ["check", "apply"]) {
      assertRefused(
        await config(word),
        `${folder}/same-branch.yaml: line 10, column 1: at severity`,
      );
    }
    await Deno.remove(`${folder}/same-branch.yaml`);
    assertRefused(await config("check"), "there is no such policy; the nearest is");
    assertMatch((await config("show")).stdout, /^site\.same-branch\.severity: veto$/m);
  }));

Deno.test("config: what is not there", () =>
  withRoot(async (root) => {
    assertRefused(await premigrate("config", "check", `${root}/a`), "there is no such file");
    assertRefused(await premigrate("config", "show", "--root", root), "there is no such file");
    assertRefused(await premigrate("config", "apply", "--root", root), "there is no such file");
  }));

Deno.test("schema config: all choices, each told of", async () => {
  const { properties } = JSON.parse((await premigrate("schema", "config")).stdout);
  assertEquals(Object.keys(properties), Object.keys(v.parse(ConfigSchema, {})));
});

Deno.test("waive: given, counted, ended", () =>
  withInstalled(async (root) => {
    const words = ["--for", "90m", "--reason", " hosta is dying "];
    const given = await premigrate("waive", GUEST.toUpperCase(), ...words, "--root", root);
    assertEquals(given.code, 0, given.stderr);
    const [, id = ""] = /^waiver ([0-9a-f]{8}): /.exec(given.stdout) ?? [];
    const file = `${root}/var/lib/premigrate/waivers/${GUEST}`;
    assertEquals(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
    assertMatch(
      await Deno.readTextFile(file),
      /^premigrate-waiver 1\nid .*\nuntil \d+\nreason hosta is dying\nend\n$/,
    );

    const line = `{"uuid":"${GUEST}","waiver":"${id}"}\n`;
    const audit = `${root}/var/log/premigrate/audit.jsonl`;
    const longest = `{"waiver":"${id}","x":"${"x".repeat(100_000)}"}\n`;
    await Deno.writeTextFile(audit, `${line}{"waiver":"00000000"}\n{"waiver"\n${longest}${line}`);
    const gzip = new Blob([line]).stream().pipeThrough(new CompressionStream("gzip"));
    await Deno.writeFile(`${audit}.1.gz`, gzip);
    await Deno.writeTextFile(
      `${root}/var/lib/premigrate/waivers/${OTHER}`,
      "premigrate-waiver 1\n",
    );
    const { stdout } = await premigrate("waive", "--list", "--root", root);
    assertEquals(stdout.split("\n").length, 3);
    assertMatch(
      stdout,
      new RegExp(`^${GUEST}  ${id}  1h (29|30)m left, used 3 times: hosta is dying$`, "m"),
    );
    assertMatch(stdout, new RegExp(`^${OTHER}  damaged, waives nothing$`, "m"));

    const text = await Deno.readTextFile(file);
    await Deno.writeTextFile(file, text.replace(/until \d+/, "until 1700000000"));
    const [expired] = JSON.parse(
      (await premigrate("waive", "--list", "--json", "--root", root)).stdout,
    );
    assertEquals([expired.guest, expired.state, expired.left, expired.uses], [
      GUEST,
      "expired",
      0,
      3,
    ]);

    assertEquals((await premigrate("waive", GUEST, "--end", "--root", root)).code, 0);
    assertRefused(await premigrate("waive", GUEST, "--end", "--root", root), "it has no waiver");
  }));

Deno.test("waive: by the name of a guest that came here", () =>
  withInstalled(async (root) => {
    const audit = `${root}/var/log/premigrate/audit.jsonl`;
    const came = (guest: string, uuid: string | null): string =>
      `${JSON.stringify({ guest, uuid, effect: "refused" })}\n`;
    const lines = [came("vm1", GUEST), came("vm1", GUEST), came("vm2", OTHER), came("vm3", null)];
    await Deno.writeTextFile(audit, `${lines.join("")}{"guest":"vm1","uuid"\n`);
    const waive = (name: string, ...words: string[]): Promise<Finished> =>
      premigrate("waive", name, ...words, "--root", root);
    const given = await waive("vm1", "--for", "1h", "--reason", "x");
    assertMatch(given.stdout, new RegExp(`^waiver [0-9a-f]{8}: ${GUEST} passes until `));
    assertEquals((await waive("vm1", "--end")).stdout, `ended the waiver of ${GUEST}\n`);
    assertRefused(await waive("vm3", "--end"), 'Cannot find a guest "vm3"');

    await Deno.writeTextFile(audit, came("vm1", OTHER), { append: true });
    assertRefused(
      await waive("vm1", "--for", "1h", "--reason", "x"),
      `Several guests are called "vm1": wanted a UUID, one of ${GUEST}, ${OTHER}`,
    );
  }));

/** Command lines of `waive` that are refused. */
const REFUSED: Record<string, readonly [words: readonly string[], message: string]> = {
  "nothing": [[], "Wanted one of"],
  "a guest alone": [[GUEST], "Wanted one of"],
  "no reason": [[GUEST, "--for", "1h"], "Wanted --reason"],
  "an empty reason": [[GUEST, "--for", "1h", "--reason", "  "], "Wanted --reason"],
  "two lines": [[GUEST, "--for", "1h", "--reason", "a\nend"], "wanted a reason of one line"],
  "a reason that turns around": [[GUEST, "--for", "1h", "--reason", "a\u202eb"], "of one line"],
  "a page": [[GUEST, "--for", "1h", "--reason", "x".repeat(1001)], "1 to 1000 characters"],
  "no time": [[GUEST, "--reason", "x"], "Wanted --for"],
  "no such time": [[GUEST, "--for", "soon", "--reason", "x"], 'found "soon"'],
  "no time at all": [[GUEST, "--for", "0s", "--reason", "x"], "Wanted --for"],
  "more than a week": [[GUEST, "--for", "8d", "--reason", "x"], "7d at most"],
  "a name that nobody knows": [
    ["vm1", "--for", "1h", "--reason", "x"],
    'Cannot find a guest "vm1"',
  ],
  "a path": [["../x", "--end"], 'Cannot find a guest "../x"'],
  "no guest": [["--end"], "Wanted a guest's name or UUID"],
  "both": [[GUEST, "--end", "--list"], "Wanted one of"],
  "a list of one": [[GUEST, "--list"], "--list wants no guest"],
};

for (const [name, [words, message]] of Object.entries(REFUSED)) {
  Deno.test(`waive: refused: ${name}`, () =>
    withRoot(async (root) => {
      await Deno.mkdir(`${root}/var/lib/premigrate/waivers`, { recursive: true });
      assertRefused(await premigrate("waive", ...words, "--root", root), message);
      assertEquals(await Array.fromAsync(Deno.readDir(`${root}/var/lib/premigrate/waivers`)), []);
    }));
}

Deno.test("waive: where nothing is installed", () =>
  withRoot(async (root) => {
    const words = [GUEST, "--for", "1h", "--reason", "x"];
    assertRefused(
      await premigrate("waive", ...words, "--root", root),
      "run `premigrate install` first",
    );
    assertEquals(await premigrate("waive", "--list", "--root", root), {
      code: 0,
      stdout: "",
      stderr: "",
    });
  }));

Deno.test("doctor: exits with 1 where nothing is installed, and tells a line for each check", () =>
  withRoot(async (root) => {
    const { code, stdout, stderr } = await premigrate("doctor", "--root", root);
    assertEquals([code, stderr], [1, ""]);
    for (const line of stdout.trimEnd().split("\n")) {
      assertMatch(line, /^ *[A-Z]+: Checking .*: (PASS|WARN|FAIL)( \(.*\))?$/);
    }
    const json = await premigrate("doctor", "--json", "--root", root);
    assertEquals(json.code, 1);
    assertEquals(JSON.parse(json.stdout).length, stdout.trimEnd().split("\n").length);
  }));

Deno.test("a root is a folder", async () => {
  assertRefused(await premigrate("doctor", "--root="), "");
});
