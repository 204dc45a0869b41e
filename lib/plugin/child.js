// The program of a plugin's process: it imports the plugin as data, so that the plugin's own imports
// need permissions, which the process has none of.
const { code, request } = JSON.parse(await new Response(Deno.stdin.readable).text());
// Deno refuses to start or signal a program, but notes no such try; so a try is one to read `run`.
const { readTextFileSync } = Deno;
const starts = ["Command", "kill", "spawn", "spawnAndWait", "spawnAndWaitSync"];
for (const [object, names] of [[Deno, starts], [process, ["kill"]], [globalThis, ["Worker"]]]) {
  for (const name of names) {
    Object.defineProperty(object, name, {
      value: function () {
        readTextFileSync("run");
      },
    });
  }
}
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
