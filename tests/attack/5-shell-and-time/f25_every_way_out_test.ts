/** F25: every way out of `migrate begin` but SIGKILL leaves a line in the audit file. */
import { assertEquals } from "@std/assert";
import { assertTold, DECIDES, Launcher, SHELLS } from "./launchers.ts";

const SIGNALS = ["SIGTERM", "SIGHUP", "SIGINT", "SIGPIPE"] as const;

/** What the launcher runs. */
const TOOLS = [
  ...["awk", "cat", "cut", "date", "grep", "head", "logger", "ls", "od", "readlink", "rm", "sed"],
  ...["sh", "sha256sum", "tail", "timeout", "tr", "xargs"],
];

for (const { shell, name, ignore } of SHELLS) {
  Deno.test({
    name: `${name}: a signal leaves a line, and the migration is refused`,
    ignore,
    async fn(): Promise<void> {
      for (const signal of SIGNALS) {
        using launcher = await Launcher.make(shell, {
          deno: `echo runs >>LOG; sleep 1; ${DECIDES}`,
        });
        const child = launcher.spawn(await launcher.tree.xml());
        await launcher.untilWritten("runs");
        child.kill(signal);
        const { code } = await child.output();
        assertEquals(code, 1, signal);
        await assertTold(launcher.tree, signal);
      }
    },
  });

  Deno.test({
    name: `${name}: the shell's own death leaves a line, and the migration is refused`,
    ignore,
    async fn(): Promise<void> {
      for (const death of [': "$((08))"', ": $NOT_SET", "exit 3", ". /nowhere", "exit 0"]) {
        using launcher = await Launcher.make(shell);
        // Where that does not end the shell, as in bash, something else does.
        await launcher.edit("\nasked=\n", `\nasked=\n${death}\nexit 2\n`);
        const { code, stdout } = await launcher.migrate(await launcher.tree.xml());
        assertEquals([code, stdout], [1, ""], death);
        await assertTold(launcher.tree, "the launcher ended with");
      }
    },
  });

  Deno.test({
    name: `${name}: closed descriptors cost no verdict, and no line`,
    ignore,
    async fn(): Promise<void> {
      for (const closed of [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-"]) {
        using launcher = await Launcher.make(shell);
        const xml = await launcher.tree.xml();
        const run = `exec "$0" "$@" ${closed}`;
        const { code } = await launcher.spawn(xml, run).output();
        assertEquals(code, 0, closed);
        await launcher.script("deno", "exit 7");
        assertEquals((await launcher.spawn(xml, run).output()).code, 1, closed);
        const [line, ...more] = await launcher.tree.audit();
        assertEquals([line?.["effect"], more], ["refused", []], closed);
      }
    },
  });

  Deno.test({
    name: `${name}: a domain XML that nobody takes is no allow`,
    ignore,
    async fn(): Promise<void> {
      const deno = "cat >/dev/null; printf '\\036\\036<domain/>\\036'; exit 81";
      for (const open of [{}, { onTrouble: { hook: "open" } }]) {
        using launcher = await Launcher.make(shell, { config: open, deno });
        const xml = await launcher.tree.xml();
        assertEquals((await launcher.migrate(xml)).stdout, "<domain/>");
        for (const stdout of [">&-", ">/dev/full"]) {
          const { code } = await launcher.spawn(xml, `exec "$0" "$@" ${stdout}`).output();
          assertEquals(code, 1, stdout);
          assertEquals((await launcher.tree.audit()).at(-1)?.["effect"], "refused");
        }
      }
    },
  });
}

Deno.test("without one of its programs it decides, or leaves a line", async () => {
  using launcher = await Launcher.make("dash");
  const xml = await launcher.tree.xml();
  for (const tool of TOOLS) {
    await launcher.script(tool, "exit 127");
    for (const deno of [DECIDES, "cat >/dev/null; exit 1"]) {
      await launcher.script("deno", deno);
      const before = (await launcher.tree.audit()).length;
      const { code } = await launcher.migrate(xml);
      const line = (await launcher.tree.audit()).slice(before);
      if (deno === DECIDES && code === 0) assertEquals(line, [], tool);
      else {
        assertEquals([code, line.map(({ effect }) => effect)], [1, ["refused"]], tool);
      }
    }
    await Deno.remove(`${launcher.bin}/${tool}`);
  }
});
