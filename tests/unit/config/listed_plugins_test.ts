/** Code plugins in the configuration: from the file that is listed to what the hook runs by. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { parseApplied } from "../../../lib/config/config.ts";
import { CHECKS, diagnose } from "../../../lib/install/doctor/doctor.ts";
import { HOST_IO } from "../../../lib/install/host_io.ts";
import { buildPlugin } from "../../../lib/plugin/mod.ts";
import type { Finished } from "../../helpers/run_program.ts";
import { DIST, run, withRoot } from "../../helpers/install_host.ts";

const PATH = `${Deno.execPath().replace(/\/[^/]*$/, "")}:/usr/sbin:/usr/bin:/sbin:/bin`;
const ID = "example/revision";
const { code: CODE } = await buildPlugin("plugins/example/revision/policy.ts");

async function digestOf(code: Uint8Array): Promise<string> {
  return encodeHex(await crypto.subtle.digest("SHA-256", code.slice()));
}

interface Installed {
  readonly root: string;
  config(...words: readonly string[]): Promise<Finished>;
  /** Puts a plugin in its place and lists it. */
  list(code: string | Uint8Array, changes?: Partial<Listing>): Promise<void>;
}

interface Listing {
  readonly id: string;
  readonly file: string;
  readonly digest: string;
  readonly options: string;
}

async function withInstalled(use: (installed: Installed) => Promise<void>): Promise<void> {
  await withRoot(async (folder) => {
    const root = `${folder}/host`;
    const premigrate = (...words: readonly string[]): Promise<Finished> =>
      run([`${DIST}/premigrate`, ...words, "--root", root], { PATH });
    const { code, stderr } = await premigrate("install");
    assertEquals(code, 0, stderr);
    await use({
      root,
      config: (...words) => premigrate("config", ...words),
      async list(code, { id = ID, file = "plugins/a.js", digest, options } = {}): Promise<void> {
        const bytes = typeof code === "string" ? new TextEncoder().encode(code) : code;
        await Deno.mkdir(`${root}/etc/premigrate/plugins`, { recursive: true });
        await Deno.writeFile(`${root}/etc/premigrate/plugins/a.js`, bytes);
        await Deno.writeTextFile(
          `${root}/etc/premigrate/config.yaml`,
          `plugins:\n  ${id}:\n    file: ${file}\n    digest: "${
            digest ?? await digestOf(bytes)
          }"\n` +
            (options === undefined ? "" : `policies:\n  ${id}: {options: ${options}}\n`),
        );
      },
    });
  });
}

Deno.test("a plugin is checked, applied and shown, and stays as it was when it was applied", () =>
  withInstalled(async ({ root, config, list }) => {
    await list(CODE);
    assertEquals((await config("check")).code, 0);
    const applied = await config("apply");
    assertEquals(applied.code, 0, applied.stderr);
    const digest = await digestOf(CODE);
    assertEquals(applied.stdout.split("\n").slice(1), [
      // No mode is one that enforces, and the template's observes.
      "  mode: observe -> enforce",
      `  plugins.${ID}.file: (none) -> plugins/a.js`,
      `  plugins.${ID}.digest: (none) -> ${digest}`,
      "",
    ]);
    assertMatch((await config("apply")).stdout, /^unchanged /);
    assertMatch((await config("show")).stdout, new RegExp(`^plugins\\.${ID}\\.digest: `, "m"));
    assert(!(await config("show", "--json")).stdout.includes("documentation"));

    const path = `${root}/etc/premigrate/applied.conf`;
    const text = await Deno.readTextFile(path);
    assertMatch(text, /^plugins yes$/m);
    assertEquals(Object.keys(parseApplied(text).loaded ?? {}), [ID]);
    await Deno.remove(`${root}/etc/premigrate/plugins/a.js`);
    assertEquals((await config("apply")).code, 2);
    assertEquals(await Deno.readTextFile(path), text);
  }));

Deno.test("an absolute path is below the root", () =>
  withInstalled(async ({ config, list }) => {
    await list(CODE, { file: "/etc/premigrate/plugins/a.js" });
    const { code, stderr } = await config("check");
    assertEquals(code, 0, stderr);
  }));

const answer = (expression: string): string => `export const answer = () => (${expression});`;
const described = (id: string): string =>
  answer(`{ id: "${id}", title: "T", documentation: "", match: {}, codes: {},
    ofGuest: false }`);

const REFUSED: Readonly<
  Record<string, readonly [code: string | Uint8Array, listing: Partial<Listing>, problem: string]>
> = {
  "another digest": [
    CODE,
    { digest: "0".repeat(64) },
    `line 4, column 5: at plugins.${ID}.digest: its SHA-256 digest is ${await digestOf(CODE)}`,
  ],
  "no digest": [CODE, { digest: "sha" }, `at plugins.${ID}.digest: wanted a SHA-256 digest of 64`],
  "no file": [
    CODE,
    { file: "b.js" },
    `line 3, column 5: at plugins.${ID}.file: there is no such file`,
  ],
  "a folder": [CODE, { file: "plugins" }, "it is no regular file"],
  "a file outside of the root": [
    CODE,
    { file: "/../../../../../../dev/zero" },
    "there is no such file",
  ],
  "a large file": [`// ${"a".repeat(1024 * 1024)}`, {}, "wanted 1048576 at most"],
  "another id": [CODE, { id: "acme/other" }, "line 2, column 3: at plugins.acme/other: the plugin"],
  "a built-in policy's id": [
    described("nvidia/vsc"),
    { id: "nvidia/vsc" },
    "says that it is nvidia/vsc, which is another policy's id",
  ],
  "a site's id": [described("site/a"), { id: "site/a" }, "which is another policy's id"],
  "an id that is none": [described("a"), { id: "a" }, "wanted a policy's id"],
  "one that throws": [
    answer(`(() => { throw new Error("no\\u001b[2J") })()`),
    {},
    `Plugin ${ID} threw: no`,
  ],
  "one that hangs": ["for (;;);", {}, "had not answered after 10 seconds"],
  "one that reaches out": [answer(`Deno.readTextFileSync("/etc/passwd")`), {}, ": read"],
  "what is no plugin": ["1", {}, `Plugin ${ID} threw`],
  "options that it has not": [
    CODE,
    { options: "{what: 1}" },
    "Cannot set the options of policy example/revision",
  ],
};

for (const [name, [code, listing, problem]] of Object.entries(REFUSED)) {
  Deno.test(`refused: ${name}`, () =>
    withInstalled(async ({ root, config, list }) => {
      const applied = `${root}/etc/premigrate/applied.conf`;
      const before = await Deno.readTextFile(applied);
      await list(code, listing);
      for (const word of ["check", "apply"]) {
        const { code, stdout, stderr } = await config(word);
        assertEquals([code, stdout], [2, ""]);
        assertMatch(stderr, /^premigrate: [^\p{Cc}]+\n$/u);
        assertStringIncludes(stderr, problem);
      }
      assertEquals(await Deno.readTextFile(applied), before);
    }));
}

Deno.test("refused: a pipe into which nobody writes", () =>
  withInstalled(async ({ root, config, list }) => {
    await list(CODE, { file: "pipe" });
    assertEquals((await run(["mkfifo", `${root}/etc/premigrate/pipe`], { PATH })).code, 0);
    const { code, stderr } = await config("check");
    assertEquals(code, 2);
    assertStringIncludes(stderr, "it is no regular file");
  }));

Deno.test("doctor: a plugin that answers, one that was built anew, and one that does not", () =>
  withInstalled(async ({ root, config, list }) => {
    const grade = async (): Promise<string> => {
      const lines = await Array.fromAsync(diagnose(HOST_IO, root));
      const line = lines.find(({ title }) => title === "for code plugins");
      return `${line?.grade} ${line?.detail}`;
    };
    assert(CHECKS.some(({ title }) => title === "for code plugins"));
    assertEquals(await grade(), "PASS there are none");
    await list(CODE);
    assertEquals((await config("apply")).code, 0);
    assertEquals(await grade(), "PASS 1 answer");
    const file = `${root}/etc/premigrate/plugins/a.js`;
    await Deno.writeTextFile(file, "1");
    assertMatch(await grade(), /^WARN .*a\.js: its SHA-256 digest is /);
    await Deno.chmod(`${root}/usr/lib/premigrate/plugin.sh`, 0o644);
    assertMatch(await grade(), /^FAIL example\/revision does not answer: .*ermission denied/);
    await Deno.chmod(`${root}/usr/lib/premigrate/plugin.sh`, 0o755);
    await Deno.remove(`${root}/usr/lib/premigrate/plugin_child.js`);
    assertMatch(await grade(), /^FAIL example\/revision does not answer: it ended with 1/);
  }));
