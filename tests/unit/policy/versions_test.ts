import { assertEquals } from "@std/assert";
import { isAtLeast, kernelHas } from "premigrate/policy";

const VERSIONS: readonly (readonly [version: string, floor: string, boolean | undefined])[] = [
  ["8.6.0", "8.6", true],
  ["8.6", "8.6.0", true],
  ["8.5.9", "8.6", false],
  ["10.0.0", "8.6", true],
  ["8", "8.0", true],
  ["8", "8.1", false],
  ["28.41.1000", "28.41.1000", true],
  ["28.41.999", "28.41.1000", false],
  ["28.9.2000", "28.41.1000", false],
  ["9.2.0 (Debian 1:9.2)", "9.2", true],
  ["", "8.6", undefined],
  ["v9.0", "8.6", undefined],
];
for (const [version, floor, wanted] of VERSIONS) {
  Deno.test(`isAtLeast: "${version}" and ${floor}`, () => {
    assertEquals(isAtLeast(version, floor), wanted);
  });
}

const KERNELS: readonly (readonly [release: string, since: string, boolean | undefined])[] = [
  ["6.8.0-45-generic", "5.18", true],
  ["5.15.0-125-generic", "5.18", false],
  ["5.14.0-427.13.1.el9_4.x86_64", "5.18", undefined],
  ["6.12.0-55.9.1.el10_0.x86_64", "5.18", true],
  ["linux", "5.18", undefined],
];
for (const [release, since, wanted] of KERNELS) {
  Deno.test(`kernelHas: ${release} and ${since}`, () => {
    assertEquals(kernelHas(release, since), wanted);
  });
}
