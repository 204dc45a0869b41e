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

/** When a fact was read, and how old it was in a report that was made then. */
export function timeText(time: string, written: string | undefined): string {
  const seconds = Math.round((Date.parse(written ?? "") - Date.parse(time)) / 1000);
  if (Number.isNaN(seconds)) return dateText(time);
  const age = Math.abs(seconds);
  const [unit, size] = UNITS.find(([, size]) => age >= size) ?? ["second", 1];
  const count = Math.floor(age / size);
  const ago = `${count} ${unit}${count === 1 ? "" : "s"} ${seconds < 0 ? "after" : "before"} this`;
  return `${dateText(time)} (${ago} report)`;
}
