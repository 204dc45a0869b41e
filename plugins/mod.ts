/**
 * The policies that come with premigrate.
 *
 * @module
 */
import type { Policy } from "premigrate/policy";
import { nvidiaVsc } from "./nvidia/vsc/policy.ts";
import { restoreCheck } from "./qemu/restore-check/policy.ts";

/** All built-in policies, by id. */
export const BUILT_IN: readonly Policy[] = [nvidiaVsc, restoreCheck];
