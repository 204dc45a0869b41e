import type { DetailedAnswer } from "../policy/mod.ts";

/** The guest, if one was asked about, and both hosts. */
export function titleOf({ guest, migration: { source, destination } }: DetailedAnswer): string {
  return `${guest === undefined ? "" : `${guest}: `}${source.name} -> ${destination.name}`;
}
