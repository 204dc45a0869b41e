/**
 * The policies that come with premigrate.
 *
 * @module
 */
import type { Policy } from "premigrate/policy";
import { unknownVendor } from "./generic/unknown-vendor/policy.ts";
import { genericVfio } from "./generic/vfio/policy.ts";
import { nvidiaPassthrough } from "./nvidia/passthrough/policy.ts";
import { nvidiaVgpu } from "./nvidia/vgpu/policy.ts";
import { nvidiaVsc } from "./nvidia/vsc/policy.ts";
import { restoreCheck } from "./qemu/restore-check/policy.ts";

/** All built-in policies, by id. */
export const BUILT_IN: readonly Policy[] = [
  unknownVendor,
  genericVfio,
  nvidiaPassthrough,
  nvidiaVgpu,
  nvidiaVsc,
  restoreCheck,
];
