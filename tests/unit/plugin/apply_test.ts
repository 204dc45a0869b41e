/** What a plugin is asked, how often, and what is left of its process. */
import { assert, assertEquals } from "@std/assert";
import {
  evaluate,
  parseQemuVersion,
  type Registry,
  type Verdict,
} from "../../../lib/policy/mod.ts";
import type { DevicePair, Migration } from "../../../lib/policy/mod.ts";
import type { CodePlugin } from "../../../lib/plugin/mod.ts";
import unknownVendor from "../../../plugins/generic/unknown-vendor/policy.ts";
import { judgeWith } from "../../helpers/plugin_judge.ts";

const MIGRATION: Migration = {
  guest: "web1",
  source: { name: "a", qemu: parseQemuVersion("9.1") },
  destination: { name: "b", qemu: parseQemuVersion("9.2.1") },
  bytesOnly: false,
};
const SIDE = { address: "0000:3b:00.4", vendor: 0x10de, device: 0x2235, class: 0x030000 };
const OTHER = { ...SIDE, vendor: 0x8086 };

function pairOf(name: string, side: DevicePair["source"]): DevicePair {
  return { name, guest: { properties: {} }, source: side, destination: side };
}

/** A plugin for NVIDIA's devices and for the guest, whose rules are `answer`, given a question. */
function pluginOf(
  name: string,
  answer: string,
  { ofGuest = true, vendor = 0x10de } = {},
): CodePlugin {
  const code = `
    const page = { severity: "warn", title: "T", message: "M", remedy: "R.", about: "A." };
    const description = { id: "example/${name}", title: "T", documentation: "",
      match: { vendors: [${vendor}] }, codes: { found: page }, ofGuest: ${ofGuest} };
    const find = ({ pair, migration }) => ${answer};
    export const answer = (request) =>
      request.kind === "describe" ? description : request.questions.map(find);`;
  return { name, code: new TextEncoder().encode(code) };
}

const TELL = `[{ code: "found", data: {
  about: pair?.name ?? migration.guest,
  qemu: migration.destination.qemu,
  bytes: pair?.source.config?.bytes ?? "",
} }]`;

function told({ findings }: Verdict): unknown[] {
  return findings.map(({ device, data }) => [device, data["about"], data["qemu"], data["bytes"]]);
}

Deno.test("a plugin is asked about its own devices, and about the guest", async () => {
  const config = { kind: "sysfs", bytes: new Uint8Array([0xde, 0x10]) } as const;
  const pairs = [pairOf("gpu", { ...SIDE, config }), pairOf("nic", OTHER)];
  const judge = (registry: Registry): Verdict => evaluate(pairs, MIGRATION, registry);
  const verdict = await judgeWith([], [pluginOf("tells", TELL)], judge);
  assertEquals(told(verdict), [
    [undefined, "web1", "9.2.1", ""],
    ["gpu", "gpu", "9.2.1", "de10"],
  ]);
  assertEquals(verdict.ran, [
    { policy: "example/tells" },
    { policy: "example/tells", device: "gpu" },
  ]);
});

Deno.test("a plugin that none of the devices concerns is not asked", async () => {
  const plugin = pluginOf("throws", `(() => { throw new Error("asked") })()`, { ofGuest: false });
  const verdict = await judgeWith(
    [],
    [plugin],
    (registry) => evaluate([pairOf("nic", OTHER)], MIGRATION, registry),
  );
  assertEquals([verdict.decision, verdict.findings, verdict.ran], ["allow", [], []]);
});

Deno.test("a plugin is asked again where its first answer leads to another device", async () => {
  let rounds = 0;
  const verdict = await judgeWith([], [pluginOf("tells", TELL)], (registry) => {
    rounds++;
    const first = evaluate([pairOf("first", SIDE)], MIGRATION, registry);
    if (first.findings.length === 0) return first;
    return evaluate([pairOf("second", SIDE)], MIGRATION, registry);
  });
  assertEquals(told(verdict), [
    [undefined, "web1", "9.2.1", ""],
    ["second", "second", "9.2.1", ""],
  ]);
  assertEquals(rounds, 3);
});

Deno.test("a plugin that needs more than bytes is not run on bytes alone, and that is said", async () => {
  const { findings, notRun } = await judgeWith(
    [],
    [pluginOf("tells", TELL, { ofGuest: false })],
    (registry) => evaluate([pairOf("gpu", SIDE)], { ...MIGRATION, bytesOnly: true }, registry),
  );
  assertEquals(findings, []);
  assertEquals(notRun, [{ policy: "example/tells", device: "gpu", reason: "needs-facts" }]);
});

Deno.test("a plugin vouches for its vendor's devices, unless it fails", async () => {
  const side = { ...SIDE, vendor: 0x1d0f };
  const codes = async (...plugins: readonly CodePlugin[]): Promise<string[]> => {
    const { findings } = await judgeWith(
      [unknownVendor],
      plugins,
      (registry) => evaluate([pairOf("card", side)], MIGRATION, registry),
    );
    return findings.map(({ code }) => code);
  };
  const unknown = await codes();
  assert(unknown.includes("nobody-vouches"));
  assertEquals(await codes(pluginOf("vouches", "[]", { vendor: 0x1d0f })), []);
  const failing = pluginOf("fails", "null", { vendor: 0x1d0f });
  assertEquals((await codes(failing)).sort(), ["plugin-nonsense", ...unknown].sort());
});

Deno.test("a thousand devices", async () => {
  const bytes = new Uint8Array(4096);
  const pairs = Array.from(
    { length: 1000 },
    (_, index) => pairOf(`gpu${index}`, { ...SIDE, config: { kind: "realize", bytes } }),
  );
  const { findings } = await judgeWith(
    [],
    [pluginOf("tells", `[{ code: "found", data: { about: pair?.name ?? "guest" } }]`)],
    (registry) => evaluate(pairs, MIGRATION, registry),
    20,
  );
  assertEquals(findings.filter(({ code }) => code === "found").length, 1001);
});

Deno.test("no process of a plugin is left", async () => {
  const mark = `left${crypto.randomUUID()}`;
  const plugin = pluginOf(mark, "(() => { for (;;); })()");
  const { findings } = await judgeWith(
    [],
    [plugin],
    (registry) => evaluate([pairOf("gpu", SIDE)], MIGRATION, registry),
    1,
  );
  assertEquals(findings.map(({ code }) => code), ["plugin-timed-out"]);
  const { stdout } = await new Deno.Command("ps", {
    args: ["-o", "args=", "--ppid", `${Deno.pid}`],
  })
    .output();
  const children = new TextDecoder().decode(stdout);
  assert(!children.includes("max-old-space-size"), children);
});
