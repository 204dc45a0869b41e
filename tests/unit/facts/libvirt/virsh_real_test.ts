/** The real virsh, with libvirt's mock driver (`test:///default`), which needs no daemon. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseCapabilities } from "../../../../lib/facts/libvirt/capabilities.ts";
import { parseGuestList } from "../../../../lib/facts/libvirt/guest.ts";
import { parseLibvirtUri } from "../../../../lib/facts/libvirt/uri.ts";
import { runVirsh } from "../../../../lib/facts/libvirt/virsh.ts";
import { VirshError } from "../../../../lib/facts/libvirt/virsh_error.ts";
import type { VirshAnswer, VirshCommand } from "../../../../lib/facts/libvirt/virsh_script.ts";

const URI = { ...parseLibvirtUri("qemu:///system"), text: "test:///default" };

async function run(commands: readonly VirshCommand[]): Promise<VirshAnswer[]> {
  return await runVirsh(URI, commands, { readOnly: true, signal: AbortSignal.timeout(60_000) });
}

async function errorOf(answers: Promise<unknown>): Promise<VirshError> {
  const error = await answers.catch((error) => error);
  assert(error instanceof VirshError);
  return error;
}

const ignore = !await hasVirsh();
const reason = ignore ? " (left out: there is no virsh)" : "";

async function hasVirsh(): Promise<boolean> {
  try {
    return (await new Deno.Command("virsh", { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}

Deno.test({
  name: `virsh gives one answer a command, whatever became of those before${reason}`,
  ignore,
  async fn(): Promise<void> {
    const [list = "", missing, xml, hostname, secret, capabilities = ""] = await run([
      ["list", "--uuid", "--name"],
      ["domuuid", "--domain", "no such"],
      ["dumpxml", "--domain", "test"],
      ["hostname"],
      ["dumpxml", "--security-info", "--domain", "test"],
      ["capabilities"],
    ]);
    assertEquals(parseGuestList(String(list)).map(({ name }) => name), ["test"]);
    assert(typeof missing === "object" && missing.missing.code === "no-such-domain");
    assert(typeof xml === "string" && xml.startsWith("<domain type='test' id='1'>"));
    assert(typeof hostname === "string" && hostname !== "");
    assert(typeof secret === "object" && secret.missing.code === "read-only-refused");
    assert(parseCapabilities(String(capabilities)) !== undefined);
  },
});

Deno.test({
  name: `virsh takes every word as data${reason}`,
  ignore,
  async fn(): Promise<void> {
    const words = [
      "it's",
      'say "x"',
      "$(reboot) `reboot` ${HOME}",
      "a; domuuid test",
      "two\nlines",
      "tab\there",
      "#comment",
      "back\\slash\\",
      "--xml",
      "--help",
      "g\u00e4st \u2603",
      "",
    ];
    assertEquals(await run(words.map((word) => ["echo", "--", word])), words);
  },
});

Deno.test({
  name: `virsh takes any word as data${reason}`,
  ignore,
  async fn(): Promise<void> {
    // NUL cannot be passed; line breaks at the ends are no part of an answer; lone surrogates are
    // no text.
    const word = fc.string({ unit: "grapheme", maxLength: 40 }).map((text) =>
      text.replaceAll("\0", "").replace(/^\n+|\n+$/g, "")
    );
    const tricky = fc.string({
      unit: fc.constantFrom("'", '"', "\\", ";", "#", " ", "-", "$", "\n", "\t", "a"),
      maxLength: 20,
    }).map((text) => text.replace(/^\n+|\n+$/g, ""));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(word, tricky), { maxLength: 50 }), async (words) => {
        assertEquals(await run(words.map((text) => ["echo", "--", text])), words);
      }),
      { numRuns: 20 },
    );
  },
});

Deno.test({
  name: `virsh answers a thousand commands${reason}`,
  ignore,
  async fn(): Promise<void> {
    const answers = await run(Array.from({ length: 2000 }, (_, n) => ["echo", "--", `${n}`]));
    assertEquals(answers, Array.from({ length: 2000 }, (_, n) => `${n}`));
  },
});

Deno.test({
  name: `virsh says what a host that is not there means${reason}`,
  ignore,
  async fn(): Promise<void> {
    const uri = parseLibvirtUri("qemu+unix:///system?socket=/nonexistent/libvirt-sock");
    const options = { readOnly: true, signal: AbortSignal.timeout(60_000) };
    const error = await errorOf(runVirsh(uri, [["hostname"]], options));
    assertEquals([error.code, error.host], ["unreachable", "/nonexistent/libvirt-sock"]);
  },
});

Deno.test({
  name: `a command that virsh does not know means that it is too old${reason}`,
  ignore,
  async fn(): Promise<void> {
    const error = await errorOf(run([["hostname"], ["no-such-command"]]));
    assertEquals(error.code, "too-old");
  },
});

Deno.test("a stop is told from a deadline", async () => {
  const reasons = { timeout: new DOMException("late", "TimeoutError"), aborted: undefined };
  for (const [code, reason] of Object.entries(reasons)) {
    const options = { readOnly: true, signal: AbortSignal.abort(reason) };
    assertEquals((await errorOf(runVirsh(URI, [["hostname"]], options))).code, code);
  }
});
