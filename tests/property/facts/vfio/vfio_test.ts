import { assert, assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding/hex";
import * as fc from "fast-check";
import { predictDriver } from "../../../../lib/facts/vfio/driver.ts";
import { parseVfioAnswer } from "../../../../lib/facts/vfio/region.ts";
import { decodeRegionInfo, regionInfoArgument } from "../../../../lib/facts/vfio/structs.ts";

const text = fc.oneof(fc.string({ unit: "binary" }), fc.json());
const config = fc.constantFrom(256, 4096).chain((length) =>
  fc.uint8Array({ minLength: length, maxLength: length })
);
const sizes = {
  bars: fc.array(fc.maxSafeNat(), { minLength: 6, maxLength: 6 }),
  romSize: fc.maxSafeNat(),
};

Deno.test("whatever a reader says, it is answered", () => {
  fc.assert(fc.property(text, text, (stdout, stderr) => {
    const answer = parseVfioAnswer(stdout, stderr);
    assert(answer.result === "failed" && answer.reason.length < 400);
  }));
});

Deno.test("an answer comes back as it was given", () => {
  fc.assert(
    fc.property(config, fc.record(sizes), (bytes, regions) => {
      const rest = { result: "read", ...regions };
      const answer = parseVfioAnswer(JSON.stringify({ ...rest, config: encodeHex(bytes) }), "");
      assert(answer.result === "read");
      const { config: { bytes: found }, ...others } = answer;
      assertEquals([encodeHex(found), others], [encodeHex(bytes), rest]);
    }),
  );
});

Deno.test("a region's size and offset are read whole", () => {
  const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  fc.assert(fc.property(u64, u64, (size, offset) => {
    const info = regionInfoArgument(7);
    const view = new DataView(info.buffer);
    view.setBigUint64(16, size, true);
    view.setBigUint64(24, offset, true);
    assertEquals(decodeRegionInfo(info), { readable: false, size, offset });
  }));
});

Deno.test("no text makes predictDriver() fail, and an exact alias wins wherever it stands", () => {
  const modalias = "pci:v000015B3d0000101Esv000015B3sd0000005Bbc02sc00i00";
  const exact = `alias vfio_${modalias} exact`;
  const noise = fc.array(fc.oneof(
    fc.string({ unit: "binary" }).filter((line) => !line.includes("exact")),
    fc.constantFrom(
      "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci",
      "alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci",
      "alias vfio_pci:v000015B3d*sv*sd*bc*sc*i*",
    ),
  ));
  fc.assert(fc.property(noise, noise, text, (before, after, other) => {
    const modulesAlias = [...before, exact, ...after].join("\n");
    assertEquals(predictDriver(modalias, modulesAlias), "exact");
    assertEquals(predictDriver(other, modulesAlias), undefined);
  }));
});
