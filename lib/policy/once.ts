import { decodeConfigSpace } from "../pci/config_space.ts";
import { parseVfioPciProperties } from "../qemu/properties.ts";
import { realize } from "../qemu/realize.ts";

/**
 * Lets a pure function work out once what it makes of an object, as long as the object lives. Facts
 * are never changed once they are made, nor is what is made of them: every policy and every report
 * asks the same of a device, and gets the same answer.
 */
export function once<Key extends WeakKey, Made>(make: (key: Key) => Made): (key: Key) => Made {
  const all = new WeakMap<Key, Made>();
  return (key) => {
    let made = all.get(key);
    if (made === undefined) all.set(key, made = make(key));
    return made;
  };
}

/** The same of a function that goes by plain data, too. */
function onceFor<Key extends WeakKey, Data, Made>(
  make: (key: Key, data: Data) => Made,
): (key: Key, data: Data) => Made {
  const madeOf = once((_key: Key) => new Map<string, Made>());
  return (key, data) => {
    const all = madeOf(key);
    const text = JSON.stringify(data);
    let made = all.get(text);
    if (made === undefined) all.set(text, made = make(key, data));
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
export const spaceOf: typeof decodeConfigSpace = once(decodeConfigSpace);

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
export const propertiesOf: typeof parseVfioPciProperties = onceFor(parseVfioPciProperties);

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
export const shadowOf: typeof realize = onceFor(realize);
