import { ValidationError } from "@cliffy/command";
import { isAttributeName, MOST_ATTRIBUTES_READ } from "../policy/attributes.ts";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** Reads `N=SIZE` options into the sizes of BAR 0 to 5; `undefined` when there are none. */
export function parseBars(options: readonly string[]): number[] | undefined {
  if (options.length === 0) return undefined;
  const bars = [0, 0, 0, 0, 0, 0];
  for (const option of options) {
    const match = /^([0-5])=(\d{1,15})([KMGT]?)$/i.exec(option);
    const size = Number(match?.[2]) * (UNITS[match?.[3]?.toUpperCase() ?? ""] ?? NaN);
    if (match === null || !Number.isSafeInteger(size)) {
      throw new ValidationError(`Cannot read --bar "${option}": wanted N=SIZE, as in 1=256M`);
    }
    bars[Number(match[1])] = size;
  }
  return bars;
}

/** Reads `name=value` options. */
export function parsePropertyOptions(options: readonly string[]): Record<string, string> {
  return Object.fromEntries(options.map((option) => {
    const at = option.indexOf("=");
    if (at <= 0) {
      throw new ValidationError(`Cannot read --property "${option}": wanted name=value`);
    }
    return [option.slice(0, at), option.slice(at + 1)];
  }));
}

/** Reads `--attribute` options: names of sysfs attributes. */
export function parseAttributeOptions(options: readonly string[]): readonly string[] {
  const bad = options.find((name) => !isAttributeName(name));
  if (bad !== undefined) {
    throw new ValidationError(
      `Cannot read --attribute "${bad}": wanted the name of a sysfs attribute that may be read, as fw_rev or parent/fw_rev`,
    );
  }
  const count = new Set(options).size;
  if (count <= MOST_ATTRIBUTES_READ) return options;
  throw new ValidationError(
    `Cannot read ${count} attributes: wanted ${MOST_ATTRIBUTES_READ} at most`,
  );
}
