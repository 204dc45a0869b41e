/** The pairs that the oracle migrates in the nested VM are such as say something. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { predictLine } from "../../../lib/cli/commands/predict.ts";
import { type Placed, type RandomPair, randomPairs } from "../../vfio/pairs.ts";
import { recordMigration } from "../../vfio/recorded.ts";

function predict(pair: RandomPair): ReturnType<typeof predictLine> {
  return predictLine(JSON.stringify(recordMigration(pair, { result: "failed" }, "11.1.3")));
}

function assertApart(placed: readonly Placed[], from: number, to: number): void {
  let end = from;
  for (const [, offset, length] of placed) {
    assert(offset >= end && offset % 4 === 0, `${offset}`);
    end = offset + length;
  }
  assert(end <= to);
}

Deno.test("randomPairs: devices of the sizes that there are, capabilities apart", () => {
  fc.assert(fc.property(randomPairs, ({ source, destination, capabilities, extended }) => {
    assertEquals(source.config.length, destination.config.length);
    assert([256, 4096].includes(source.config.length));
    assertApart(capabilities, 0x40, 0x100);
    assertApart(extended, 0x100, 0x1000);
    for (const { bars = [] } of [source, destination]) {
      for (const size of bars) assertEquals(size & (size - 1), 0);
    }
  }));
});

Deno.test("randomPairs: predict has an answer for each", () => {
  fc.assert(fc.property(randomPairs, (pair) => predict(pair).result !== "invalid"));
});

Deno.test("randomPairs: without a mutation the guest arrives, or no QEMU opens the device", () => {
  fc.assert(fc.property(randomPairs, (pair) => {
    const { result, ...rest } = predict({ ...pair, destination: pair.source });
    const side = "reason" in rest ? rest.reason : "";
    return result === "completed" || (result === "realize-failed" && side.startsWith("source"));
  }));
});

Deno.test("randomPairs: every outcome, kind of device and bus is frequent", () => {
  const pairs = fc.sample(randomPairs, { seed: 1, numRuns: 1000 });
  const share = (is: (pair: RandomPair) => boolean): number => pairs.filter(is).length / 1000;
  const outcomes = pairs.map((pair) => predict(pair).result);
  const outcome = (result: string): number => outcomes.filter((it) => it === result).length / 1000;
  const shares = {
    completed: outcome("completed"),
    badConfig: outcome("bad-config"),
    realizeFailed: outcome("realize-failed") * 5,
    express: share(({ source }) => source.config.length === 4096),
    conventional: share(({ source }) => source.config.length === 256),
    extended: share(({ extended }) => extended.length > 0) / 2,
    msix: share(({ source }) => (source.msixVectors ?? 0) > 0) * 2,
    written: share(({ writes }) => writes.length > 0),
    ...Object.fromEntries(["root", "port", "pci-under-pcie", "pci"].map((bus) => [
      bus,
      share((pair) => pair.bus === bus) * 3,
    ])),
  };
  for (const [what, of] of Object.entries(shares)) assert(of >= 0.25, `${what}: ${of}`);
});
