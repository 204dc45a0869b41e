import { assertEquals } from "@std/assert";
import {
  findReplies,
  keepReplies,
  type KeptReplies,
} from "../../../../lib/facts/emulator/cache.ts";
import { runProbe } from "../../../../lib/facts/probe/run_probe.ts";
import { parseProbeReport } from "../../../../lib/facts/probe/report.ts";
import { QemuVersion } from "../../../../lib/qemu/version.ts";

const PATH = "/usr/bin/qemu-system-x86_64";
const KEPT: KeptReplies = {
  identity: "1:2:3:4:5",
  replies: {
    qemu: new QemuVersion(10, 0, 2),
    skipVscCheck: { "pc-q35-noble": false },
    missing: {},
  },
};

Deno.test("what an emulator said is found again, by host and path", async () => {
  const dir = await Deno.makeTempDir();
  await keepReplies(`${dir}/new`, "hosta", PATH, KEPT);
  assertEquals(await findReplies(`${dir}/new`, "hosta", PATH), KEPT);
  assertEquals(await findReplies(`${dir}/new`, "hostb", PATH), undefined);
  assertEquals(await findReplies(`${dir}/new`, "hosta", "/usr/bin/other"), undefined);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("what is damaged is not known", async () => {
  const dir = await Deno.makeTempDir();
  await keepReplies(dir, "hosta", PATH, KEPT);
  const [entry] = Array.from(Deno.readDirSync(dir));
  for (const text of ["", "{", '{"premigrate":"emulator/2"}', "[]"]) {
    await Deno.writeTextFile(`${dir}/${entry?.name}`, text);
    assertEquals(await findReplies(dir, "hosta", PATH), undefined);
  }
  await Deno.remove(dir, { recursive: true });
});

Deno.test("a folder that cannot be made is no error", async () => {
  const file = await Deno.makeTempFile();
  await keepReplies(`${file}/dir`, "hosta", PATH, KEPT);
  assertEquals(await findReplies(`${file}/dir`, "hosta", PATH), undefined);
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
