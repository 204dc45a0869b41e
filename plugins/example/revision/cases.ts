import type { PolicyCase } from "premigrate/policy";
import type { CODES } from "./codes.ts";

const device = (revision: string): PolicyCase["source"] => ({
  config: { 0x00: "de 10 b8 1e", 0x08: revision },
});

/** The cases of `example/revision`. */
export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "one revision",
    source: device("a1"),
    destination: device("a1"),
    findings: [],
    decision: "allow",
  },
  {
    name: "two revisions",
    source: device("a1"),
    destination: device("a2"),
    findings: [["other-revision", "veto", 0x08, { source: 0xa1, destination: 0xa2 }]],
    decision: "veto",
  },
  {
    name: "a revision is not known",
    source: device("a1"),
    destination: {},
    findings: [["revision-not-known", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
];
