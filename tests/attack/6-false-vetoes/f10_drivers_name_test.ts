/** The bound driver's name is no proof that the device can migrate. */
import { assert, assertEquals } from "@std/assert";
import genericVfio from "../../../plugins/generic/vfio/policy.ts";
import { runCase } from "premigrate/policy";
import { judge, reasons, vgpu, xe } from "./judged.ts";

const UNPROVEN = [
  "nvidia",
  "nvidia-vgpu-vfio",
  "nvidia_vgpu_vfio",
  "vfio_mdev",
  "mlx5_vfio_pci",
  "hisi_acc_vfio_pci",
  "virtio_vfio_pci",
];
for (const name of UNPROVEN) {
  const bound = { driver: { name, version: "550.54.16" } };
  Deno.test(`${name}, and nothing that tells more: undecided`, () => {
    const verdict = judge(vgpu({ ...bound, migration: undefined }), vgpu(bound));
    assertEquals(verdict.decision, "undecided");
    assertEquals(reasons(verdict), ["generic/vfio driver-tells-not"]);
  });
  Deno.test(`${name}, and the kernel's word against it: veto`, () => {
    const verdict = judge(vgpu(bound), vgpu({ ...bound, migration: { offered: false } }));
    assert(reasons(verdict).includes("generic/vfio no-migration"));
    assertEquals(verdict.decision, "veto");
  });
  Deno.test(`${name}, and the kernel's word for it: allow`, () => {
    assertEquals(judge(vgpu(bound), vgpu(bound)).decision, "allow");
  });
}

Deno.test("the site's word on a driver is taken", () => {
  const source = vgpu({ migration: undefined });
  const { decision } = runCase(genericVfio, {
    name: "the site's word",
    machine: "pc-q35-9.2",
    viommu: false,
    options: { drivers: ["nvidia-vgpu-vfio"] },
    source,
    destination: source,
  });
  assertEquals(decision, "allow");
});

Deno.test("the binding of a driver that gives each device its operations is proof", () => {
  for (const name of ["qat_vfio_pci", "pds_vfio_pci", "mtty"]) {
    const bound = { driver: { name }, migration: undefined };
    const { findings } = judge(xe(bound), xe(bound));
    assertEquals(findings.filter(({ code }) => code.startsWith("driver-")), []);
  }
});
