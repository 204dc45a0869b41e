import * as v from "valibot";
import { QemuVersion } from "../../qemu/version.ts";
import { QemuText } from "../qemu_text.ts";
import { parseMachineCompat } from "./machine_compat.ts";

/** What a QEMU binary said of itself. */
export interface EmulatorReplies {
  /** Its version. */
  readonly qemu: QemuVersion | undefined;
  /** Machine type to the compat value of vfio-pci's `skip-vsc-check`. */
  readonly skipVscCheck: Readonly<Record<string, boolean>> | undefined;
  /** Why one of them is not known, by its name. */
  readonly missing: Readonly<Record<string, string>>;
}

/** The same as JSON. */
export const RepliesForm = v.strictObject({
  qemu: v.optional(QemuText, () => undefined),
  skipVscCheck: v.optional(v.record(v.string(), v.boolean()), () => undefined),
  missing: v.record(v.string(), v.string()),
});

/** What {@linkcode RepliesForm} reads. */
export function repliesJson(
  { qemu, ...others }: EmulatorReplies,
): Omit<EmulatorReplies, "qemu"> & { readonly qemu: string | undefined } {
  return { qemu: qemu?.toString(), ...others };
}

const Id = v.pipe(v.string(), v.parseJson(), v.object({ id: v.string() }));
const Number = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(999));
const Version = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    return: v.object({ qemu: v.object({ major: Number, minor: Number, micro: Number }) }),
  }),
);

/**
 * Reads the lines that QEMU wrote to its QMP monitor when the probe asked it `query-version` (id
 * `version`) and `query-machines` (id `machines-compat-props`).
 */
export function readEmulatorReplies(qmp: string | undefined): EmulatorReplies {
  if (qmp === undefined) return { qemu: undefined, skipVscCheck: undefined, missing: {} };
  const replies = new Map<string, string>();
  for (const line of qmp.split("\n")) {
    const reply = v.safeParse(Id, line);
    if (reply.success) replies.set(reply.output.id, line);
  }
  const version = v.safeParse(Version, replies.get("version"));
  const compat = parseMachineCompat(replies.get("machines-compat-props") ?? "");
  const missing = {
    ...version.success ? {} : { qemu: "the binary did not tell its version" },
    ..."missing" in compat ? { skipVscCheck: compat.missing } : {},
  };
  if (!version.success) return { qemu: undefined, skipVscCheck: undefined, missing };
  const { major, minor, micro } = version.output.return.qemu;
  return {
    qemu: new QemuVersion(major, minor, micro),
    skipVscCheck: "missing" in compat ? undefined : compat.skipVscCheck,
    missing,
  };
}
