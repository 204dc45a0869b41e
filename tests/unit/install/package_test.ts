/** The packages: what is in them, and what they say of it. A chroot installs them: tests/e2e/package_test.ts. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { writeMetrics } from "../../../lib/agent/metrics.ts";
import { install } from "../../../lib/install/install.ts";
import { itemsOf, PRIVATE_FOLDERS } from "../../../lib/install/layout.ts";
import { parseManifest, readManifest, writeManifest } from "../../../lib/install/manifest.ts";
import { makePackages } from "../../../lib/install/package/main.ts";
import { uninstall } from "../../../lib/install/uninstall.ts";
import { version } from "../../../lib/config/version.ts";
import { DIST, isInstalled, run, withRoot } from "../../helpers/install_host.ts";

const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
const HOOK = "/etc/libvirt/hooks/qemu.d/90-premigrate";

/** The beginning of a program for Linux on a machine, by its number. */
async function fakeDeno(folder: string, machine: number): Promise<string> {
  const header = new Uint8Array(64);
  header.set(new TextEncoder().encode("\x7fELF"));
  new DataView(header.buffer).setUint16(18, machine, true);
  await Deno.writeFile(`${folder}/deno`, header);
  return `${folder}/deno`;
}

async function succeed(...command: [string, ...string[]]): Promise<string> {
  const { code, stdout, stderr } = await run(command, { PATH });
  assertEquals(code, 0, stderr);
  return stdout;
}

/** Hands over the package of a kind that is made here, unless its program is not installed. */
function testPackage(
  { name, program, pattern }: {
    readonly name: string;
    readonly program: string;
    readonly pattern: RegExp;
  },
  use: (path: string, root: string) => Promise<void>,
): void {
  const ignore = !isInstalled(program);
  Deno.test({
    name: ignore ? `${name} (left out: there is no ${program})` : name,
    ignore,
    fn: () =>
      withRoot(async (root) => {
        const deno = await fakeDeno(root, 62);
        const { made } = await makePackages({ dist: DIST, deno, output: root });
        const path = made.find((path) => pattern.test(path));
        assert(path !== undefined, made.join(", "));
        await use(path, root);
      }),
  });
}

const DEB = { program: "dpkg-deb", pattern: /\.deb$/ };
const RPM = { program: "rpmbuild", pattern: /\.rpm$/ };

/** What an installation has and a package brings: the hook is put in its place by its scripts. */
const packed = async (deno: string): Promise<string[]> =>
  (await itemsOf(DIST, deno)).map(({ path }) => path).filter((path) => path !== HOOK);

testPackage({ name: "the .deb brings what install does", ...DEB }, async (path, root) => {
  await succeed("dpkg-deb", "--extract", path, `${root}/x`);
  for (const item of await itemsOf(DIST, `${root}/deno`)) {
    if (item.kind === "hook") continue;
    const info = await Deno.lstat(`${root}/x${item.path}`);
    if (!(item.content instanceof Uint8Array)) {
      assertEquals(await Deno.readLink(`${root}/x${item.path}`), item.content.link);
      continue;
    }
    assertEquals((info.mode ?? 0) & 0o7777, item.mode, item.path);
    assertEquals(await Deno.readFile(`${root}/x${item.path}`), item.content, item.path);
  }
  for (const folder of PRIVATE_FOLDERS) {
    assertEquals(((await Deno.stat(`${root}/x${folder}`)).mode ?? 0) & 0o7777, 0o700, folder);
  }
  const manifest = await readManifest(`${root}/x`);
  assertEquals([manifest?.version, manifest?.package], [version, "deb"]);
  const listed = await succeed("dpkg-deb", "--contents", path);
  const owners = listed.trim().split("\n").filter((line) => !/^\S+ root\/root /.test(line));
  assertEquals(owners, []);
});

testPackage({ name: "the .deb says what dpkg must know", ...DEB }, async (path, root) => {
  const field = async (name: string): Promise<string> =>
    (await succeed("dpkg-deb", "--field", path, name)).trim();
  assertEquals(await field("Version"), version.replace("-", "~"));
  assertEquals(await field("Architecture"), "amd64");
  await succeed("dpkg-deb", "--control", path, `${root}/control`);
  const choices = (await itemsOf(DIST, `${root}/deno`)).filter(({ kind }) => kind === "choice");
  assertEquals(
    (await Deno.readTextFile(`${root}/control/conffiles`)).trim().split("\n"),
    choices.map(({ path }) => path),
  );
  for (const name of ["preinst", "postinst", "prerm", "postrm"]) {
    const script = `${root}/control/${name}`;
    assertEquals(((await Deno.stat(script)).mode ?? 0) & 0o777, 0o755, name);
    if (isInstalled("shellcheck")) {
      // Each script has all functions, and calls one.
      assertEquals(await succeed("shellcheck", "--shell=sh", "--exclude=SC2317", script), "", name);
    }
  }
});

testPackage({ name: "the .rpm brings what install does", ...RPM }, async (path, root) => {
  const listed = (await succeed("rpm", "-qlp", path)).trim().split("\n");
  const wanted = [...await packed(`${root}/deno`), ...PRIVATE_FOLDERS];
  assertEquals(wanted.filter((path) => !listed.includes(path)), []);
  const choices = (await itemsOf(DIST, `${root}/deno`)).filter(({ kind }) => kind === "choice");
  const configuration = (await succeed("rpm", "-qcp", path)).trim().split("\n");
  assertEquals(configuration.sort(), choices.map(({ path }) => path).sort());
  assertEquals(
    await succeed("rpm", "-qp", "--queryformat", "%{VERSION} %{ARCH}", path),
    `${version.replace("-", "~")} x86_64`,
  );
  const scripts = await succeed("rpm", "-qp", "--scripts", path);
  for (const name of ["preinstall", "postinstall", "preuninstall", "postuninstall"]) {
    assertStringIncludes(scripts, `${name} scriptlet (using /bin/sh)`);
  }
});

Deno.test("a package is for the machine of the Deno in it", () =>
  withRoot(async (root) => {
    if (!isInstalled("dpkg-deb")) return;
    const deno = await fakeDeno(root, 183);
    const { made } = await makePackages({ dist: DIST, deno, output: root });
    assert(made.some((path) => path.endsWith("_arm64.deb")), made.join(", "));
    for (const machine of [3, 62 << 8]) {
      await fakeDeno(root, machine);
      await assertRejects(
        () => makePackages({ dist: DIST, deno, output: root }),
        PremigrateError,
        "is no Deno for Linux on x86_64 or aarch64",
      );
    }
    await assertRejects(
      () => makePackages({ dist: DIST, deno: `${root}/missing`, output: root }),
      PremigrateError,
      "run `deno task build` first",
    );
  }));

for (
  const [kind, said] of [["deb", "apt remove premigrate"], [
    "rpm",
    "dnf remove premigrate",
  ]] as const
) {
  Deno.test(`what came as a ${kind} package is changed by that package manager alone`, () =>
    withRoot(async (root) => {
      const lib = `${root}/usr/lib/premigrate`;
      await Deno.mkdir(lib, { recursive: true });
      const text = writeManifest({ version: "0.0.1", package: kind, files: {}, folders: [] });
      assertEquals(parseManifest("manifest.json", text).package, kind);
      await Deno.writeTextFile(`${lib}/manifest.json`, text);
      const before = await Array.fromAsync(Deno.readDir(root), ({ name }) => name);
      const ways: readonly [string, () => Promise<unknown>][] = [
        ["Cannot install: ", () => install({ dist: DIST, root, deno: Deno.execPath() })],
        ["Cannot uninstall: ", () => uninstall(root, { purge: true })],
      ];
      for (const [doing, change] of ways) {
        const { message } = await assertRejects(change, PremigrateError);
        assertStringIncludes(message, `${doing}premigrate 0.0.1 came as a ${kind} package; `);
        assertStringIncludes(message, said);
      }
      assertEquals(await Array.fromAsync(Deno.readDir(root), ({ name }) => name), before);
    }));
}

Deno.test("a package that is removed takes the agent's metrics with it", () =>
  withRoot(async (root) => {
    const host = { "/var/lib/premigrate": "state", "/etc/libvirt/hooks": "hooks" };
    let script = await Deno.readTextFile("lib/install/package/scripts.sh");
    for (const [path, folder] of Object.entries(host)) {
      assertStringIncludes(script, `=${path}\n`);
      script = script.replace(`=${path}\n`, `='${root}/${folder}'\n`);
    }
    for (const folder of ["state", "collector", "bin"]) await Deno.mkdir(`${root}/${folder}`);
    await Deno.writeTextFile(`${root}/bin/systemctl`, "#!/bin/sh\n", { mode: 0o755 });
    const paths = { root, state: `${root}/state`, audit: `${root}/audit` };
    const report = { problems: [], stamped: [], changes: [], isUnfinished: false };
    await writeMetrics(paths, "/collector", report, 0);
    await Deno.writeTextFile(`${root}/collector/other.prom`, "");
    for (const _ of ["there", "gone"]) {
      const { code, stderr } = await run(["sh", "-c", `${script}\nremove`], {
        PATH: `${root}/bin:${PATH}`,
      });
      assertEquals([code, stderr], [0, ""]);
    }
    assertEquals(await Array.fromAsync(Deno.readDir(`${root}/collector`), ({ name }) => name), [
      "other.prom",
    ]);
    await Deno.remove(`${root}/state/metrics.json`);
    await succeed("sh", "-c", `PATH='${root}/bin:${PATH}'\n${script}\nremove`);
  }));
