import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { build } from "../../../lib/install/build.ts";
import { DIST_FILES } from "../../../lib/install/dist_files.ts";
import { putDeno } from "../../../lib/install/put_deno.ts";
import { version } from "../../../lib/config/version.ts";
import { PLUGIN_CASES } from "../../cases/plugins.ts";
import { DIST, isInstalled, run, withRoot } from "../../helpers/install_host.ts";

const DENO = Deno.execPath();
const DENO_FOLDER = DENO.slice(0, DENO.lastIndexOf("/"));
const OFFLINE = ["--no-config", "--no-lock", "--no-npm", "--no-remote", "--cached-only"] as const;

Deno.test("a build is whole, and holds nothing else", async () => {
  const names = await Array.fromAsync(Deno.readDir(DIST), ({ name }) => name);
  assertEquals(names.sort(), [...DIST_FILES].sort());
});

Deno.test("the digest is that of the hook's program", async () => {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(`${DIST}/hook.js`));
  assertEquals(await Deno.readTextFile(`${DIST}/hook.js.sha256`), `${encodeHex(digest)}\n`);
});

Deno.test("a build is the same wherever it is made, and names no path of that machine", () =>
  withRoot(async (folder) => {
    await build(folder);
    const sources = decodeURIComponent(new URL("../../../", import.meta.url).pathname);
    for (const name of DIST_FILES) {
      const text = await Deno.readTextFile(`${folder}/${name}`);
      assertEquals(text === await Deno.readTextFile(`${DIST}/${name}`), true, name);
      for (const path of [sources, DIST, folder, "npm/registry."]) {
        assert(!text.includes(path), `${name} has ${path}`);
      }
    }
  }));

Deno.test("the hook's program has no policy's cases", async () => {
  const program = await Deno.readTextFile(`${DIST}/hook.js`);
  const names = Object.values(PLUGIN_CASES).flat().map(({ name }) => JSON.stringify(name));
  assertEquals(names.filter((name) => program.includes(name)), []);
});

Deno.test("the command's program needs no cache and no registry", () =>
  withRoot(async (folder) => {
    const words = ["run", "--quiet", "--no-prompt", ...OFFLINE, `${DIST}/premigrate.js`] as const;
    const { code, stdout, stderr } = await run([DENO, ...words, "--version"], { DENO_DIR: folder });
    assertEquals([code, stdout, stderr], [0, `premigrate ${version}\n`, ""]);
  }));

Deno.test("what is installed says where a policy is built and tested", () =>
  withRoot(async (folder) => {
    const words = ["run", "--quiet", "--no-prompt", ...OFFLINE, "--allow-read", "--allow-write"];
    for (const command of ["build", "test"]) {
      const { code, stderr } = await run(
        [DENO, ...words, `${DIST}/premigrate.js`, "policy", command, "policy.ts"],
        { DENO_DIR: folder },
      );
      assertEquals(code, 2);
      assertStringIncludes(stderr, "run `deno task premigrate policy` in a clone");
    }
  }));

Deno.test("VFIO's reader is found beside the program", () =>
  withRoot(async (folder) => {
    const words = ["run", "--quiet", "--no-prompt", ...OFFLINE, "--allow-ffi"] as const;
    const uuid = "00000000-0000-4000-8000-000000000000";
    const { stdout, stderr } = await run(
      [DENO, ...words, `${DIST}/vfio_region_main.js`, uuid, "4095"],
      { DENO_DIR: folder },
    );
    assertStringIncludes(stdout, '"result"', stderr);
    assertStringIncludes(await Deno.readTextFile(`${DIST}/premigrate.js`), "vfio_region_main.js");
  }));

Deno.test("the command runs without any variable, through links of links", () =>
  withRoot(async (root) => {
    await Deno.symlink(DIST, `${root}/lib`);
    await Deno.symlink("lib/premigrate", `${root}/one`);
    await Deno.symlink(`${root}/one`, `${root}/two`);
    for (const path of [`${DIST}/premigrate`, `${root}/lib/premigrate`, `${root}/two`]) {
      const { code, stdout, stderr } = await run([path, "--version"], {
        PATH: `${DENO_FOLDER}:/usr/bin:/bin`,
      });
      assertEquals([code, stdout, stderr], [0, `premigrate ${version}\n`, ""], path);
    }
  }));

Deno.test("a build gets the Deno that it is to have, by a hard link, and loses it again", () =>
  withRoot(async (folder) => {
    const source = `${folder}/of this machine`;
    await Deno.copyFile(DENO, source);
    await Deno.symlink(source, `${folder}/link`);
    const dist = `${folder}/dist`;
    await run(["cp", "-r", DIST, dist], { PATH: "/usr/bin:/bin" });
    await putDeno(dist, `${folder}/link`);
    const [{ ino }, own] = await Promise.all([Deno.stat(source), Deno.lstat(`${dist}/deno`)]);
    assertEquals([own.isFile, own.ino], [true, ino]);
    // PATH has none.
    const { code, stdout, stderr } = await run(["sh", `${dist}/premigrate`, "--version"], {
      PATH: "/usr/bin:/bin",
    });
    assertEquals([code, stdout, stderr], [0, `premigrate ${version}\n`, ""]);

    // As when the build is made by the Deno of the one before.
    await putDeno(dist, `${dist}/deno`);
    assertEquals((await Deno.stat(`${dist}/deno`)).ino, ino);
    await Deno.writeTextFile(`${folder}/script`, "#!/usr/bin/env node\n");
    for (const path of [`${folder}/script`, `${folder}/none`, folder]) {
      const error = await assertRejects(() => putDeno(dist, path), PremigrateError);
      assertStringIncludes(error.message, "it is no program of Linux");
    }
    await putDeno(dist, undefined);
    assertEquals(await Deno.stat(`${dist}/deno`).catch(() => "gone"), "gone");
    await putDeno(dist, undefined);
  }));

Deno.test("where the command finds Deno: beside itself before PATH, what was chosen before both", () =>
  withRoot(async (root) => {
    const lib = `${root}/usr/lib/premigrate`;
    const put = (path: string, name: string): Promise<void> =>
      Deno.writeTextFile(path, `#!/bin/sh\necho ${name}\n`, { mode: 0o755 });
    for (const path of [lib, `${root}/bin`, `${root}/etc/premigrate`]) {
      await Deno.mkdir(path, { recursive: true });
    }
    await Deno.copyFile(`${DIST}/premigrate`, `${lib}/premigrate`);
    const found = async (): Promise<string> => {
      const PATH = `${root}/bin:/usr/bin:/bin`;
      return (await run(["sh", `${lib}/premigrate`, "--version"], { PATH })).stdout.trim();
    };
    await put(`${root}/bin/deno`, "path");
    assertEquals(await found(), "path");
    await Deno.mkdir(`${lib}/deno`);
    assertEquals(await found(), "path");
    await Deno.remove(`${lib}/deno`);
    await put(`${lib}/deno`, "beside");
    assertEquals(await found(), "beside");
    await put(`${root}/chosen`, "chosen");
    await Deno.writeTextFile(
      `${root}/etc/premigrate/applied.conf`,
      `premigrate 1\ndeno ${root}/chosen\n`,
    );
    assertEquals(await found(), "chosen");
    await Deno.remove(`${root}/chosen`);
    assertEquals(await found(), "beside");
  }));

Deno.test("without a Deno the command says so in a line", () =>
  withRoot(async (root) => {
    for (const name of ["dirname", "readlink", "sh"]) {
      const { stdout } = await run(["sh", "-c", `command -v ${name}`], { PATH: "/usr/bin:/bin" });
      await Deno.symlink(stdout.trim(), `${root}/${name}`);
    }
    const { code, stdout, stderr } = await run([`${DIST}/premigrate`, "--version"], { PATH: root });
    assertEquals([code, stdout], [2, ""]);
    assertEquals(stderr.match(/^premigrate: Cannot start Deno: [^\n]+\n$/)?.length, 1, stderr);
  }));

Deno.test({
  name: `shellcheck has nothing to say of the command and the plugins' runner${
    isInstalled("shellcheck") ? "" : " (left out: it is not installed)"
  }`,
  ignore: !isInstalled("shellcheck"),
  async fn(): Promise<void> {
    const scripts = ["premigrate", "plugin.sh"].map((name) => `${DIST}/${name}`);
    const { stdout } = await run(["shellcheck", "--shell=sh", ...scripts], {
      PATH: Deno.env.get("PATH") ?? "",
    });
    assertEquals(stdout, "");
  },
});

Deno.test({
  name: `logrotate rotates the audit${
    isInstalled("/usr/sbin/logrotate") ? "" : " (left out: it is not installed)"
  }`,
  ignore: !isInstalled("/usr/sbin/logrotate"),
  fn: () =>
    withRoot(async (root) => {
      const audit = `${root}/audit.jsonl`;
      const text = (await Deno.readTextFile(`${DIST}/logrotate.conf`))
        .replace("/var/log/premigrate/audit.jsonl", `"${audit}"`);
      await Deno.writeTextFile(`${root}/conf`, text, { mode: 0o644 });
      await Deno.writeTextFile(audit, '{"a":1}\n', { mode: 0o600 });
      const rotate = async (): Promise<string> => {
        const { code, stderr } = await run(
          [
            "/usr/sbin/logrotate",
            "--verbose",
            "--force",
            "--state",
            `${root}/state`,
            `${root}/conf`,
          ],
          { PATH: "/usr/sbin:/usr/bin:/bin" },
        );
        assertEquals(code, 0, stderr);
        return stderr;
      };
      assert(!(await rotate()).includes("error:"));
      assertEquals(((await Deno.stat(audit)).mode ?? 0) & 0o777, 0o600);
      assertEquals(await Deno.readTextFile(audit), "");
      assert((await Deno.stat(`${audit}.1.gz`)).isFile);
      // An empty file stays, a missing one is no error.
      await rotate();
      await Deno.remove(audit);
      await rotate();
    }),
});

Deno.test({
  name: `systemd takes the unit${
    isInstalled("systemd-analyze") ? "" : " (left out: it is not installed)"
  }`,
  ignore: !isInstalled("systemd-analyze"),
  fn: () =>
    withRoot(async (root) => {
      const unit = await Deno.readTextFile(`${DIST}/premigrate-agent.service`);
      assertStringIncludes(unit, "ExecStart=/usr/lib/premigrate/premigrate agent\n");
      const file = `${root.replaceAll(" ", "")}.service`;
      await Deno.writeTextFile(file, unit.replace("/usr/lib/premigrate/premigrate", "/bin/true"));
      try {
        const { code, stderr } = await run(["systemd-analyze", "verify", "--man=no", file], {
          PATH: Deno.env.get("PATH") ?? "",
        });
        const ours = stderr.split("\n").filter((line) => line.includes("premigrate"));
        assertEquals([code, ours], [0, []], stderr);
      } finally {
        await Deno.remove(file);
      }
    }),
});
