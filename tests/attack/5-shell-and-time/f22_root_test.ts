/** F22: `install --root DIR` and `uninstall` follow links as they lead below DIR, and never out of it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { PremigrateError } from "../../../lib/error/mod.ts";
import { install } from "../../../lib/install/install.ts";
import { below } from "../../../lib/config/below.ts";
import { applyConfig } from "../../../lib/config/apply.ts";
import { uninstall } from "../../../lib/install/uninstall.ts";
import { DIST, run, snapshot } from "../../helpers/install_host.ts";

/** An image, what is beside it, and a Deno. */
async function withImage(
  use: (image: string, outside: string, deno: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "premigrate-image-" });
  const [image, outside, deno] = [`${folder}/image`, `${folder}/outside`, `${folder}/deno`];
  try {
    await Deno.mkdir(image);
    await Deno.mkdir(outside, { mode: 0o755 });
    await Deno.writeTextFile(`${outside}/config.yaml`, "mode: observe\n");
    await Deno.writeTextFile(deno, '#!/bin/sh\necho "deno 2.9.6 (stable)"\n', { mode: 0o755 });
    await use(image, outside, deno);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Links below the image, and where the link's files are then; OUT stands for what is beside it. */
const LINKS: Readonly<
  Record<string, readonly [link: string, to: string, file: string, at: string]>
> = {
  "an absolute link": ["/var/log", "/srv/log", "/var/log/premigrate", "/srv/log/premigrate"],
  "one of the host": ["/var/log", "OUT", "/var/log/premigrate", "OUT/premigrate"],
  "one of a private folder": ["/var/log/premigrate", "OUT", "/var/log/premigrate", "OUT"],
  "one that climbs out": [
    "/etc/libvirt",
    "../../../../../../../../../../OUT",
    "/etc/libvirt/hooks/qemu.d/90-premigrate",
    "OUT/hooks/qemu.d/90-premigrate",
  ],
  "one of a folder of hooks": [
    "/etc/libvirt/hooks/qemu.d",
    "OUT",
    "/etc/libvirt/hooks/qemu.d/90-premigrate",
    "OUT/90-premigrate",
  ],
  "one to a link": [
    "/usr",
    "/a/b/../c",
    "/usr/lib/premigrate/hook.js",
    "/a/c/lib/premigrate/hook.js",
  ],
  "one of the configuration's folder": [
    "/etc/premigrate",
    "OUT",
    "/etc/premigrate/applied.conf",
    "OUT/applied.conf",
  ],
  "one of the image itself": [
    "/etc",
    "/",
    "/etc/logrotate.d/premigrate",
    "/logrotate.d/premigrate",
  ],
};

for (const [name, [link, to, file, at]] of Object.entries(LINKS)) {
  Deno.test(`${name}: all is below the image, and nothing beside it is touched`, () =>
    withImage(async (image, outside, deno) => {
      const here = (text: string): string =>
        text.replace("OUT", outside.slice(1)).replace(/^(?!\/|\.)/, "/");
      await Deno.mkdir(`${image}${link}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.symlink(
        to.startsWith(".") ? to.replace("OUT", outside.slice(1)) : here(to),
        `${image}${link}`,
      );
      const before = await snapshot(outside);

      await install({ dist: DIST, root: image, deno });
      const place = `${image}${here(at)}`;
      assertEquals(await below(image, file, { follow: true }), place);
      const { isFile, isDirectory, mode } = await Deno.stat(place);
      assert(isFile || isDirectory);
      if (isDirectory) assertEquals((mode ?? 0) & 0o777, 0o700);
      await applyConfig(image);
      assertEquals(await snapshot(outside), before);
      assertEquals(((await Deno.stat(outside)).mode ?? 0) & 0o7777, 0o755);

      // A second time nothing is new, and then all of it goes.
      const { changes } = await install({ dist: DIST, root: image, deno });
      assertEquals(changes.filter(({ what }) => what !== "unchanged"), []);
      await uninstall(image, { purge: true });
      if (isFile) await assertRejects(() => Deno.stat(place), Deno.errors.NotFound);
      assertEquals(await snapshot(outside), before);
      assert((await Deno.lstat(`${image}${link}`)).isSymlink);
    }));
}

Deno.test("a configuration, or a site's policy, of the host is not read for an image", () =>
  withImage(async (image, outside, deno) => {
    await install({ dist: DIST, root: image, deno });
    const config = `${image}/etc/premigrate/config.yaml`;
    await Deno.remove(config);
    await Deno.symlink(`${outside}/config.yaml`, config);
    await assertRejects(() => applyConfig(image), PremigrateError);
    await assertRejects(() => install({ dist: DIST, root: image, deno }), Deno.errors.NotFound);

    await Deno.mkdir(`${image}${outside}`, { recursive: true });
    await Deno.writeTextFile(`${image}${outside}/config.yaml`, "deadline: 33s\n");
    const { changes } = await applyConfig(image);
    // What was installed observes; this file does not say so.
    assertEquals(changes.map(({ key, to }) => [key, to]), [["mode", "enforce"], [
      "deadline",
      "33s",
    ]]);

    await Deno.symlink(`${outside}/config.yaml`, `${image}/etc/premigrate/policies.d/a.yaml`);
    await Deno.remove(`${image}${outside}/config.yaml`);
    await assertRejects(() => applyConfig(image), PremigrateError, "there is no such file");
  }));

Deno.test("links that lead in a circle end it before anything is changed", () =>
  withImage(async (image, _, deno) => {
    await Deno.mkdir(`${image}/var`);
    await Deno.symlink("/var/b", `${image}/var/log`);
    await Deno.symlink("log", `${image}/var/b`);
    const before = await snapshot(image);
    await assertRejects(
      () => install({ dist: DIST, root: image, deno }),
      Deno.errors.FilesystemLoop,
    );
    assertEquals(await snapshot(image), before);
  }));

for (const mask of ["000", "002", "077"]) {
  Deno.test(`with a umask of ${mask} nobody else may write what it makes`, () =>
    withImage(async (image, _, deno) => {
      const root = `${image}/new/root`;
      const script = 'umask "$1"; exec sh "$2/premigrate" install --root "$3" --deno "$4"';
      const PATH = `${Deno.execPath().replace(/\/[^/]*$/, "")}:/usr/bin:/bin`;
      const { code, stderr } = await run(["sh", "-c", script, "sh", mask, DIST, root, deno], {
        PATH,
      });
      assertEquals(code, 0, stderr);
      const open: string[] = [];
      const walk = async (path: string): Promise<void> => {
        const { mode, isSymlink, isDirectory } = await Deno.lstat(path);
        if (!isSymlink && ((mode ?? 0) & 0o022) !== 0) open.push(path);
        if (!isDirectory) return;
        for await (const { name } of Deno.readDir(path)) await walk(`${path}/${name}`);
      };
      await walk(`${image}/new`);
      assertEquals(open, []);
    }));
}
