import type { PolicyCase } from "../../lib/policy/mod.ts";
import { CASES as UNKNOWN_VENDOR } from "../../plugins/generic/unknown-vendor/cases.ts";
import { CASES as GENERIC_VFIO } from "../../plugins/generic/vfio/cases.ts";
import { CASES as NVIDIA_PASSTHROUGH } from "../../plugins/nvidia/passthrough/cases.ts";
import { CASES as NVIDIA_VGPU } from "../../plugins/nvidia/vgpu/cases.ts";
import { CASES as NVIDIA_VSC } from "../../plugins/nvidia/vsc/cases.ts";
import { CASES as RESTORE_CHECK } from "../../plugins/qemu/restore-check/cases.ts";

/** The cases of the built-in policies, by id. */
export const PLUGIN_CASES: Readonly<Record<string, readonly PolicyCase[]>> = {
  "generic/unknown-vendor": UNKNOWN_VENDOR,
  "generic/vfio": GENERIC_VFIO,
  "nvidia/passthrough": NVIDIA_PASSTHROUGH,
  "nvidia/vgpu": NVIDIA_VGPU,
  "nvidia/vsc": NVIDIA_VSC,
  "qemu/restore-check": RESTORE_CHECK,
};
