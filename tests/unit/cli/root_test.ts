/** Every command that has `--root` keeps to it: nothing of this host's own installation is touched. */
import { assertEquals } from "@std/assert";
import { ELSEWHERE, running, STAYING, writeVirsh } from "../../helpers/fake_virsh.ts";
import { DIST, run } from "../../helpers/install_host.ts";

const GUEST = "5f1c8a52-6f43-4c6e-9a0e-4d7c5a1f2b3c";
// A stamp, and no device any more.
const XML = `<domain type='kvm'><name>vm1</name><uuid>${GUEST}</uuid>
<metadata><p:stamp xmlns:p='urn:premigrate:stamp' version='1'/></metadata>
<os><type arch='x86_64' machine='pc-q35-9.0'>hvm</type></os><devices/></domain>`;
const LIBVIRT = {
  ...ELSEWHERE,
  ...running({ [GUEST]: XML }),
  "domjobinfo": STAYING,
  "metadata": ":",
  "net-list": ":",
};

const OWN =
  /^\/(etc\/(premigrate|libvirt\/hooks|logrotate\.d)|usr\/(lib|bin)\/premigrate|var\/(lib|cache|log)\/premigrate|run\/libvirt\/network)/;

interface Access {
  readonly permission: string;
  readonly value: unknown;
}

const WAIVER = `var/lib/premigrate/waivers/${GUEST}`;
const START = `var/lib/premigrate/started/${GUEST}.json`;

/** In this order; what there is below the root then, and what no longer. */
const STEPS: readonly (readonly [words: string, made?: string | undefined, gone?: string])[] = [
  ["install", "etc/premigrate/applied.conf"],
  ["config check"],
  ["config apply"],
  ["config show"],
  [`waive ${GUEST} --for 1h --reason x`, WAIVER],
  ["waive --list"],
  [`waive ${GUEST} --end`, undefined, WAIVER],
  ["cache", "var/cache/premigrate/networks"],
  ["agent --once", START],
  ["record-start", undefined, START],
  ["doctor"],
  ["uninstall --purge", undefined, "etc/premigrate/applied.conf"],
];

Deno.test("--root is obeyed by every command that has it", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "premigrate-root-" });
  const [root, audit] = [`${folder}/root`, `${folder}/audit`];
  const deno = Deno.execPath().replace(/\/[^/]*$/, "");
  const PATH = `${folder}:${deno}:/usr/sbin:/usr/bin:/sbin:/bin`;
  const isThere = async (path: string): Promise<boolean> =>
    await Deno.lstat(`${root}/${path}`).then(() => true, () => false);
  try {
    await writeVirsh(folder, { localhost: LIBVIRT });
    await Deno.writeTextFile(`${folder}/xml`, XML);
    for (const [words, made, gone] of STEPS) {
      await t.step(words, async () => {
        await Deno.writeTextFile(audit, "");
        // As a path that begins where the command is run.
        const script = 'cd "$1" && shift && exec "$@" --root root/ <xml';
        const command = [`${DIST}/premigrate`, ...words.split(" ")];
        await run(["sh", "-c", script, "sh", folder, ...command], {
          PATH,
          DENO_AUDIT_PERMISSIONS: audit,
        });
        const lines = (await Deno.readTextFile(audit)).split("\n").filter((line) => line !== "");
        const accesses = lines.map((line): Access => JSON.parse(line));
        const below = accesses.filter(({ value }) => String(value).startsWith(`${root}/`));
        assertEquals(below.length > 0, true, "nothing below the root was looked at");
        assertEquals(accesses.filter(({ value }) => OWN.test(String(value))), []);
        if (made !== undefined) assertEquals(await isThere(made), true, made);
        if (gone !== undefined) assertEquals(await isThere(gone), false, gone);
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
