import * as v from "valibot";
import { parseQemuVersion, QemuVersionError } from "../qemu/version.ts";

/** A QEMU's version. */
export const QemuText = v.pipe(
  v.string(),
  v.check(isQemuVersion, 'wanted a QEMU version like "9.1" or "7.2.22"'),
  v.transform(parseQemuVersion),
);

function isQemuVersion(text: string): boolean {
  try {
    parseQemuVersion(text);
    return true;
  } catch (error) {
    if (error instanceof QemuVersionError) return false;
    throw error;
  }
}
