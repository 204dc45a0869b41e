/**
 * How long libvirt waits for the hook: medians of process spawns, taken in turn in one run, beside an
 * empty Deno script and a Python hook that only imports libvirt and lxml and parses the same XML.
 */
import { encodeBase64 } from "@std/encoding/base64";
import { v } from "premigrate/policy";
import { type Config, ConfigSchema } from "../../lib/config/config.ts";
import { sha256 } from "../../lib/facts/sha256.ts";
import { buildPlugin, describePlugins, OWN_RUNNER } from "../../lib/plugin/mod.ts";
import { HookTree } from "../helpers/hook_tree.ts";

const RUNS = 41;
const FLAGS = ["--quiet", "--no-prompt", "--no-config", "--no-lock", "--no-npm", "--no-remote"];
const PYTHON =
  "import sys, libvirt; from lxml import etree; etree.fromstring(sys.stdin.buffer.read())";

using tree = await HookTree.make();
const xml = await tree.xml({ machine: "pc-q35-9.1" });
const plain = xml.replace(/<hostdev[^]*<\/hostdev>/, "").replace(/<metadata>[^]*<\/metadata>/, "");
await Deno.writeTextFile(`${tree.root}/empty.js`, "");

const built = await buildPlugin("plugins/example/revision/policy.ts");
const text = new TextDecoder().decode(built.code);

/** A configuration that lists so many plugins; each is asked about the device. */
async function listPlugins(count: number): Promise<Config> {
  const plugins = Array.from({ length: count }, (_, index) => ({
    name: `${index}`,
    code: new TextEncoder().encode(text.replaceAll("example/revision", `example/r${index}`)),
  }));
  const described = await describePlugins(plugins, [], OWN_RUNNER);
  const entries = await Promise.all(described.map(async (plugin) => {
    if ("missing" in plugin) throw plugin.missing;
    const { description, code } = plugin;
    const listing = { file: "a.js", digest: await sha256(code.slice()) };
    return { id: description.id, listing, loaded: { description, code: encodeBase64(code) } };
  }));
  const listed = Object.fromEntries(entries.map(({ id, listing }) => [id, listing]));
  const loaded = Object.fromEntries(entries.map(({ id, loaded }) => [id, loaded]));
  return { ...v.parse(ConfigSchema, { plugins: listed }), loaded };
}

using withOne = await HookTree.make();
await withOne.applyWhole(await listPlugins(1));
using withTen = await HookTree.make();
await withTen.applyWhole(await listPlugins(10));

/** Reads the XML as libvirt's child does. */
async function spawn(program: string, args: readonly string[], stdin: string): Promise<number> {
  const start = performance.now();
  const child = new Deno.Command(program, {
    args: [...args],
    env: { LC_ALL: "C", PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root" },
    clearEnv: true,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await new Blob([stdin]).stream().pipeTo(child.stdin).catch(() => {});
  const { success } = await child.status;
  const taken = performance.now() - start;
  if (!success) throw new Error(`${program} ${args.join(" ")} failed`);
  return taken;
}

const launcher = (...event: string[]) => (): Promise<number> =>
  spawn(tree.hook, ["vm1", ...event, "-"], xml);
const verdictOf = async (tree: HookTree): Promise<() => Promise<number>> => {
  const xml = await tree.xml({ machine: "pc-q35-9.1" });
  return () => spawn(tree.hook, ["vm1", "migrate", "begin", "-"], xml);
};

const PROGRAMS: Readonly<Record<string, () => Promise<number>>> = {
  "an empty Deno script": () =>
    spawn(Deno.execPath(), ["run", ...FLAGS, `${tree.root}/empty.js`], xml),
  "the hook: verdict on one stamped device": launcher("migrate", "begin"),
  "the hook: the same, and one code plugin": await verdictOf(withOne),
  "the hook: the same, and ten code plugins": await verdictOf(withTen),
  "the hook: a guest without host devices": () =>
    spawn(tree.hook, ["vm1", "migrate", "begin", "-"], plain),
  "the hook: an event it does not own": launcher("prepare", "begin"),
  "sh that does nothing": () => spawn("/bin/sh", ["-c", ":"], xml),
  "Python: imports libvirt and lxml, parses the XML": () => spawn("python3", ["-c", PYTHON], xml),
};

const times = new Map<string, number[]>();
for (let run = -1; run < RUNS; run++) {
  for (const [name, program] of Object.entries(PROGRAMS)) {
    const taken = await program().catch(() => undefined);
    // The first fills the caches.
    if (run >= 0 && taken !== undefined) times.set(name, [...times.get(name) ?? [], taken]);
  }
}

const median = (list: readonly number[]): number =>
  list.toSorted((a, b) => a - b)[list.length >> 1] ?? NaN;
const empty = median(times.get("an empty Deno script") ?? []);
const lines = Object.keys(PROGRAMS).map((name) => {
  const list = times.get(name);
  if (list === undefined) return `${name.padEnd(50)} left out: it cannot be run here`;
  const time = median(list);
  return `${name.padEnd(50)} ${time.toFixed(1).padStart(6)} ms ${
    (time / empty).toFixed(2).padStart(6)
  }`;
});
const title = `medians of ${RUNS}, and beside the empty Deno script`;
await Deno.stdout.write(new TextEncoder().encode(`${title}\n${lines.join("\n")}\n`));
