/** A property that the destination's QEMU has not, or has no longer, ends it before the migration. */
import { assertEquals } from "@std/assert";
import { parseQemuVersion, parseVfioPciProperties, QemuPropertyError } from "premigrate/policy";

for (
  const [property, qemu, isThere] of [
    ["x-enable-migration", "8.0.5", true],
    ["x-enable-migration", "8.1", false],
    ["x-enable-migration", "11.1", false],
    ["enable-migration", "8.0", false],
    ["enable-migration", "8.1", true],
    ["migration-events", "9.0", false],
    ["migration-events", "9.1", true],
    ["x-device-dirty-page-tracking", "8.2", false],
    ["x-ramfb-migrate", "8.1", false],
    ["vf-token", "8.0", false],
  ] as const
) {
  Deno.test(`QEMU ${qemu} has ${isThere ? "" : "not "}the property ${property}`, () => {
    const value = property === "vf-token" ? "97a27bc0-a6a0-4c0a-93ea-e2b1e1a02b35" : "on";
    let found = true;
    try {
      parseVfioPciProperties({ [property]: value }, parseQemuVersion(qemu));
    } catch (error) {
      if (!(error instanceof QemuPropertyError)) throw error;
      found = false;
    }
    assertEquals(found, isThere);
  });
}
