/** Predictions with nothing cached, and with both sides' shadows at hand; 200 pairs an iteration. */
import { checkRestore, predictRestore, realize, type RealizedDevice } from "premigrate/policy";
import { makePairs } from "./pairs.ts";

for (const size of [256, 4096] as const) {
  const pairs = makePairs(size);
  const group = `200 pairs of ${size} bytes`;

  Deno.bench(`${size} bytes: cold`, { group, baseline: true }, () => {
    for (const [source, destination] of pairs) predictRestore(source, destination);
  });

  const realized = pairs.map((pair) => pair.map(({ view, facts }) => hold(realize(view, facts))));
  Deno.bench(`${size} bytes: both shadows built`, { group }, () => {
    for (const [source, destination] of realized) {
      if (source !== undefined && destination !== undefined) {
        checkRestore(source.shadow, destination);
      }
    }
  });
}

function hold(device: ReturnType<typeof realize>): RealizedDevice {
  if (!device.ok) {
    throw new Error(`A pair of the benchmark cannot be realized: ${device.reason.code}`);
  }
  return device;
}
