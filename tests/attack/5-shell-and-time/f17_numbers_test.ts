/** F17: no number that the shell cannot count with ends the launcher, nor keeps a guest from starting. */
import { assertEquals } from "@std/assert";
import { GUEST } from "../../helpers/hook_tree.ts";
import { DECIDES, Launcher, SHELLS } from "./launchers.ts";

/** Neither a number nor one that the schema allows. */
const NONE = [
  "08",
  "010",
  "0x10",
  "99999999999999999999999",
  "1e3",
  "-5",
  "2s",
  "1",
  "601",
  "",
  "a[$(touch /nowhere)]",
  "\u0663\u0660",
];

for (const { shell, name, ignore } of SHELLS) {
  Deno.test({
    name: `${name}: what is no deadline is twenty seconds, and no error`,
    ignore,
    async fn(): Promise<void> {
      const deno = `${DECIDES.replace("cat", 'echo "$@" >>LOG; cat')}`;
      using launcher = await Launcher.make(shell, {
        config: { agent: { recordStarts: true } },
        deno,
      });
      const { tree } = launcher;
      const xml = await tree.xml();
      await tree.script("usr/lib/premigrate/premigrate", `echo "$2 $3" >>${launcher.log}`);
      const applied = `${tree.root}/etc/premigrate/applied.conf`;
      const text = await Deno.readTextFile(applied);
      for (const value of NONE) {
        const changed = text.replace(/^deadline .*$/m, () => `deadline ${value}`)
          .replace(/^reports .*$/m, () => `reports ${value}`);
        await Deno.writeTextFile(applied, changed);
        await Deno.writeTextFile(launcher.log, "");
        const none = { code: 0, stdout: "", stderr: "" };
        assertEquals(await tree.run(["start", "begin"], xml, { env: launcher.env }), none, value);
        assertEquals(await launcher.migrate(xml), none, value);
        const [recorder, hook] = await launcher.lines();
        assertEquals([recorder, hook?.split(" ").at(-1)], ["--seconds 2", "20"], value);
      }
      assertEquals(await tree.audit(), []);
    },
  });

  Deno.test({
    name: `${name}: what is no time ends no waiver's reading, and is none`,
    ignore,
    async fn(): Promise<void> {
      using launcher = await Launcher.make(shell, { deno: "exit 1" });
      const { tree } = launcher;
      const xml = await tree.xml();
      for (const until of ["08", "0x7fffffffffff", "99999999999999999999999", "a[0]", "-1", ""]) {
        await Deno.writeTextFile(
          `${tree.root}/var/lib/premigrate/waivers/${GUEST}`,
          `premigrate 1\nid 0badcafe\nuntil ${until}\nend\n`,
        );
        assertEquals((await launcher.migrate(xml)).code, 1, until);
        const line = (await tree.audit()).at(-1);
        assertEquals([line?.["effect"], line?.["waiver"]], ["refused", undefined], until);
      }
    },
  });
}
