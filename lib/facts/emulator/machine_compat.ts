import * as v from "valibot";
import { oneLine } from "../one_line.ts";
import { parseQapiBool } from "../../qemu/qapi_bool.ts";

/** What a QEMU binary says of its machine types' compat properties, or why it does not. */
export type MachineCompat =
  | {
    /**
     * Machine type to the value of vfio-pci's `skip-vsc-check`. Aliases are left out: each QEMU has
     * its own meaning of them, and a guest keeps that of the QEMU that started it.
     */
    readonly skipVscCheck: Readonly<Record<string, boolean>>;
  }
  | {
    /** Why it is not known. */
    readonly missing: string;
  };

/** QEMU 10.0 for x86 has 65 machine types, with up to 238 properties. */
const MOST = 10_000;
const MOST_CHARACTERS = 16 * 1024 * 1024;

/**
 * vfio-pci and the types it inherits from (`vfio-pci-base` of QEMU 10.1 is `vfio-pci-device` since
 * 10.2): a compat property of any of them applies to it (`object_apply_global_props`).
 */
const VFIO_PCI = ["vfio-pci", "vfio-pci-base", "vfio-pci-device", "pci-device", "device"];
/** What libvirt gives a guest for an mdev with `ramfb`. */
const NOHOTPLUG = ["vfio-pci-nohotplug", ...VFIO_PCI];

const Name = v.pipe(v.string(), v.nonEmpty(), v.maxLength(1024));

const Property = v.object({ "qom-type": v.string(), property: v.string(), value: v.string() });

const MachineInfo = v.object({
  name: Name,
  "compat-props": v.optional(v.pipe(v.array(Property), v.maxLength(MOST))),
});

const Reply = v.pipe(
  v.string(),
  v.maxLength(MOST_CHARACTERS),
  v.parseJson(),
  v.union([
    v.object({ return: v.pipe(v.array(MachineInfo), v.maxLength(MOST)) }),
    v.object({ error: v.object({ desc: v.string() }) }),
  ]),
);

/**
 * Reads QEMU's reply to `{"execute": "query-machines", "arguments": {"compat-props": true}}` (9.1
 * and later, qapi/machine.json). Compat properties apply in the order listed, so the last wins;
 * without one the default holds, which is on (hw/vfio/pci.c). A machine type whose answer differs
 * between vfio-pci and its `nohotplug` variant, or is no truth value, is left out.
 *
 * Never throws: whatever is no such reply gives what is missing.
 *
 * @example
 * ```ts
 * import { parseMachineCompat } from "./machine_compat.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const property = { "qom-type": "vfio-pci", property: "skip-vsc-check", value: "false" };
 * const reply = { return: [{ name: "pc-q35-noble", alias: "ubuntu-q35", "compat-props": [property] }] };
 * assertEquals(parseMachineCompat(JSON.stringify(reply)), {
 *   skipVscCheck: { "pc-q35-noble": false },
 * });
 * ```
 */
export function parseMachineCompat(reply: string): MachineCompat {
  const parsed = v.safeParse(Reply, reply);
  if (!parsed.success) return { missing: "it is no reply to query-machines" };
  const { output } = parsed;
  if ("error" in output) {
    const desc = oneLine(output.error.desc);
    return { missing: `QEMU tells no compat properties, as before 9.1: ${desc}` };
  }
  const entries = output.return.flatMap(({ name, "compat-props": properties }) => {
    const value = properties && skipsVscCheck(properties);
    return value === undefined ? [] : [[name, value] as const];
  });
  if (entries.length === 0) return { missing: "QEMU's reply tells no compat properties" };
  return { skipVscCheck: Object.fromEntries(entries) };
}

function skipsVscCheck(properties: readonly v.InferOutput<typeof Property>[]): boolean | undefined {
  const [plain, nohotplug] = [VFIO_PCI, NOHOTPLUG].map((types) => {
    const last = properties.findLast(({ "qom-type": type, property }) =>
      property === "skip-vsc-check" && types.includes(type)
    );
    return last === undefined ? true : parseQapiBool(last.value);
  });
  return plain === nohotplug ? plain : undefined;
}
