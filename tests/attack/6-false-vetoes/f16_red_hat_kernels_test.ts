/** Kernels of RHEL 9.4 and later, which NVIDIA lists for the live migration of vGPUs. */
import { assertEquals } from "@std/assert";
import { judge, vgpu } from "./judged.ts";

const KERNELS: readonly (readonly [kernel: string, severities: readonly string[]])[] = [
  ["5.14.0-427.13.1.el9_4.x86_64", []],
  ["5.14.0-427.el9.x86_64", []],
  ["5.14.0-503.el9.x86_64", []],
  ["5.14.0-503.11.1.el9_5.x86_64", []],
  ["5.14.0-570.12.1.el9_6.x86_64", []],
  ["5.14.0-611.5.1.el9_7.aarch64", []],
  ["6.12.0-55.9.1.el10_0.x86_64", []],
  ["5.14.0-362.8.1.el9_3.x86_64", ["warn"]],
  ["5.14.0-70.el9.x86_64", ["warn"]],
  ["4.18.0-553.el8_10.x86_64", ["warn"]],
  ["5.14.21-150500.55.52-default", ["warn"]],
  ["5.10.0-216.0.0.115.oe2203sp4.x86_64", ["warn"]],
  ["5.15.0-125-generic", ["veto"]],
  ["5.10.0-28-amd64", ["veto"]],
];
for (const [kernel, severities] of KERNELS) {
  Deno.test(`${kernel}, which does not tell of the device: ${severities.join() || "nothing"}`, () => {
    const side = vgpu({ migration: undefined });
    const { findings } = judge({ ...side, kernel }, side);
    const found = findings.filter(({ policy, code }) =>
      policy === "generic/vfio" && code === "kernel-too-old"
    );
    assertEquals(found.map(({ severity }) => severity), severities);
  });
  Deno.test(`${kernel}, which says that it can: nothing`, () => {
    const { findings } = judge(vgpu({ kernel }), vgpu());
    assertEquals(findings.filter(({ code }) => code === "kernel-too-old"), []);
  });
}
