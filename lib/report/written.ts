/** Who made a report, and when. */
export interface Written {
  /** When, in ISO 8601. */
  readonly time?: string | undefined;
  /** The version of premigrate. */
  readonly version?: string | undefined;
}

/** The same in words. */
export function writtenText({ time, version }: Written): string {
  return [
    `premigrate ${version ?? ""}`.trim(),
    ...time === undefined ? [] : [dateText(time)],
  ].join(", ");
}

/** A time of ISO 8601 as people write it. */
export function dateText(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime())
    ? time
    : `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]] as const;

/** How old a fact was in the report, as `5 minutes before`; `undefined` where that is not known. */
export function ageText(time: string, written: string | undefined): string | undefined {
  const seconds = Math.round((Date.parse(written ?? "") - Date.parse(time)) / 1000);
  if (Number.isNaN(seconds)) return undefined;
  const age = Math.abs(seconds);
  const [unit, size] = UNITS.find(([, size]) => age >= size) ?? ["second", 1];
  const count = Math.floor(age / size);
  return `${count} ${unit}${count === 1 ? "" : "s"} ${seconds < 0 ? "after" : "before"}`;
}
