import type { Migration } from "../policy/mod.ts";

/** The guest, if one was asked about, and both hosts. */
export function titleOf(
  { guest, migration: { source, destination } }: {
    readonly guest?: string | undefined;
    readonly migration: Migration;
  },
): string {
  return `${guest === undefined ? "" : `${guest}: `}${source.name} -> ${destination.name}`;
}
