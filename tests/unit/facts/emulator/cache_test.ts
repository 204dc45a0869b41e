import { assertEquals } from "@std/assert";
import { Emulators } from "../../../../lib/facts/emulator/cache.ts";
import { runProbe } from "../../../../lib/facts/probe/run_probe.ts";
import { parseProbeReport, type ProbedEmulator } from "../../../../lib/facts/probe/report.ts";

const PATH = "/usr/bin/qemu-system-x86_64";
const QMP = [
  { id: "version", return: { qemu: { major: 10, minor: 0, micro: 2 } } },
  { id: "machines-compat-props", error: {} },
].map((reply) => JSON.stringify(reply)).join("\n");
const ASKED: ProbedEmulator = {
  path: PATH,
  identity: "1:2:3:4:5",
  exe: "1:2:3:4:5",
  daemons: undefined,
  qmp: QMP,
  missing: {},
};
const KNOWN = { ...ASKED, exe: undefined, qmp: undefined };

async function withFolder(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function versions(
  emulators: Emulators,
  asked: ProbedEmulator,
  running: string,
): Promise<(string | undefined)[]> {
  const replies = [await emulators.read(asked), await emulators.readRunning(running)];
  return replies.map((reply) => reply?.qemu?.toString());
}

Deno.test("what an emulator said is found again, by host and path, as long as it is that file", () =>
  withFolder(async (dir) => {
    // The time of its last change is another one when the file was replaced.
    const replaced = "1:2:9:4:5";
    const said = await versions(new Emulators(`${dir}/new`, "hosta"), ASKED, replaced);
    assertEquals(said, ["10.0.2", "10.0.2"]);
    const later = new Emulators(`${dir}/new`, "hosta");
    assertEquals(await later.identityOf(PATH), ASKED.identity);
    assertEquals(await versions(later, KNOWN, replaced), ["10.0.2", "10.0.2"]);
    const changed = { ...KNOWN, identity: "9:2:3:4:5" };
    assertEquals(await versions(later, changed, "9:2:3:4:5"), [undefined, undefined]);
    const other = new Emulators(`${dir}/new`, "hostb");
    assertEquals(await other.identityOf(PATH), undefined);
    assertEquals(await versions(other, KNOWN, replaced), [undefined, undefined]);
    assertEquals(await later.identityOf("/usr/bin/other"), undefined);
  }));

Deno.test("a wrapper is not known by its path, what it started is by its file", () =>
  withFolder(async (dir) => {
    await new Emulators(dir, "hosta").read({ ...ASKED, identity: "6:7:8:9:0" });
    const later = new Emulators(dir, "hosta");
    assertEquals(await later.identityOf(PATH), undefined);
    assertEquals((await later.readRunning("1:2:3:4:5"))?.qemu?.toString(), "10.0.2");
  }));

Deno.test("what is damaged is not known", () =>
  withFolder(async (dir) => {
    await new Emulators(dir, "hosta").read(ASKED);
    for (const text of ["", "{", '{"premigrate":"emulator/2"}', "[]"]) {
      for (const { name } of Deno.readDirSync(dir)) Deno.writeTextFileSync(`${dir}/${name}`, text);
      const later = new Emulators(dir, "hosta");
      assertEquals(await versions(later, KNOWN, "1:2:3:4:5"), [undefined, undefined]);
    }
  }));

Deno.test("a folder that cannot be made, or none, is no error", async () => {
  const file = await Deno.makeTempFile();
  for (const dir of [`${file}/dir`, undefined]) {
    const said = await versions(new Emulators(dir, "hosta"), ASKED, "1:2:3:4:5");
    assertEquals(said, ["10.0.2", "10.0.2"]);
    assertEquals(await new Emulators(dir, "hosta").identityOf(PATH), undefined);
  }
  await Deno.remove(file);
});

Deno.test("the aliases of VFIO drivers are read where modules are named", async () => {
  const dir = await Deno.makeTempDir();
  const alias = "alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci";
  await Deno.writeTextFile(`${dir}/modules.alias`, `# Aliases\n${alias}\nalias pci:v* other\n`);
  const script = await Deno.readTextFile("lib/facts/probe/probe.sh");
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", script, "probe.sh", "--modules", dir],
  }).output();
  assertEquals(parseProbeReport(new TextDecoder().decode(stdout)).vfioAliases, alias);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("an emulator whose file is known is not run", async () => {
  const dir = await Deno.makeTempDir();
  const emulator = `${dir}/qemu`;
  await Deno.writeTextFile(emulator, `#!/bin/sh\necho >> ${dir}/runs\n`, { mode: 0o755 });
  const runs = (): number => Deno.readTextFileSync(`${dir}/runs`).length;
  const signal = AbortSignal.timeout(60_000);

  const first = await runProbe({}, { emulator }, signal);
  const known = first.emulator?.identity ?? "";
  assertEquals(runs(), 1);
  const second = await runProbe({}, { emulator, known }, signal);
  assertEquals([runs(), second.emulator?.identity, second.emulator?.qmp], [1, known, undefined]);

  await Deno.writeTextFile(emulator, `#!/bin/sh\necho >> ${dir}/runs # another\n`);
  await runProbe({}, { emulator, known }, signal);
  assertEquals(runs(), 2);
  await Deno.remove(dir, { recursive: true });
});
