/** What the bundle ends with; lib/hook/launcher.sh maps it. An empty script would end with 0. */
export const STATUS = {
  /** The migration may go on. */
  allow: 80,
  /** It may, with the domain XML of the answer. */
  rewrite: 81,
  /** It may not, for the reason in the answer. */
  refuse: 82,
  /** The launcher is to ask this host for what the answer names, and to start the bundle again. */
  more: 83,
} as const;

/** Between the parts of the bundle's input and output: cannot be in XML, nor in what is printable. */
export const SEPARATOR = "\x1e";
