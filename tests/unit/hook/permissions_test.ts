/** What the bundle may do, as the launcher starts it: no more than it needs. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { v } from "premigrate/policy";
import { type Config, ConfigSchema } from "../../../lib/config/config.ts";
import { HookTree } from "../../helpers/hook_tree.ts";

interface Access {
  readonly permission: string;
  readonly value: unknown;
}

/** Every permission that the bundle asked for in one verdict; the root is `ROOT`, ids are `ID`. */
async function accesses(tree: HookTree, xml: string): Promise<string[]> {
  const file = `${tree.root}/audited`;
  await tree.run(["migrate", "begin"], xml, { env: { DENO_AUDIT_PERMISSIONS: file } });
  const lines = (await Deno.readTextFile(file)).trimEnd().split("\n");
  return [
    ...new Set(lines.map((line) => {
      const { permission, value }: Access = JSON.parse(line);
      return `${permission} ${value}`.replaceAll(tree.root, "ROOT")
        .replace(/\d{8}T\d{9}Z-[0-9a-f]{8}/, "ID").replace(/realize\/[0-9a-f]{64}/, "realize/ID");
    })),
  ].sort();
}

const LOG = "ROOT/var/log/premigrate";

Deno.test("a verdict on a stamped device needs these permissions, and no other", async () => {
  using tree = await HookTree.make();
  assertEquals(await accesses(tree, await tree.xml()), [
    "read ROOT/etc/premigrate/applied.conf",
    "read ROOT/var/cache/premigrate/host.json",
    "read ROOT/var/lib/premigrate/waivers/4dea22b3-1d52-48f3-a516-782e98ab3fa0",
    `read ${LOG}/audit.jsonl`,
    `write ${LOG}/audit.jsonl`,
    `write ${LOG}/reports/ID.json`,
  ]);
});

/** What a bundle might try, as an expression; ROOT stands for the root. */
const TRIES: Readonly<Record<string, string>> = {
  "reads another file": `Deno.readTextFileSync("/etc/passwd")`,
  "reads the operator's own file": `Deno.readTextFileSync("ROOT/etc/premigrate/config.yaml")`,
  "lists a folder": `Deno.readDirSync("/").next()`,
  "reads sysfs": `Deno.readTextFileSync("/sys/kernel/uevent_seqnum")`,
  "reads its own environment": `Deno.env.get("PATH")`,
  "writes beside its log": `Deno.writeTextFileSync("ROOT/var/lib/premigrate/waivers/x", "")`,
  "writes the bundle": `Deno.writeTextFileSync("ROOT/usr/lib/premigrate/hook.js", "")`,
  "makes a link out of its log": `Deno.symlinkSync("/etc/passwd", "${LOG}/x")`,
  "connects": `await Deno.connect({ port: 16509 })`,
  "fetches": `await fetch("http://127.0.0.1:1/")`,
  "listens": `Deno.listen({ port: 0 })`,
  "opens libvirt's socket":
    `await Deno.connect({ transport: "unix", path: "/run/libvirt/libvirt-sock" })`,
  "starts sh": `new Deno.Command("sh", { args: ["-c", ":"] }).outputSync()`,
  "starts virsh": `new Deno.Command("virsh").outputSync()`,
  "starts Deno": `new Deno.Command(Deno.execPath()).outputSync()`,
  "kills": `Deno.kill(1, "SIGCONT")`,
  "calls C": `Deno.dlopen("libc.so.6", {})`,
  "asks who it is": `Deno.hostname()`,
  "imports a file": `await import(["ROOT", "other.js"].join("/"))`,
  "imports from npm": `await import("npm:valibot@1.5.0")`,
  "asks for more": `(() => {
    const { state } = Deno.permissions.requestSync({ name: "run" });
    if (state !== "granted") throw new Deno.errors.NotCapable(state);
  })()`,
};

/** A bundle that tries this, and refuses with what came of it as the reason. */
function trying(expression: string): string {
  return `let said = "it could";
    try { ${expression} } catch (error) { said = error.name; }
    console.log("\\x1e\\x1e" + said + "\\x1e");
    Deno.exit(82);`;
}

Deno.test("the bundle can do nothing else", async (t) => {
  using tree = await HookTree.make();
  await Deno.writeTextFile(`${tree.root}/other.js`, "");
  const xml = await tree.xml();
  for (const [name, expression] of Object.entries(TRIES)) {
    await t.step(name, async () => {
      await tree.replaceBundle(trying(expression.replaceAll("ROOT", tree.root)));
      const { code, stderr } = await tree.migrate(xml);
      assertEquals(code, 1);
      assert(["NotCapable", "TypeError", "PermissionDenied"].includes(stderr), stderr);
    });
  }
});

Deno.test("where plugins are listed it may start the one script that confines them", async (t) => {
  using tree = await HookTree.make();
  await tree.applyWhole(withPlugin());
  const xml = await tree.xml();
  const script = `${tree.root}/usr/lib/premigrate/plugin.sh`;
  for (const [program, may] of [[script, true], ["sh", false], [Deno.execPath(), false]] as const) {
    await t.step(program.replace(/.*\//, ""), async () => {
      const command = `new Deno.Command("${program}", { args: ["/bin/sh", "-c", ":"] })`;
      await tree.replaceBundle(trying(`${command}.outputSync()`));
      const { stderr } = await tree.migrate(xml);
      assertEquals(stderr, may ? "it could" : "NotCapable");
    });
  }
  await t.step("and that runs nothing but its own program, whatever it is told", async () => {
    const mark = `${tree.root}/mark`;
    await tree.replaceBundle(
      `const { stdout } = new Deno.Command("${script}", {
        args: ["/usr/bin/touch", "${mark}"],
        env: { ENV: "/etc/passwd", DENO_DIR: "/tmp", deno: "/usr/bin/touch", heap_mib: "9" },
        stdin: "null",
      }).outputSync();
      console.log("\\x1e\\x1e" + new TextDecoder().decode(stdout) + "\\x1e");
      Deno.exit(82);`,
    );
    const { stderr } = await tree.migrate(xml);
    assertEquals(stderr, "");
    await assertRejects(() => Deno.stat(mark), Deno.errors.NotFound);
  });
  await t.step("nor a program of the bundle's own, whose name it believes", async () => {
    const own = `${tree.root}/var/log/premigrate`;
    await tree.replaceBundle(
      `for (const name of ["env", "sh", "ulimit", "read"]) {
        Deno.writeTextFileSync(\`${own}/\${name}\`, "#!/bin/sh\\necho escaped\\n", { mode: 0o755 });
      }
      const { stdout } = new Deno.Command("${script}", {
        env: {
          PATH: "${own}",
          SHELLOPTS: "xtrace",
          PS4: "$(echo escaped >&2)",
          "BASH_FUNC_ulimit%%": "() { echo escaped; }",
          BASH_ENV: "${own}/sh",
        },
        stdin: "null",
      }).outputSync();
      console.log("\\x1e\\x1e" + new TextDecoder().decode(stdout) + "\\x1e");
      Deno.exit(82);`,
    );
    const { stderr } = await tree.migrate(xml);
    assertEquals(stderr, "");
  });
});

function withPlugin(): Config {
  const id = "example/revision";
  const page = { severity: "veto", title: "T", message: "M", remedy: "R.", about: "A." } as const;
  return {
    ...v.parse(ConfigSchema, { plugins: { [id]: { file: "a.js", digest: "0".repeat(64) } } }),
    loaded: {
      [id]: {
        description: {
          id,
          title: "T",
          documentation: "",
          match: {},
          codes: { differs: page },
          ofGuest: false,
        },
        code: "",
      },
    },
  };
}

Deno.test("where hosts are configured it may start ssh and virsh, and no other program", async (t) => {
  using tree = await HookTree.make({ hosts: ["qemu+ssh://hosta/system"] });
  const xml = await tree.xml();
  for (const [program, may] of [["ssh", true], ["sh", false], [Deno.execPath(), false]] as const) {
    await t.step(program.replace(/.*\//, ""), async () => {
      const command = `new Deno.Command("${program}", { args: ["-V"] })`;
      await tree.replaceBundle(trying(`${command}.outputSync()`));
      const { stderr } = await tree.migrate(xml);
      assert((may ? ["it could", "NotFound"] : ["NotCapable"]).includes(stderr), stderr);
    });
  }
});
