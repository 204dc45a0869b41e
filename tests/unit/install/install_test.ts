import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { type Mode, parseApplied } from "../../../lib/config/config.ts";
import { applyConfig, compareConfigs, denoOf } from "../../../lib/config/apply.ts";
import { chooseDeno } from "../../../lib/install/choose_deno.ts";
import { install, type Installed, type InstallRequest } from "../../../lib/install/install.ts";
import { markOf } from "../../../lib/install/file_entry.ts";
import { parseManifest, readManifest, writeManifest } from "../../../lib/install/manifest.ts";
import type { Change } from "../../../lib/install/plan.ts";
import { uninstall } from "../../../lib/install/uninstall.ts";
import { version } from "../../../lib/config/version.ts";
import { DIST, run, snapshot, withRoot } from "../../helpers/install_host.ts";

const HOOK = "/etc/libvirt/hooks/qemu.d/90-premigrate";
const CONFIG = "/etc/premigrate/config.yaml";
const APPLIED = "/etc/premigrate/applied.conf";
const LIB = "/usr/lib/premigrate";
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** A small program that answers as Deno does when it is asked for its version, and runs the real one. */
async function fakeDeno(root: string, version = "2.9.6"): Promise<string> {
  const path = `${root}-deno`;
  const script = `#!/bin/sh
[ "$1" != --version ] || { echo "deno ${version} (stable)"; exit 0; }
exec "${Deno.execPath()}" "$@"
`;
  await Deno.writeTextFile(path, script, { mode: 0o755 });
  return path;
}

/** A root without spaces, as a Deno below it is to be named in a line of words; and a Deno beside it. */
async function withHost(use: (root: string, deno: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "premigrate-root-" });
  const deno = await fakeDeno(root);
  try {
    await use(root, deno);
  } finally {
    await Deno.remove(root, { recursive: true });
    await Deno.remove(deno);
  }
}

const put = async (path: string, text: string, mode = 0o644): Promise<void> => {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, text, { mode });
};

const installAt = (
  root: string,
  deno: string,
  more: Partial<InstallRequest> = {},
): Promise<Installed> => install({ dist: DIST, root, deno, ...more });

const whatOf = (changes: readonly Change[], path: string): string | undefined =>
  changes.find((change) => change.path === path)?.what;

Deno.test("install: the layout, with its modes", () =>
  withHost(async (root, deno) => {
    const { changes, isFirst, warnings } = await installAt(root, deno);
    assertEquals(isFirst, true);
    assertEquals(new Set(changes.map(({ what }) => what)), new Set(["made"]));
    const found = await snapshot(root);
    const modes = Object.fromEntries(
      Object.entries(found).map((
        [path, text],
      ) => [path, text.split(" ", text.startsWith("folder") ? 2 : 1).join(" ")]),
    );
    const listed = changes.map(({ path }) => path.slice(root.length)).sort();
    const files = Object.keys(modes).filter((path) =>
      !modes[path]?.startsWith("folder") || /^\/var\/.*premigrate/.test(path)
    );
    assertEquals(files.sort(), listed);
    for (const path of [HOOK, `${LIB}/premigrate`, `${LIB}/probe.sh`]) {
      assertEquals(modes[path], "755");
    }
    for (const path of [CONFIG, APPLIED, `${LIB}/hook.js`, "/etc/logrotate.d/premigrate"]) {
      assertEquals(modes[path], "644");
    }
    for (
      const path of files.filter((path) => path.startsWith("/var"))
    ) {
      assertEquals(modes[path], "folder 700", path);
    }
    assertEquals(modes["/etc/libvirt/hooks/qemu.d"], "folder 755");
    assertEquals(found["/usr/bin/premigrate"], "-> ../lib/premigrate/premigrate");
    assertEquals(denoOf(await Deno.readTextFile(`${root}${APPLIED}`)), deno);
    // The Deno of this test is below /tmp.
    assertEquals(warnings.length, 1);
  }));

Deno.test("install: no file names the root, so that the tree may be copied", () =>
  withHost(async (root, deno) => {
    await installAt(root, deno, { copyDeno: true });
    for (const [path, text] of Object.entries(await snapshot(root))) {
      assert(!text.includes(`${root}/`), path);
    }
    assertEquals(denoOf(await Deno.readTextFile(`${root}${APPLIED}`)), `${LIB}/deno`);
    const copy = `${root}-copy`;
    await run(["cp", "-a", root, copy], { PATH });
    try {
      await Deno.remove(root, { recursive: true });
      const { code, stdout, stderr } = await run([`${copy}/usr/bin/premigrate`, "--version"]);
      assertEquals([code, stdout, stderr], [0, `premigrate ${version}\n`, ""]);
      assertEquals((await uninstall(copy, { purge: false })).at(-1)?.what, "removed");
    } finally {
      await run(["mv", copy, root], { PATH });
    }
  }));

Deno.test("install: a second time nothing changes", () =>
  withHost(async (root, deno) => {
    await installAt(root, deno);
    const before = await snapshot(root);
    const { changes, isFirst } = await installAt(root, deno);
    assertEquals(isFirst, false);
    assertEquals(changes.filter(({ what }) => what !== "unchanged"), []);
    assertEquals(await snapshot(root), before);
  }));

Deno.test("install: under a strict umask too", () =>
  withHost(async (root, deno) => {
    const old = Deno.umask(0o077);
    try {
      await installAt(root, deno);
    } finally {
      Deno.umask(old);
    }
    for (const path of [HOOK, `${LIB}/premigrate`, "/etc/premigrate", "/usr/bin"]) {
      assertEquals(((await Deno.stat(`${root}${path}`)).mode ?? 0) & 0o777, 0o755, path);
    }
  }));

Deno.test("install: damaged programs, modes and folders are put right", () =>
  withHost(async (root, deno) => {
    await installAt(root, deno);
    const before = await snapshot(root);
    await put(`${root}${LIB}/hook.js`, "");
    await put(`${root}${APPLIED}`, "premigrate 1\n");
    await Deno.chmod(`${root}${HOOK}`, 0o644);
    await Deno.remove(`${root}${LIB}/probe.sh`);
    await Deno.chmod(`${root}/var/log/premigrate`, 0o755);
    const { changes } = await installAt(root, deno);
    for (const path of [`${LIB}/hook.js`, APPLIED, HOOK, "/var/log/premigrate"]) {
      assertEquals(whatOf(changes, `${root}${path}`), "changed", path);
    }
    assertEquals(whatOf(changes, `${root}${LIB}/probe.sh`), "made");
    assertEquals(await snapshot(root), before);
  }));

/** What an installation before left, and how the host decides after this one. */
const MODES: Readonly<Record<string, readonly [before: (root: string) => Promise<unknown>, Mode]>> =
  {
    "nothing": [() => Promise.resolve(), "observe"],
    "an older template, which enforced": [(root) => putOlder(root, "mode: enforce\n"), "enforce"],
    "an older template without a mode": [(root) => putOlder(root, "# all defaults\n"), "enforce"],
    "an older template, which observed": [(root) => putOlder(root, "mode: observe\n"), "observe"],
    "choices without a mode": [
      async (root) => {
        await putOlder(root, "mode: observe\n");
        await put(`${root}${CONFIG}`, "deadline: 5s\n");
      },
      "enforce",
    ],
    "a configuration that is gone": [
      async (root) => {
        await putOlder(root, "mode: enforce\n");
        await Deno.remove(`${root}${CONFIG}`);
      },
      "enforce",
    ],
    "nothing that can be read": [
      async (root) => {
        await putOlder(root, "mode: enforce\n");
        await Deno.remove(`${root}${CONFIG}`);
        await Deno.remove(`${root}${APPLIED}`);
      },
      "enforce",
    ],
    "choices that were kept when it was uninstalled": [
      (root) => put(`${root}${CONFIG}`, "deadline: 5s\n"),
      "enforce",
    ],
  };

/** As an older version leaves it that installed this template. */
async function putOlder(root: string, template: string): Promise<void> {
  const deno = await fakeDeno(root);
  const older = `${root}-older`;
  await run(["cp", "-r", DIST, older], { PATH });
  await put(`${older}/config.yaml`, template);
  await install({ dist: older, root, deno });
  await put(`${root}${CONFIG}`, template);
  await applyConfig(root);
  const manifest = await readManifest(root);
  const files = { ...manifest?.files, [CONFIG]: await markOf(new TextEncoder().encode(template)) };
  await put(
    `${root}${LIB}/manifest.json`,
    writeManifest({ version: "0.0.1", folders: [], ...manifest, files }),
  );
  await Deno.remove(older, { recursive: true });
}

for (const [name, [before, mode]] of Object.entries(MODES)) {
  Deno.test(`install: whether it enforces, after ${name}: ${mode}`, () =>
    withHost(async (root, deno) => {
      await before(root);
      const installed = await installAt(root, deno);
      const applied = parseApplied(await Deno.readTextFile(`${root}${APPLIED}`));
      assertEquals([installed.mode, applied.mode], [mode, mode]);
      assertEquals((await applyConfig(root)).changes, []);
    }));
}

Deno.test("install: the build's own Deno is kept, and is renewed with the next build", () =>
  withHost(async (root, deno) => {
    const dist = `${root}-a build`;
    await run(["cp", "-r", DIST, dist], { PATH });
    await Deno.copyFile(deno, `${dist}/deno`);
    try {
      const { warnings } = await install({ dist, root });
      assertEquals(warnings, []);
      assertEquals(denoOf(await Deno.readTextFile(`${root}${APPLIED}`)), `${LIB}/deno`);
      await Deno.writeTextFile(`${dist}/deno`, "# another\n", { append: true });
      assertEquals(
        whatOf((await install({ dist, root })).changes, `${root}${LIB}/deno`),
        "changed",
      );
      assertEquals(
        await Deno.readTextFile(`${root}${LIB}/deno`),
        await Deno.readTextFile(`${dist}/deno`),
      );
      // What the operator chooses goes before.
      const chosen = await install({ dist, root, deno });
      assertEquals(whatOf(chosen.changes, `${root}${LIB}/deno`), "removed");
      assertEquals(denoOf(await Deno.readTextFile(`${root}${APPLIED}`)), deno);
    } finally {
      await Deno.remove(dist, { recursive: true });
    }
  }));

Deno.test("install: a build's Deno of another architecture is found on the host, not below a root", () =>
  withHost(async (root) => {
    const own = `${root}/foreign`;
    await put(own, "\x7fELF of another architecture", 0o755);
    const error = await assertRejects(
      () => chooseDeno("", { own, copy: false }),
      PremigrateError,
    );
    assertStringIncludes(error.message, "it does not answer --version as Deno does");
    assertEquals((await chooseDeno(root, { own, copy: false })).path, `${LIB}/deno`);
  }));

Deno.test("install: another version's files go, its unchanged template is renewed", () =>
  withHost(async (root, deno) => {
    const older = `${root}/older`;
    await run(["cp", "-r", DIST, older], { PATH });
    await put(`${older}/config.yaml`, "# an older template\n");
    await put(`${older}/launcher.sh`, "#!/bin/sh\n# an older launcher\n");
    await install({ dist: older, root, deno, copyDeno: true });
    const { changes } = await installAt(root, deno);
    assertEquals(whatOf(changes, `${root}${CONFIG}`), "changed");
    assertEquals(whatOf(changes, `${root}${HOOK}`), "changed");
    assertEquals(whatOf(changes, `${root}${LIB}/deno`), "removed");
  }));

Deno.test("install: a copy of Deno that was asked for once is kept", () =>
  withHost(async (root) => {
    await installAt(root, Deno.execPath(), { copyDeno: true });
    const { changes } = await install({ dist: DIST, root });
    assertEquals(changes.filter(({ what }) => what !== "unchanged"), []);
  }));

Deno.test("install: the operator's choices stay, and are applied", () =>
  withHost(async (root, deno) => {
    await installAt(root, deno);
    await put(`${root}${CONFIG}`, "mode: observe\n");
    await put(`${root}/etc/logrotate.d/premigrate`, "# nothing\n");
    const { changes } = await installAt(root, deno);
    assertEquals(whatOf(changes, `${root}${CONFIG}`), "kept");
    assertEquals(whatOf(changes, `${root}/etc/logrotate.d/premigrate`), "kept");
    assertEquals(await Deno.readTextFile(`${root}${CONFIG}`), "mode: observe\n");
    assertEquals(parseApplied(await Deno.readTextFile(`${root}${APPLIED}`)).mode, "observe");
  }));

Deno.test("install: a configuration that was there before stays", () =>
  withHost(async (root, deno) => {
    await put(`${root}${CONFIG}`, "deadline: 5s\n");
    const { changes } = await installAt(root, deno);
    assertEquals(whatOf(changes, `${root}${CONFIG}`), "kept");
    assertEquals(parseApplied(await Deno.readTextFile(`${root}${APPLIED}`)).deadline, "5s");
    const removed = await uninstall(root, { purge: false });
    assertEquals(whatOf(removed, `${root}${CONFIG}`), undefined);
    assertEquals(await Deno.readTextFile(`${root}${CONFIG}`), "deadline: 5s\n");
  }));

Deno.test("install: other hooks are not touched", () =>
  withHost(async (root, deno) => {
    const hooks = `${root}/etc/libvirt/hooks`;
    await put(`${hooks}/qemu`, "#!/bin/sh\nexit 0\n", 0o755);
    await put(`${hooks}/qemu.d/10-other`, "#!/bin/sh\nexit 0\n", 0o700);
    const before = await snapshot(hooks);
    await installAt(root, deno);
    await uninstall(root, { purge: true });
    assertEquals(await snapshot(hooks), before);
  }));

/** What stands against an installation; nothing may have changed then. */
const REFUSED: Record<
  string,
  readonly [
    prepare: (root: string, deno: string) => Promise<unknown>,
    ErrorClass:
      | typeof PremigrateError
      | typeof PremigrateError
      | typeof PremigrateError
      | typeof PremigrateError,
    message: string,
    request?: Partial<InstallRequest>,
  ]
> = {
  "somebody else's hook of that name": [
    (root) => put(`${root}${HOOK}`, "#!/bin/sh\n", 0o755),
    PremigrateError,
    "it is not premigrate's; move it away first",
  ],
  "a hook that is a link": [
    async (root) => {
      await put(`${root}/elsewhere`, "#!/bin/sh\n", 0o755);
      await Deno.mkdir(`${root}/etc/libvirt/hooks/qemu.d`, { recursive: true });
      await Deno.symlink(`${root}/elsewhere`, `${root}${HOOK}`);
    },
    PremigrateError,
    "it is not premigrate's",
  ],
  "a folder in place of the hook": [
    (root) => Deno.mkdir(`${root}${HOOK}`, { recursive: true }),
    PremigrateError,
    "found a folder",
  ],
  "a file in place of qemu.d": [
    (root) => put(`${root}/etc/libvirt/hooks/qemu.d`, "#!/bin/sh\n"),
    PremigrateError,
    "a file in place of a folder above it",
  ],
  "a file in place of the logs": [
    (root) => put(`${root}/var/log/premigrate`, ""),
    PremigrateError,
    "wanted a folder",
  ],
  "a command of that name": [
    (root) => put(`${root}/usr/bin/premigrate`, "#!/bin/sh\n", 0o755),
    PremigrateError,
    "it is not premigrate's",
  ],
  "a hook that the operator changed": [
    async (root, deno) => {
      await installAt(root, deno);
      await Deno.writeTextFile(`${root}${HOOK}`, "\n# mine\n", { append: true });
      await Deno.remove(`${root}${LIB}/hook.js`);
    },
    PremigrateError,
    "it was changed since it was installed",
  ],
  "a configuration that is wrong": [
    (root) => put(`${root}${CONFIG}`, "\nmode: never\n"),
    PremigrateError,
    "config.yaml: line 2, column 1: at mode: ",
  ],
  "a damaged list of files": [
    (root) => put(`${root}${LIB}/manifest.json`, "{"),
    PremigrateError,
    "manifest.json: ",
  ],
  "a Deno that is not there": [
    () => Promise.resolve(),
    PremigrateError,
    "there is no such file",
    { deno: "/nowhere/deno" },
  ],
};

for (const [name, [prepare, ErrorClass, message, request]] of Object.entries(REFUSED)) {
  Deno.test(`install: refused, and nothing changed: ${name}`, () =>
    withHost(async (root, deno) => {
      await prepare(root, deno);
      const before = await snapshot(root);
      const error = await assertRejects(() => installAt(root, deno, request), ErrorClass);
      assertStringIncludes(error.message, message);
      assert(!error.message.includes("\n"));
      assertEquals(await snapshot(root), before);
    }));
}

Deno.test("choose Deno: what is none", () =>
  withHost(async (root) => {
    await put(`${root}/text`, "deno 2.9.6\n");
    await put(`${root}/other`, "#!/bin/sh\necho node 20\n", 0o755);
    await put(`${root}/old`, "#!/bin/sh\necho 'deno 1.46.3 (stable)'\n", 0o755);
    await put(`${root}/fails`, "#!/bin/sh\necho 'deno 2.9.6'; exit 1\n", 0o755);
    await put(`${root}/a b`, "#!/bin/sh\necho 'deno 2.9.6'\n", 0o755);
    const messages: Record<string, string> = {
      "bin/deno": "wanted an absolute path",
      [`${root}/a b`]: "wanted an absolute path of ASCII without spaces",
      [`${root}/a\nb`]: "wanted an absolute path",
      [`${root}/none`]: "there is no such file",
      [`${root}/text/deno`]: "there is no such file",
      [root]: "it is not executable",
      [`${root}/text`]: "it is not executable",
      [`${root}/other`]: "it does not answer --version as Deno does",
      [`${root}/fails`]: "it does not answer --version as Deno does",
      [`${root}/old`]: "it is version 1.46.3, wanted 2",
    };
    for (const [path, message] of Object.entries(messages)) {
      const error = await assertRejects(
        () => chooseDeno("", { path, copy: false }),
        PremigrateError,
      );
      assertStringIncludes(error.message, message);
    }
  }));

Deno.test("choose Deno: a warning where it may go away, none for a copy", () =>
  withHost(async (root, deno) => {
    assertMatch((await chooseDeno(root, { path: deno, copy: false })).warning ?? "", /may go away/);
    assertEquals((await chooseDeno(root, { path: deno, copy: true })).warning, undefined);
    await put(`${root}${LIB}/deno`, await Deno.readTextFile(deno), 0o755);
    const { path, source, isKept } = await chooseDeno(root, { path: `${LIB}/deno`, copy: false });
    assertEquals([path, source, isKept], [`${LIB}/deno`, `${root}${LIB}/deno`, true]);
  }));

Deno.test("uninstall: nothing is left of an installation that nobody changed", () =>
  withHost(async (root, deno) => {
    await installAt(root, deno, { copyDeno: true });
    const changes = await uninstall(root, { purge: false });
    assertEquals(changes[0]?.path, `${root}${HOOK}`);
    assertEquals(await snapshot(root), {});
  }));

Deno.test("uninstall: Prometheus is told no more", () =>
  withHost(async (root, deno) => {
    await installAt(root, deno);
    await put(`${root}${CONFIG}`, "agent:\n  metrics: /srv/collector\n");
    await applyConfig(root);
    await put(`${root}/srv/collector/premigrate.prom`, "premigrate_build_info 1\n");
    await put(`${root}/srv/collector/other.prom`, "other 1\n");
    const changes = await uninstall(root, { purge: false });
    const path = `${root}/srv/collector/premigrate.prom`;
    assertEquals(changes.filter((change) => change.path === path), [{ path, what: "removed" }]);
    assertEquals(Array.from(Deno.readDirSync(`${root}/srv/collector`), ({ name }) => name), [
      "other.prom",
    ]);
  }));

Deno.test("uninstall: what was changed or recorded stays, and is told", () =>
  withHost(async (root, deno) => {
    await installAt(root, deno);
    await put(`${root}${CONFIG}`, "mode: observe\n");
    await put(`${root}/var/log/premigrate/audit.jsonl`, "{}\n");
    await put(`${root}${LIB}/local.txt`, "mine\n");
    await put(`${root}/var/cache/premigrate/host.json`, "{}\n");
    await Deno.writeTextFile(`${root}${HOOK}`, "\n# mine\n", { append: true });
    const changes = await uninstall(root, { purge: false });
    const kept = changes.filter(({ what }) => what === "kept").map(({ path }) =>
      path.slice(root.length)
    );
    assertEquals(kept.sort(), [CONFIG, "/etc/premigrate", LIB, "/var/log/premigrate"].sort());
    const files = Object.entries(await snapshot(root)).filter(([, text]) =>
      !text.startsWith("folder")
    );
    assertEquals(files.map(([path]) => path).sort(), [
      CONFIG,
      `${LIB}/local.txt`,
      "/var/log/premigrate/audit.jsonl",
    ]);
    // A hook may not stay without what it runs.
    assertEquals(changes[0], {
      path: `${root}${HOOK}`,
      what: "removed",
      why: "it had been changed since it was installed",
    });
  }));

Deno.test("uninstall --purge: only what is not ours stays", () =>
  withHost(async (root, deno) => {
    await installAt(root, deno);
    await put(`${root}${CONFIG}`, "mode: observe\n");
    await put(`${root}/var/log/premigrate/reports/a.json`, "{}\n");
    await put(`${root}/var/lib/premigrate/waivers/a`, "");
    await put(`${root}/var/log/other.log`, "");
    await uninstall(root, { purge: true });
    const files = Object.entries(await snapshot(root)).filter(([, text]) =>
      !text.startsWith("folder")
    );
    assertEquals(files.map(([path]) => path), ["/var/log/other.log"]);
  }));

Deno.test("uninstall: what was never installed", () =>
  withRoot(async (root) => {
    await assertRejects(() => uninstall(root, { purge: true }), PremigrateError);
  }));

const DAMAGED: Record<string, string> = {
  "no JSON": "{",
  "another version": '{"premigrate":"manifest/2","version":"1","files":{},"folders":[]}',
  "a path that climbs":
    '{"premigrate":"manifest/1","version":"1","files":{"/usr/../etc/passwd":""},"folders":[]}',
  "a relative path": '{"premigrate":"manifest/1","version":"1","files":{},"folders":["etc"]}',
  "the root": '{"premigrate":"manifest/1","version":"1","files":{},"folders":["/"]}',
  "too long": " ".repeat(2_000_000),
};

for (const [name, text] of Object.entries(DAMAGED)) {
  Deno.test(`a list of files that is refused: ${name}`, async () => {
    await assertRejects(
      () => Promise.resolve().then(() => parseManifest("manifest.json", text)),
      PremigrateError,
    );
  });
}

Deno.test("the list of files knows when the hook came only on the host itself", () =>
  withHost(async (root, deno) => {
    await installAt(root, deno);
    assertEquals((await readManifest(root))?.hookSince, undefined);
  }));

Deno.test("config apply: keeps the Deno, and tells what changed", () =>
  withHost(async (root, deno) => {
    await installAt(root, deno);
    await put(`${root}${CONFIG}`, "onTrouble: {facts: open}\n");
    const { changes, damage } = await applyConfig(root);
    assertEquals(damage, undefined);
    assertEquals(changes, [
      { key: "mode", from: "observe", to: "enforce" },
      { key: "onTrouble.facts", from: "closed", to: "open" },
    ]);
    const text = await Deno.readTextFile(`${root}${APPLIED}`);
    assertEquals(denoOf(text), deno);
    assertEquals(compareConfigs(parseApplied(text), parseApplied(text)), []);
    assertEquals((await applyConfig(root)).changes, []);
  }));

Deno.test("config apply: whole or not at all", () =>
  withHost(async (root, deno) => {
    await installAt(root, deno);
    const before = await Deno.readTextFile(`${root}${APPLIED}`);
    await put(`${root}${CONFIG}`, "mode: never\n");
    await assertRejects(() => applyConfig(root), PremigrateError);
    assertEquals(await Deno.readTextFile(`${root}${APPLIED}`), before);
  }));

Deno.test("config apply: over a damaged one that still names its Deno", () =>
  withHost(async (root, deno) => {
    await installAt(root, deno);
    const before = await Deno.readTextFile(`${root}${APPLIED}`);
    await put(`${root}${APPLIED}`, before.slice(0, 200));
    assertStringIncludes((await applyConfig(root)).damage ?? "", "it is not whole");
    assertEquals(await Deno.readTextFile(`${root}${APPLIED}`), before);
    await put(`${root}${APPLIED}`, "");
    const error = await assertRejects(() => applyConfig(root), Error);
    assertStringIncludes(error.message, "it names no Deno");
  }));
