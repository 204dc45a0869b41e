/** A vGPU manager takes guest drivers of its branch, of the one before, and, of LTS, of the LTS before. */
import { assertEquals } from "@std/assert";
import { judge, vgpu } from "./judged.ts";

const PAIRS: readonly (readonly [guest: string, manager: string, isTaken: boolean])[] = [
  ["470.256.02", "535.161.05", true],
  ["535.129.03", "580.65.05", true],
  ["450.248.02", "470.256.02", true],
  ["525.147.05", "535.161.05", true],
  ["535.183.06", "550.54.16", true],
  ["538.33", "535.161.05", true],
  ["474.64", "535.161.05", true],
  ["528.24", "535.161.05", true],
  ["553.24", "550.54.16", true],
  ["580.65.06", "595.58.02", true],
  ["580.65.06", "610.43.02", false],
  ["450.248.02", "535.161.05", false],
  ["510.108.03", "535.161.05", false],
  ["470.256.02", "550.54.16", false],
  ["470.256.02", "580.65.05", false],
  ["550.54.16", "535.161.05", false],
  ["545.29.02", "550.54.16", false],
];
for (const [guestDriver, manager, isTaken] of PAIRS) {
  Deno.test(`guest ${guestDriver} and manager ${manager}: ${isTaken ? "no" : "a"} warning`, () => {
    const host = { nvidiaDriver: manager, driver: { name: "nvidia-vgpu-vfio", version: manager } };
    const { findings } = judge(vgpu({ ...host, nvml: { guestDriver } }), vgpu(host));
    const found = findings.filter(({ code }) => code === "guest-driver-out-of-range");
    assertEquals(found.map(({ severity }) => severity), isTaken ? [] : ["warn"]);
  });
}
