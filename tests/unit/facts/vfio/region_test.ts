import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseVfioAnswer, readVfioRegion } from "../../../../lib/facts/vfio/region.ts";

const MDEV = "c3a1f1a0-4f5e-4c5e-9f0a-3f1d2b7a9c01";
const HOST_HAS_VFIO = await Deno.stat("/dev/vfio/vfio").then(() => true, () => false);
const READ = {
  result: "read",
  config: "de10".padEnd(512, "0"),
  bars: [16_777_216, 268_435_456, 0, 33_554_432, 0, 128],
  romSize: 524_288,
};

Deno.test("parseVfioAnswer() reads an answer with bytes", () => {
  const region = parseVfioAnswer(`${JSON.stringify(READ)}\n`, "");
  assert(region.result === "read", JSON.stringify(region));
  const { config, ...rest } = region;
  assertEquals([config.kind, config.bytes.length, config.bytes[1]], ["realize", 256, 0x10]);
  assertEquals(rest, {
    result: "read",
    bars: READ.bars,
    romSize: READ.romSize,
  });
  const extended = parseVfioAnswer(JSON.stringify({ ...READ, config: "00".repeat(4096) }), "");
  assert(extended.result === "read");
  assertEquals(extended.config.bytes.length, 4096);
});

Deno.test("parseVfioAnswer() takes nothing else for an answer", () => {
  const cases: [string, string][] = [
    ["nothing", ""],
    ["no JSON", "Segmentation fault"],
    ["cut off", JSON.stringify(READ).slice(0, -2)],
    ["two answers", `${JSON.stringify(READ)}\n${JSON.stringify(READ)}`],
    ["a number", "1"],
    ["null", "null"],
    ["an unknown result", '{"result":"maybe","reason":"?"}'],
    ["a refusal without a reason", '{"result":"busy"}'],
    ["255 bytes", JSON.stringify({ ...READ, config: "00".repeat(255) })],
    ["half a byte", JSON.stringify({ ...READ, config: "0".repeat(511) })],
    ["upper case", JSON.stringify({ ...READ, config: "DE10".padEnd(512, "0") })],
    ["seven BARs", JSON.stringify({ ...READ, bars: [0, 0, 0, 0, 0, 0, 0] })],
    ["a negative size", JSON.stringify({ ...READ, romSize: -1 })],
    ["a size beyond exact numbers", JSON.stringify({ ...READ, romSize: 2 ** 53 })],
    ["something besides", JSON.stringify({ ...READ, more: 1 })],
  ];
  for (const [name, stdout] of cases) {
    const answer = parseVfioAnswer(stdout, "");
    assertEquals(answer.result, "failed", name);
  }
});

Deno.test("parseVfioAnswer() hands on what the reader said on its way down, as one line", () => {
  const answer = parseVfioAnswer("", "error: Uncaught\n\u001b[31mno libc.so.6\u0007\n");
  assertEquals(answer, {
    result: "failed",
    reason: "Failed to understand the VFIO reader: error: Uncaught [31mno libc.so.6",
  });
});

Deno.test({
  name: `readVfioRegion() says that a host has no VFIO${HOST_HAS_VFIO ? " (this one has)" : ""}`,
  ignore: HOST_HAS_VFIO,
  async fn(): Promise<void> {
    const requests = [
      { address: MDEV, group: 12 },
      { address: "0000:3b:00.4", group: 12, allowReset: true },
    ];
    for (const request of requests) {
      const answer = await readVfioRegion(request, AbortSignal.timeout(60_000));
      assertEquals(answer, {
        result: "unsupported",
        reason: "Failed to open /dev/vfio/vfio: No such file or directory; " +
          "load the kernel module behind it",
      });
    }
  },
});

Deno.test("readVfioRegion() opens no PCI function unless its reset is allowed", async () => {
  const request = { address: "0000:3b:00.4", group: 12 };
  const answer = await readVfioRegion(request, AbortSignal.timeout(60_000));
  assertEquals(answer.result, "would-reset");
});

Deno.test("readVfioRegion() lets nothing but an address and a group reach the device files", async () => {
  const requests = [
    { address: "../../etc/passwd", group: 1 },
    { address: "0000:3B:00.4", group: 1 },
    { address: `${MDEV}\n`, group: 1 },
    { address: "--allow-reset", group: 1 },
    { address: MDEV, group: -1 },
    { address: MDEV, group: 1.5 },
    { address: MDEV, group: NaN },
  ];
  for (const request of requests) {
    const answer = await readVfioRegion(request, AbortSignal.timeout(60_000));
    assert(answer.result === "failed", JSON.stringify([request, answer]));
    assertMatch(answer.reason, /Usage: /);
  }
});

Deno.test("readVfioRegion() gives up when it is told to, before and while it reads", async () => {
  const request = { address: MDEV, group: 12 };
  const before = await readVfioRegion(request, AbortSignal.abort());
  const stop = new AbortController();
  const reading = readVfioRegion(request, stop.signal);
  stop.abort();
  for (const answer of [before, await reading]) {
    assertEquals(answer, {
      result: "failed",
      reason: `Gave up reading the config region of ${MDEV} at the deadline`,
    });
  }
});
