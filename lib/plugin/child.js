// The program of a plugin's process: it imports the plugin as data, so that the plugin's own imports
// need permissions, which the process has none of.
const { code, request } = JSON.parse(await new Response(Deno.stdin.readable).text());

const define = (value, object, ...names) => {
  for (const name of names) Object.defineProperty(object, name, { value });
};
// For these Deno wants no permission: WebGPU loads the host's drivers, and the others keep files.
define(undefined, Object.getPrototypeOf(navigator), "gpu");
define(undefined, globalThis, "caches", "localStorage", "sessionStorage");
// Deno refuses to start or signal a program, but notes no such try; so a try is one to read `run`.
const { readTextFileSync } = Deno;
const refuse = function () {
  readTextFileSync("run");
};
define(refuse, Deno, "Command", "kill", "spawn", "spawnAndWait", "spawnAndWaitSync");
define(refuse, globalThis, "Worker");
// To load Node's takes as long as all the rest.
const { get } = Object.getOwnPropertyDescriptor(globalThis, "process");
const loadProcess = () => {
  const process = get.call(globalThis);
  define(process, globalThis, "process");
  define(refuse, process, "kill", "_kill");
  return process;
};
Object.defineProperty(globalThis, "process", { get: loadProcess, configurable: true });
if (atob(code).includes("import")) loadProcess();

let reply;
try {
  const { answer } = await import(`data:text/javascript;base64,${code}`);
  reply = JSON.stringify({ answer: await answer(request) });
} catch (error) {
  const threw = String(error instanceof Error ? error.message : error);
  reply = JSON.stringify({ threw: threw.replace(/data:\S+/g, "the plugin") });
}
await new Blob([reply]).stream().pipeTo(Deno.stdout.writable);
Deno.exit(0);
