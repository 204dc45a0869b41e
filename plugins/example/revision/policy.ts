import {
  type CaseSide,
  type Codes,
  definePolicy,
  type PolicyCase,
  type PolicyFinding,
  v,
} from "premigrate/policy";

const CODES = {
  "other-revision": {
    severity: "veto",
    title: "The destination's device has another revision",
    message: "The source has revision {source:hex}, the destination {destination:hex}",
    remedy: "Choose a device of the same revision.",
    about: "The guest's driver was started on the source's revision.",
  },
  "revision-not-known": {
    severity: "undecided",
    title: "A device's revision is not known",
    message: "The revision of the {side} device is not known",
    remedy: "Gather the facts again with its config space.",
    about: "The revision is the byte at 0x08 of the config space.",
  },
} as const satisfies Codes;

/** Both devices have one revision. */
export default definePolicy({
  id: "example/revision",
  title: "Both devices have one revision",
  documentation:
    `The revision of both devices is one: the byte at 0x08 of the config space. A guest's driver was
started on the source's revision and is not told of another.
`,
  // It vouches for all that this lets through: name the devices, too, where the rules are for some.
  match: { vendors: [0x10de] },
  judgesBytesAlone: true,
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair): Iterable<PolicyFinding<typeof CODES>> {
    const [source, destination] = [pair.source, pair.destination].map(({ config }) =>
      config?.bytes[0x08]
    );
    if (source === undefined) yield { code: "revision-not-known", data: { side: "source" } };
    if (destination === undefined) {
      yield { code: "revision-not-known", data: { side: "destination" } };
    }
    if (source === undefined || destination === undefined || source === destination) return;
    yield { code: "other-revision", offset: 0x08, data: { source, destination } };
  },
});

const A1: CaseSide = { config: { 0x00: "de 10 b8 1e", 0x08: "a1" } };
const A2: CaseSide = { config: { 0x00: "de 10 b8 1e", 0x08: "a2" } };

export const CASES: readonly PolicyCase<keyof typeof CODES>[] = [
  {
    name: "one revision",
    source: A1,
    destination: A1,
    findings: [],
    decision: "allow",
  },
  {
    name: "two revisions",
    source: A1,
    destination: A2,
    findings: [["other-revision", "veto", 0x08, { source: 0xa1, destination: 0xa2 }]],
    decision: "veto",
  },
  {
    name: "a revision is not known",
    source: A1,
    destination: {},
    findings: [["revision-not-known", "undecided", undefined, { side: "destination" }]],
    decision: "undecided",
  },
];
