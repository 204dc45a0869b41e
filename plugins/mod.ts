/**
 * The policies that come with premigrate.
 *
 * @module
 */
import type { Policy } from "premigrate/policy";
import amdMxgpu from "./amd/mxgpu/policy.ts";
import amdPensando from "./amd/pensando/policy.ts";
import unknownVendor from "./generic/unknown-vendor/policy.ts";
import genericVfio from "./generic/vfio/policy.ts";
import hisiliconAcc from "./hisilicon/acc/policy.ts";
import intelGvtg from "./intel/gvtg/policy.ts";
import intelIce from "./intel/ice/policy.ts";
import intelQat from "./intel/qat/policy.ts";
import intelXe from "./intel/xe/policy.ts";
import mellanoxMlx5 from "./mellanox/mlx5/policy.ts";
import nvidiaPassthrough from "./nvidia/passthrough/policy.ts";
import nvidiaVgpu from "./nvidia/vgpu/policy.ts";
import nvidiaVsc from "./nvidia/vsc/policy.ts";
import restoreCheck from "./qemu/restore-check/policy.ts";
import virtioVfio from "./virtio/vfio/policy.ts";

/** All built-in policies, by id. */
export const BUILT_IN: readonly Policy[] = [
  amdMxgpu,
  amdPensando,
  unknownVendor,
  genericVfio,
  hisiliconAcc,
  intelGvtg,
  intelIce,
  intelQat,
  intelXe,
  mellanoxMlx5,
  nvidiaPassthrough,
  nvidiaVgpu,
  nvidiaVsc,
  restoreCheck,
  virtioVfio,
];

/** Ids that policies had, with the policies that took their place. */
export const FORMER_IDS: ReadonlyMap<string, readonly Policy[]> = new Map([
  ["intel/gvtg-and-ice", [intelGvtg, intelIce]],
]);
