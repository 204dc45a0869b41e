import { assertEquals } from "@std/assert";
import { readGuestOrigin } from "../../../../lib/facts/stamp/guest_origin.ts";

const UUID = "4dea22b3-1d52-d8f3-2516-782e98ab3fa0";

const CASES: readonly (readonly [
  name: string,
  guest: string,
  file: string,
  argv: readonly string[],
  expected: string,
])[] = [
  ["started", "vm1", "vm1", ["-uuid", UUID, "-m", "1"], "started"],
  ["migrated or restored", "vm1", "vm1", ["-uuid", UUID, "-incoming", "defer"], "incoming"],
  ["reverted to a snapshot", "vm1", "vm1", ["-loadvm", "s", "-uuid", UUID], "incoming"],
  ["-incoming in a name", "-incoming", "-incoming", ["guest=-incoming", UUID], "started"],
  ["a name that a shell would run", "$(reboot)", "$(reboot)", [UUID], "started"],
  ["a name as libvirt 9 escapes it", `a'b"<&>`, "a&apos;b&quot;&lt;&amp;&gt;", [UUID], "started"],
  ["a name as it is", `a'b"<&>`, `a'b"<&>`, [UUID], "started"],
  ["another guest's process", "vm1", "vm1", ["-uuid", "another"], "unknown"],
  ["no pid file", "vm1", "vm2", [UUID], "unknown"],
];

for (const [name, guest, file, argv, expected] of CASES) {
  Deno.test(`readGuestOrigin: ${name}`, async () => {
    const dir = await Deno.makeTempDir();
    const process = new Deno.Command("sh", {
      args: ["-c", "echo started; read x", ...argv],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    // The kernel has no arguments to show until it has loaded the program.
    const output = process.stdout.getReader();
    await output.read();
    await Deno.writeTextFile(`${dir}/${file}.pid`, `${process.pid}`);
    const found = await readGuestOrigin(
      { name: guest, uuid: UUID },
      AbortSignal.timeout(10_000),
      dir,
    );
    await process.stdin.close();
    await output.cancel();
    await process.status;
    await Deno.remove(dir, { recursive: true });
    assertEquals(found.kind, expected);
    assertEquals(found.since === undefined, expected === "unknown");
  });
}

for (const text of ["", "0", "1x", "../1", "-1", "1\n2", "99999999999"]) {
  Deno.test(`readGuestOrigin: a pid file with ${JSON.stringify(text)} tells nothing`, async () => {
    const dir = await Deno.makeTempDir();
    await Deno.writeTextFile(`${dir}/vm1.pid`, text);
    const signal = AbortSignal.timeout(10_000);
    const found = await readGuestOrigin({ name: "vm1", uuid: UUID }, signal, dir);
    await Deno.remove(dir, { recursive: true });
    assertEquals(found, { kind: "unknown", since: undefined });
  });
}
