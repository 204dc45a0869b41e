// The program of a plugin's process: it imports the plugin as data, so that the plugin's own imports
// need permissions, which the process has none of.
const { code, request } = JSON.parse(await new Response(Deno.stdin.readable).text());
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
