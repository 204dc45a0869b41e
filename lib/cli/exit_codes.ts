import type { Decision } from "../policy/mod.ts";

/** The statuses that the command line ends with: part of its interface. */
export const EXIT_CODES = {
  /** Nothing stops the migration, or the command did what was asked. */
  allow: 0,
  veto: 1,
  /** The command line or an input cannot be read; nothing was decided. */
  unusable: 2,
  undecided: 3,
} as const satisfies Record<Decision | "unusable", number>;
