/** What is counted of the audit file: each line once, over logrotate, restarts and damage. */
import { assertEquals } from "@std/assert";
import {
  countDecisions,
  type DecisionCounts,
  NO_DECISIONS,
} from "../../../lib/agent/count_decisions.ts";
import { decisionOf, recorded } from "../../attack/4-guest-text/decisions.ts";

const VETO = line({ verdict: "veto", effect: "refused" });
const ALLOW = line({});

function line(other: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    verdict: "allow",
    mode: "enforce",
    effect: "allowed",
    ms: 10,
    ...other,
  }) +
    "\n";
}

/** An audit file in a folder of its own. */
class Audit {
  readonly #dir = Deno.makeTempDirSync();
  readonly path = `${this.#dir}/audit.jsonl`;

  add(text: string): void {
    Deno.writeTextFileSync(this.path, text, { append: true });
  }

  /** As logrotate does. */
  async rotate(pack: boolean): Promise<void> {
    Deno.renameSync(this.path, `${this.path}.1`);
    // Its own is another file while the old one is there, too.
    Deno.writeTextFileSync(this.path, "");
    if (!pack) return;
    const packed = new Blob([Deno.readFileSync(`${this.path}.1`)]).stream()
      .pipeThrough(new CompressionStream("gzip"));
    await Deno.writeFile(`${this.path}.1.gz`, packed);
    Deno.removeSync(`${this.path}.1`);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#dir, { recursive: true });
  }
}

/** What happens between countings, each of which must add up to as many vetoes and allows. */
const CASES: Record<
  string,
  readonly (readonly [
    happens: (audit: Audit) => Promise<void> | void,
    veto: number,
    allow: number,
  ])[]
> = {
  "no file": [[() => {}, 0, 0]],
  "no file, then one": [[() => {}, 0, 0], [(audit) => audit.add(VETO), 1, 0]],
  "each line once": [
    [(audit) => audit.add(VETO + ALLOW), 1, 1],
    [() => {}, 1, 1],
    [(audit) => audit.add(ALLOW + ALLOW), 1, 3],
  ],
  "a line that is not whole is counted when it is": [
    [(audit) => audit.add(VETO + ALLOW.slice(0, 20)), 1, 0],
    [(audit) => audit.add(ALLOW.slice(20)), 1, 1],
  ],
  "the last lines before logrotate": [
    [(audit) => audit.add(ALLOW), 0, 1],
    [
      async (audit): Promise<void> => {
        audit.add(VETO);
        await audit.rotate(false);
        audit.add(VETO);
      },
      2,
      1,
    ],
    [(audit) => audit.add(ALLOW), 2, 2],
  ],
  "the last lines before logrotate, packed": [
    [(audit) => audit.add(ALLOW), 0, 1],
    [
      async (audit): Promise<void> => {
        audit.add(VETO);
        await audit.rotate(true);
        audit.add(VETO);
      },
      2,
      1,
    ],
  ],
  "what was packed before it was first looked at": [
    [
      async (audit): Promise<void> => {
        audit.add(VETO);
        await audit.rotate(true);
        audit.add(ALLOW);
      },
      0,
      1,
    ],
  ],
  "a packed file that is damaged": [
    [(audit) => audit.add(ALLOW), 0, 1],
    [
      async (audit): Promise<void> => {
        await audit.rotate(true);
        Deno.truncateSync(`${audit.path}.1.gz`, 12);
        audit.add(VETO);
      },
      1,
      1,
    ],
  ],
  "a file that was emptied": [
    [(audit) => audit.add(ALLOW + ALLOW), 0, 2],
    [
      (audit): void => {
        Deno.truncateSync(audit.path);
        audit.add(VETO);
      },
      1,
      2,
    ],
  ],
  "a file that was removed": [
    [(audit) => audit.add(ALLOW), 0, 1],
    [(audit) => Deno.removeSync(audit.path), 0, 1],
    [(audit) => audit.add(VETO), 1, 1],
  ],
  "damaged lines are left out": [[
    (audit) =>
      audit.add(
        `\n{}\nnull\nx\n{"verdict":\n${line({ verdict: "maybe" })}${line({ ms: -1 })}${
          line({ effect: "constructor" })
        }${VETO}`,
      ),
    1,
    0,
  ]],
};

for (const [name, steps] of Object.entries(CASES)) {
  Deno.test(`decisions are counted: ${name}`, async () => {
    using audit = new Audit();
    let counts: DecisionCounts = NO_DECISIONS;
    for (const [happens, veto, allow] of steps) {
      await happens(audit);
      counts = await countDecisions(audit.path, counts);
      const { "veto enforce refused": vetoes = 0, "allow enforce allowed": allows = 0, ...others } =
        counts.decisions;
      assertEquals([vetoes, allows, others], [veto, allow, {}]);
      assertEquals(counts.milliseconds, 10 * (veto + allow));
    }
  });
}

Deno.test("what the hook writes down is counted", async () => {
  using audit = new Audit();
  const finding = {
    policy: "premigrate",
    code: "no-stamp",
    severity: "undecided",
    data: {},
  } as const;
  for (const findings of [[], [finding]]) {
    audit.add((await recorded(decisionOf({ findings }))).line);
  }
  const { decisions, milliseconds } = await countDecisions(audit.path, NO_DECISIONS);
  assertEquals(decisions, { "allow enforce allowed": 1, "undecided enforce refused": 1 });
  assertEquals(milliseconds, 26);
});
