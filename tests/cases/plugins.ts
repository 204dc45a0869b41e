import type { PolicyCase } from "../../lib/policy/mod.ts";
import { CASES as NVIDIA_VSC } from "../../plugins/nvidia/vsc/cases.ts";
import { CASES as RESTORE_CHECK } from "../../plugins/qemu/restore-check/cases.ts";

/** The cases of the built-in policies, by id. */
export const PLUGIN_CASES: Readonly<Record<string, readonly PolicyCase[]>> = {
  "nvidia/vsc": NVIDIA_VSC,
  "qemu/restore-check": RESTORE_CHECK,
};
