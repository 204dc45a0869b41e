import { decodeConfigSpace } from "../pci/config_space.ts";
import { parseVfioPciProperties } from "../qemu/properties.ts";
import { realize } from "../qemu/realize.ts";

/**
 * Remembers what a pure function made of an object and plain data, as long as the object lives. Facts
 * are never changed once they are made, nor is what is made of them: every policy and every report
 * asks the same of a device, and gets the same answer.
 */
export function remember<Key extends WeakKey, More extends readonly unknown[], Made>(
  make: (key: Key, ...more: More) => Made,
): (key: Key, ...more: More) => Made {
  const all = new WeakMap<Key, Map<string, Made>>();
  return (key, ...more) => {
    const known = all.get(key) ?? new Map<string, Made>();
    all.set(key, known);
    const rest = JSON.stringify(more);
    const made = known.get(rest) ?? make(key, ...more);
    known.set(rest, made);
    return made;
  };
}

/**
 * {@linkcode decodeConfigSpace}, once for the same bytes: they must not be changed.
 *
 * @example
 * ```ts
 * import { spaceOf } from "premigrate/policy";
 * import { assertStrictEquals } from "@std/assert";
 *
 * const bytes = new Uint8Array(256);
 * assertStrictEquals(spaceOf(bytes), spaceOf(bytes));
 * ```
 */
export const spaceOf: typeof decodeConfigSpace = remember(decodeConfigSpace);

/**
 * {@linkcode parseVfioPciProperties}, once for the same properties and version of QEMU.
 *
 * @example
 * ```ts
 * import { parseQemuVersion, propertiesOf } from "premigrate/policy";
 * import { assertStrictEquals } from "@std/assert";
 *
 * const properties = { "skip-vsc-check": "off" };
 * const [first, second] = [1, 2].map(() => propertiesOf(properties, parseQemuVersion("9.1")));
 * assertStrictEquals(first, second);
 * ```
 */
export const propertiesOf: typeof parseVfioPciProperties = remember(parseVfioPciProperties);

/**
 * {@linkcode realize}, once for the same view and facts: neither they nor the result may be changed.
 *
 * @example
 * ```ts
 * import { parseQemuVersion, shadowOf } from "premigrate/policy";
 * import { assertStrictEquals } from "@std/assert";
 *
 * const view = { kind: "realize", bytes: new Uint8Array(256) } as const;
 * const qemu = parseQemuVersion("9.1");
 * const facts = { qemu, skipVscCheck: true, bus: "root", properties: {} } as const;
 * assertStrictEquals(shadowOf(view, facts), shadowOf(view, { ...facts }));
 * ```
 */
export const shadowOf: typeof realize = remember(realize);
