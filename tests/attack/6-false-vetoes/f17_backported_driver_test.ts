/** A variant driver that is bound proves that the distribution has brought VFIO migration back. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { judge, xe } from "./judged.ts";

for (
  const [kernel, name] of [
    ["5.15.0-151-generic", "xe-vfio-pci"],
    ["5.15.0-151-generic", "qat_vfio_pci"],
    ["5.10.134-17.al8.x86_64", "pds_vfio_pci"],
    ["5.10.0-136.12.0.86.oe2203sp1.aarch64", "hisi_acc_vfio_pci"],
    ["5.4.0-1100-custom", "mlx5_vfio_pci"],
  ] as const
) {
  Deno.test(`${name} on ${kernel}: at most a warning`, () => {
    const side = xe({ kernel, driver: { name }, migration: undefined });
    const { decision, findings } = judge(side, side);
    const found = findings.filter(({ policy, code }) =>
      policy === "generic/vfio" && code === "kernel-too-old"
    );
    assertEquals(found.map(({ severity }) => severity), ["warn", "warn"]);
    assertNotEquals(decision, "veto");
  });
}

Deno.test("a driver that proves nothing, on such a kernel, stays a veto", () => {
  for (const name of ["vfio-pci", "nvidia", "acme"]) {
    const side = xe({ kernel: "5.15.0-151-generic", driver: { name }, migration: undefined });
    assertEquals(judge(side, side).decision, "veto");
  }
});
