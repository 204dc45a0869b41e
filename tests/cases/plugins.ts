import type { PolicyCase } from "../../lib/policy/mod.ts";
import { CASES as AMD_MXGPU } from "../../plugins/amd/mxgpu/cases.ts";
import { CASES as AMD_PENSANDO } from "../../plugins/amd/pensando/cases.ts";
import { CASES as UNKNOWN_VENDOR } from "../../plugins/generic/unknown-vendor/cases.ts";
import { CASES as GENERIC_VFIO } from "../../plugins/generic/vfio/cases.ts";
import { CASES as HISILICON_ACC } from "../../plugins/hisilicon/acc/cases.ts";
import { CASES as GVTG_AND_ICE } from "../../plugins/intel/gvtg-and-ice/cases.ts";
import { CASES as INTEL_QAT } from "../../plugins/intel/qat/cases.ts";
import { CASES as INTEL_XE } from "../../plugins/intel/xe/cases.ts";
import { CASES as MELLANOX_MLX5 } from "../../plugins/mellanox/mlx5/cases.ts";
import { CASES as NVIDIA_PASSTHROUGH } from "../../plugins/nvidia/passthrough/cases.ts";
import { CASES as NVIDIA_VGPU } from "../../plugins/nvidia/vgpu/cases.ts";
import { CASES as NVIDIA_VSC } from "../../plugins/nvidia/vsc/cases.ts";
import { CASES as RESTORE_CHECK } from "../../plugins/qemu/restore-check/cases.ts";
import { CASES as VIRTIO_VFIO } from "../../plugins/virtio/vfio/cases.ts";

/** The cases of the built-in policies, by id. */
export const PLUGIN_CASES: Readonly<Record<string, readonly PolicyCase[]>> = {
  "amd/mxgpu": AMD_MXGPU,
  "amd/pensando": AMD_PENSANDO,
  "generic/unknown-vendor": UNKNOWN_VENDOR,
  "generic/vfio": GENERIC_VFIO,
  "hisilicon/acc": HISILICON_ACC,
  "intel/gvtg-and-ice": GVTG_AND_ICE,
  "intel/qat": INTEL_QAT,
  "intel/xe": INTEL_XE,
  "mellanox/mlx5": MELLANOX_MLX5,
  "nvidia/passthrough": NVIDIA_PASSTHROUGH,
  "nvidia/vgpu": NVIDIA_VGPU,
  "nvidia/vsc": NVIDIA_VSC,
  "qemu/restore-check": RESTORE_CHECK,
  "virtio/vfio": VIRTIO_VFIO,
};
