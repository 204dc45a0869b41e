/** Plugins that mean harm: what each may lead to, and what none of them may reach. */
import { assertEquals } from "@std/assert";
import type { CodePlugin } from "../../lib/plugin/mod.ts";

const CODES =
  `{ differs: { severity: "veto", title: "T", message: "M", remedy: "R.", about: "A." } }`;

/** A plugin that describes itself well, and answers with an expression of `request`. */
export function plugin(
  name: string,
  answer: string,
  { id = `evil/${name}`, before = "" } = {},
): CodePlugin {
  const code = `${before}
    const description = { id: "${id}", title: "T", documentation: "D", match: {},
      codes: ${CODES}, ofGuest: false };
    const each = (request, findings) => request.questions.map(() => findings);
    export const answer = (request) => request.kind === "describe" ? description : (${answer});`;
  return { name, code: new TextEncoder().encode(code) };
}

function source(name: string, code: string): CodePlugin {
  return { name, code: new TextEncoder().encode(code) };
}

const folder = await Deno.makeTempDir({ prefix: "premigrate-canary-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const canary = `${folder}/canary`;
const SECRET = "export default 'a secret'";
await Deno.writeTextFile(canary, SECRET);

let connections = 0;
const listener = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
  connections++;
  return new Response("export default 'fetched'");
});
const { port } = listener.addr;
const url = `http://127.0.0.1:${port}/x.js`;

export const HEALTHY = "each(request, [])";
export const FINDING = `{ code: "differs" }`;
const caught = (attempt: string): string =>
  `(async () => { try { await (${attempt}); } catch {} return ${HEALTHY}; })()`;

/** Plugins, with the code of the one finding that each leads to. */
export const HOSTILE: readonly (readonly [expected: string, plugin: CodePlugin])[] = [
  ["plugin-threw", plugin("throws", `(() => { throw new Error("no") })()`)],
  ["plugin-threw", plugin("throws-nothing", `(() => { throw undefined })()`)],
  ["plugin-ended", plugin("throws-what-is-no-text", `(() => { throw Object.create(null) })()`)],
  ["plugin-threw", plugin("throws-on-load", HEALTHY, { before: `throw new Error("load");` })],
  ["plugin-threw", source("is-no-javascript", "export const = ;")],
  ["plugin-threw", source("exports-nothing", "")],
  ["plugin-threw", source("is-no-text", "\u0000\uffff")],
  ["plugin-threw", plugin("answers-a-cycle", `(() => { const a = []; a.push(a); return a })()`)],
  ["plugin-threw", plugin("calls-itself", `(function f() { return f() + 1 })()`)],
  ["plugin-timed-out", plugin("hangs", `(() => { for (;;); })()`)],
  ["plugin-timed-out", plugin("hangs-on-load", HEALTHY, { before: "for (;;);" })],
  ["plugin-timed-out", plugin("sleeps", `new Promise((done) => setTimeout(done, 1e6))`)],
  [
    "plugin-timed-out",
    plugin("ignores-sigterm", `(() => { for (;;); })()`, {
      before: `Deno.addSignalListener("SIGTERM", () => {});`,
    }),
  ],
  [
    "plugin-timed-out",
    plugin("matches-for-ever", `/^(a+)+$/.test("a".repeat(64) + "b") || ${HEALTHY}`),
  ],
  [
    "plugin-out-of-memory",
    plugin("eats-memory", `(() => { const a = []; for (;;) a.push(new Array(1e6).fill(1.5)) })()`),
  ],
  [
    "plugin-threw",
    plugin(
      "eats-buffers",
      `(() => { const a = []; for (;;) a.push(new Uint8Array(5e7).fill(1)) })()`,
    ),
  ],
  ["plugin-flooded", plugin("floods", `(() => { for (;;) console.log("a".repeat(65536)) })()`)],
  [
    "plugin-timed-out",
    plugin("floods-errors", `(() => { for (;;) console.error("a".repeat(65536)) })()`),
  ],
  ["plugin-flooded", plugin("answers-at-length", `"a".repeat(5 * 1024 * 1024)`)],
  ["plugin-ended", plugin("exits", "Deno.exit(0)")],
  ["plugin-ended", plugin("exits-on-load", HEALTHY, { before: "Deno.exit(3);" })],
  ["plugin-nonsense", plugin("prints", `(console.log("hello"), ${HEALTHY})`)],
  ["plugin-nonsense", plugin("answers-nothing", "undefined")],
  ["plugin-nonsense", plugin("answers-a-text", `"allow"`)],
  ["plugin-nonsense", plugin("answers-too-little", "[]")],
  ["plugin-nonsense", plugin("answers-too-much", `[...${HEALTHY}, ...${HEALTHY}]`)],
  ["plugin-nonsense", plugin("no-such-code", `each(request, [{ code: "other" }])`)],
  ["plugin-nonsense", plugin("code-of-prototype", `each(request, [{ code: "constructor" }])`)],
  [
    "plugin-nonsense",
    plugin("no-such-severity", `each(request, [{ code: "differs", severity: "allow" }])`),
  ],
  [
    "plugin-nonsense",
    plugin("finds-for-another", `each(request, [{ code: "differs", policy: "nvidia/vsc" }])`),
  ],
  ["plugin-nonsense", plugin("finds-too-much", `each(request, Array(1001).fill(${FINDING}))`)],
  [
    "plugin-nonsense",
    plugin("long-text", `each(request, [{ code: "differs", data: { a: "a".repeat(1001) } }])`),
  ],
  [
    "plugin-nonsense",
    plugin("offset-outside", `each(request, [{ code: "differs", offset: 4096 }])`),
  ],
  [
    "plugin-nonsense",
    plugin("two-replies", HEALTHY, {
      before: `Deno.stdout.writeSync(new TextEncoder().encode('{"answer":[]}'));`,
    }),
  ],
  ["plugin-nonsense", plugin("describes-itself-wrongly", HEALTHY, { id: "Evil Plugin" })],
  ["plugin-nonsense", plugin("engine", HEALTHY, { id: "premigrate" })],
  ["plugin-claims-id", plugin("built-in", HEALTHY, { id: "qemu/restore-check" })],
  ["plugin-claims-id", plugin("a-sites", HEALTHY, { id: "site/same-branch" })],
  ["plugin-reached-out", plugin("reads", `Deno.readTextFileSync("${canary}")`)],
  ["plugin-reached-out", plugin("reads-in-secret", caught(`Deno.readTextFile("${canary}")`))],
  [
    "plugin-reached-out",
    plugin("imports-a-file", HEALTHY, { before: `import t from "file://${canary}";` }),
  ],
  [
    "plugin-reached-out",
    plugin("imports-a-text", HEALTHY, {
      before: `import t from "file://${canary}" with { type: "text" };`,
    }),
  ],
  ["plugin-reached-out", plugin("imports-later", caught(`import("file://" + "${canary}")`))],
  [
    "plugin-reached-out",
    plugin("reads-as-node", HEALTHY, {
      before: `import fs from "node:fs"; fs.readFileSync("${canary}");`,
    }),
  ],
  ["plugin-reached-out", plugin("writes", caught(`Deno.writeTextFile("${canary}", "")`))],
  ["plugin-reached-out", plugin("removes", caught(`Deno.remove("${canary}")`))],
  ["plugin-reached-out", plugin("fetches", caught(`fetch("${url}")`))],
  ["plugin-reached-out", plugin("connects", caught(`Deno.connect({ port: ${port} })`))],
  ["plugin-reached-out", plugin("listens", caught(`Deno.listen({ port: 0 })`))],
  ["plugin-reached-out", plugin("imports-by-net", HEALTHY, { before: `import t from "${url}";` })],
  ["plugin-threw", plugin("imports-npm", HEALTHY, { before: `import t from "npm:valibot";` })],
  ["plugin-reached-out", plugin("environment", caught(`Deno.env.get("PATH")`))],
  [
    "plugin-reached-out",
    plugin("runs", `new Deno.Command("/bin/rm", { args: ["${canary}"] }).output()`),
  ],
  [
    "plugin-reached-out",
    plugin("runs-as-node", HEALTHY, {
      before: `import cp from "node:child_process"; cp.execFileSync("/bin/rm", ["${canary}"]);`,
    }),
  ],
  [
    "plugin-reached-out",
    plugin(
      "runs-in-secret",
      caught(`new Deno.Command("/bin/rm", { args: ["${canary}"] }).output()`),
    ),
  ],
  ["plugin-reached-out", plugin("spawns", caught(`Deno.spawn("/bin/rm", ["${canary}"])`))],
  ["plugin-reached-out", plugin("kills", caught(`Deno.kill(${Deno.pid}, "SIGTERM")`))],
  ["plugin-reached-out", plugin("kills-as-node", caught(`process.kill(${Deno.pid}, "SIGTERM")`))],
  ["plugin-threw", plugin("graphics", "navigator.gpu.requestAdapter()")],
  ["plugin-threw", plugin("stores", `localStorage.setItem("a", "b")`)],
  ["plugin-threw", plugin("caches", `caches.open("a")`)],
  ["plugin-reached-out", plugin("kills-below", caught("process._kill(1, 0)"))],
  [
    "plugin-reached-out",
    plugin("kills-by-import", caught(`process.kill(${Deno.pid}, "SIGTERM")`), {
      before: `import process from "node:process";`,
    }),
  ],
  [
    "plugin-reached-out",
    plugin("workers", caught(`new Worker("data:text/javascript,1", { type: "module" })`)),
  ],
  ["plugin-reached-out", plugin("ffi", caught(`Deno.dlopen("libc.so.6", {})`))],
  ["plugin-reached-out", plugin("host-name", caught(`Deno.hostname()`))],
];

/** Holds that nothing outside was reached, and ends what there was to be reached. */
export async function assertNothingReached(): Promise<void> {
  assertEquals(await Deno.readTextFile(canary), SECRET);
  assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["canary"]);
  assertEquals(connections, 0);
  await listener.shutdown();
}
