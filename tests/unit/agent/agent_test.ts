import { assertEquals, assertRejects } from "@std/assert";
import { type AgentWorld, runAgent } from "../../../lib/agent/agent.ts";
import { isRelevantEvent } from "../../../lib/agent/events.ts";
import { pruneStarts, pruneWaivers } from "../../../lib/agent/prune.ts";
import { type RoundReport, type RoundStep, runSteps } from "../../../lib/agent/round_steps.ts";
import { VirshError } from "../../../lib/facts/libvirt/virsh_error.ts";
import { writeWaiver } from "../../../lib/config/waiver.ts";

const INTERVAL = 300_000;
const STARTED = "event 'lifecycle' for domain 'vm1': Started Booted";
const METADATA = "event 'metadata-change' for domain 'vm1': type element, uri urn:premigrate:stamp";

/** A world whose time goes by only as it is told. */
class FakeWorld implements AgentWorld {
  /** When each round began and when each watch did, in seconds. */
  readonly rounds: number[] = [];
  readonly watches: number[] = [];
  readonly lines: string[] = [];
  /** What the next rounds report; the last one stays. */
  reports: Partial<RoundReport>[] = [{}];
  /** How long a round takes. */
  roundTakes = 0;
  /** Most rounds at one time. */
  most = 0;
  #time = 0;
  #running = 0;
  #timers = new Map<() => void, number>();
  #onLine: (line: string) => void = () => {};
  #end: (why: string) => void = () => {};

  event(line: string): void {
    this.#onLine(line);
  }

  endEvents(): void {
    this.#end("Disconnected from qemu:///system");
  }

  /** Lets time pass, to each timer in turn. */
  async pass(seconds: number): Promise<void> {
    const until = this.#time + seconds * 1000;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].sort(([, a], [, b]) => a - b);
      if (next === undefined || next[1] > until) break;
      this.#time = next[1];
      next[0]();
      await settle();
    }
    this.#time = until;
  }

  async watch(onLine: (line: string) => void, signal: AbortSignal): Promise<string> {
    if (signal.aborted) return "stopped";
    const { promise, resolve } = Promise.withResolvers<string>();
    this.watches.push(this.#time / 1000);
    [this.#onLine, this.#end] = [onLine, resolve];
    signal.addEventListener("abort", () => resolve("stopped"));
    return await promise;
  }

  async round(signal: AbortSignal): Promise<RoundReport> {
    this.rounds.push(this.#time / 1000);
    this.most = Math.max(this.most, ++this.#running);
    if (this.roundTakes > 0) await this.sleep(this.roundTakes * 1000, signal);
    this.#running--;
    const [report = {}, ...later] = this.reports;
    if (later.length > 0) this.reports = later;
    return { problems: [], stamped: [], changes: [], isUnfinished: false, ...report };
  }

  interval(): Promise<number> {
    return Promise.resolve(INTERVAL);
  }

  sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = (): void => {
      this.#timers.delete(end);
      resolve();
    };
    this.#timers.set(end, this.#time + milliseconds);
    signal.addEventListener("abort", end);
    return promise;
  }

  now(): number {
    return this.#time;
  }

  log(line: string): void {
    this.lines.push(line);
  }

  /** Timers that nobody has ended. */
  get pending(): number {
    return this.#timers.size;
  }
}

/** Lets everything happen that waits for no timer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

const CASES: readonly {
  readonly name: string;
  readonly happens: (world: FakeWorld) => Promise<void>;
  readonly rounds: readonly number[];
  readonly watches?: readonly number[];
  readonly lines?: readonly string[];
}[] = [
  {
    name: "a round at the start, and one after each interval",
    happens: (world) => world.pass(650),
    rounds: [0, 300, 600],
  },
  {
    name: "a burst of events is one round, a second after the first",
    async happens(world): Promise<void> {
      await world.pass(10);
      for (let count = 0; count < 100; count++) world.event(STARTED);
      await world.pass(0.5);
      world.event(STARTED);
      await world.pass(100);
    },
    rounds: [0, 11],
  },
  {
    name: "the interval begins anew after a round",
    async happens(world): Promise<void> {
      await world.pass(290);
      world.event(STARTED);
      await world.pass(310);
    },
    rounds: [0, 291, 591],
  },
  {
    name: "what happens during a round is for the next one, and there is one at a time",
    async happens(world): Promise<void> {
      world.roundTakes = 20;
      await world.pass(5);
      world.event(STARTED);
      await world.pass(100);
    },
    rounds: [0, 21],
  },
  {
    name: "changes of metadata make no round: stamping is one",
    async happens(world): Promise<void> {
      await world.pass(1);
      for (let count = 0; count < 100; count++) world.event(METADATA);
      await world.pass(100);
    },
    rounds: [0],
  },
  {
    name: "events that end are watched again, and what was missed is made up for",
    async happens(world): Promise<void> {
      await world.pass(100);
      world.endEvents();
      await world.pass(100);
    },
    rounds: [0, 102],
    watches: [0, 101],
    lines: ["watching for events again: Disconnected from qemu:///system"],
  },
  {
    name: "events that end again and again are watched less and less often, and told of once",
    async happens(world): Promise<void> {
      await world.pass(100);
      for (let second = 0; second < 200; second++) {
        world.endEvents();
        await world.pass(1);
      }
    },
    rounds: [0, 102, 104, 108, 116, 132, 162, 192, 222, 252, 282],
    watches: [0, 101, 103, 107, 115, 131, 161, 191, 221, 251, 281],
    lines: ["watching for events again: Disconnected from qemu:///system"],
  },
  {
    name: "after a while of events the pause is short again",
    async happens(world): Promise<void> {
      await world.pass(1);
      world.endEvents();
      await world.pass(2);
      world.endEvents();
      await world.pass(100);
      world.endEvents();
      await world.pass(10);
    },
    rounds: [0, 3, 6, 105],
    watches: [0, 2, 5, 104],
    lines: [
      "watching for events again: Disconnected from qemu:///system",
      "watching for events again: Disconnected from qemu:///system",
    ],
  },
  {
    name: "what fails is said once, and when it is over",
    async happens(world): Promise<void> {
      const problems = ["Stamping vm1: cannot acquire state change lock"];
      world.reports = [{ problems }, { problems }, { problems: [...problems, "b"] }, {}, {
        problems,
      }];
      await world.pass(1300);
    },
    rounds: [0, 300, 600, 900, 1200],
    lines: [
      "Stamping vm1: cannot acquire state change lock",
      "b",
      "all is well again",
      "Stamping vm1: cannot acquire state change lock",
    ],
  },
  {
    name: "a guest on its way is tried again soon",
    async happens(world): Promise<void> {
      world.reports = [{ isUnfinished: true }, { isUnfinished: true }, {}];
      await world.pass(100);
    },
    rounds: [0, 30, 60],
  },
  {
    name: "what is done is said where it is new, of hostile names in one line, and not without end",
    async happens(world): Promise<void> {
      const many = Array.from({ length: 20 }, (_, index) => `vm${index}`);
      world.reports = [
        { stamped: ["vm1", "x\n\u001b[31mreboot"] },
        { stamped: ["vm1", "vm2"], changes: ["removed the mark of vm2, which runs"] },
        { stamped: many },
      ];
      await world.pass(700);
    },
    rounds: [0, 300, 600],
    lines: [
      "stamped vm1",
      "stamped x [31mreboot",
      "stamped vm2",
      "removed the mark of vm2, which runs",
      ...["vm0", ...[3, 4, 5, 6, 7, 8, 9, 10, 11].map((index) => `vm${index}`)]
        .map((name) => `stamped ${name}`),
      "and 8 more",
    ],
  },
];

for (const { name, happens, rounds, watches = [0], lines = [] } of CASES) {
  Deno.test(`the agent: ${name}`, async () => {
    const world = new FakeWorld();
    const stop = new AbortController();
    // Up to its first wait it sets up the world.
    const happening = happens(world);
    const ended = runAgent(world, stop.signal);
    await happening;
    stop.abort();
    await ended;
    assertEquals([world.rounds, world.watches, world.lines], [[...rounds], [...watches], [
      ...lines,
    ]]);
    assertEquals([world.most, world.pending], [1, 0]);
  });
}

Deno.test("the agent ends in the middle of a round, of a wait and of a pause, and says nothing", async () => {
  const moments: Record<string, (world: FakeWorld) => Promise<void>> = {
    "before anything": () => Promise.resolve(),
    "a round": async (world): Promise<void> => {
      world.roundTakes = 50;
      world.reports = [{ problems: ["Cannot ask libvirt: it was stopped"] }];
      await world.pass(5);
    },
    "the interval": (world) => world.pass(5),
    "the second after an event": async (world): Promise<void> => {
      await world.pass(5);
      world.event(STARTED);
      await world.pass(0.5);
    },
  };
  for (const [name, happens] of Object.entries(moments)) {
    const world = new FakeWorld();
    const stop = new AbortController();
    // Up to its first wait it sets up the world.
    const happening = happens(world);
    const ended = runAgent(world, stop.signal);
    await happening;
    stop.abort();
    await ended;
    assertEquals([world.rounds, world.lines, world.pending], [[0], [], 0], name);
  }
});

Deno.test("the agent ends when events cannot be watched at all", async () => {
  const world = new FakeWorld();
  world.watch = () =>
    Promise.reject(new VirshError("not-installed", { host: "localhost" }, "none"));
  await assertRejects(() => runAgent(world, new AbortController().signal), VirshError);
  assertEquals(world.pending, 0);
});

const EVENTS: readonly (readonly [line: string, isRelevant: boolean])[] = [
  ["event 'lifecycle' for domain 'vm1': Started Booted", true],
  ["event 'lifecycle' for domain 'vm1': Started Migrated", true],
  ["event 'lifecycle' for domain 'vm1': Started Restored", true],
  ["event 'lifecycle' for domain 'vm1': Started Event wakeup", true],
  ["event 'lifecycle' for domain 'vm1': Resumed Unpaused", true],
  ["event 'lifecycle' for domain 'vm1': Resumed Post-copy", true],
  ["event 'lifecycle' for domain 'vm1': Suspended Paused", true],
  ["event 'lifecycle' for domain 'vm1': Suspended Migrated", false],
  ["event 'lifecycle' for domain 'vm1': Stopped Migrated", false],
  ["event 'lifecycle' for domain 'vm1': Defined Updated", false],
  ["event 'device-added' for domain 'vm1': hostdev0", true],
  ["event 'device-removed' for domain 'vm1': hostdev0", true],
  ["event 'device-removal-failed' for domain 'vm1': hostdev0", false],
  ["event 'metadata-change' for domain 'vm1': type element, uri urn:premigrate:stamp", false],
  ["event 'reboot' for domain 'vm1'", false],
  ["event 'job-completed' for domain 'vm1':", false],
  ["\toperation: 5", false],
  ["", false],
  // Names are whatever somebody gave a guest.
  ["event 'lifecycle' for domain 'a': Started Booted': Stopped Shutdown", false],
  ["event 'lifecycle' for domain '\r\u2028$(reboot)': Started Booted", true],
  [
    "event 'metadata-change' for domain 'event 'device-added' for domain 'b': Started Booted",
    false,
  ],
];
for (const [line, isRelevant] of EVENTS) {
  Deno.test(`isRelevantEvent: ${isRelevant ? "" : "not "}${JSON.stringify(line)}`, () => {
    assertEquals(isRelevantEvent(line), isRelevant);
  });
}

function step(doing: string, report: Partial<RoundReport> | Error): RoundStep {
  return {
    doing,
    run: () => report instanceof Error ? Promise.reject(report) : Promise.resolve(report),
  };
}

Deno.test("runSteps: a step that fails keeps no other from being done", async () => {
  const unreachable = new VirshError("unreachable", { host: "localhost" }, "no socket");
  const signal = new AbortController().signal;
  const steps = [
    step("A", { stamped: ["vm1"], problems: ["p"] }),
    step("B", new Error("no space")),
    step("C", { changes: ["c"], stamped: ["vm2"], isUnfinished: true }),
    step("D", unreachable),
    step("E", { changes: ["never done: libvirt is away"] }),
  ];
  assertEquals(await runSteps(steps, signal), {
    problems: ["p", "B: no space", `D: ${unreachable.message}`],
    stamped: ["vm1", "vm2"],
    changes: ["c"],
    isUnfinished: true,
  });
  assertEquals(await runSteps(steps, AbortSignal.abort()), {
    problems: [],
    stamped: [],
    changes: [],
    isUnfinished: false,
  });
  const absent = new VirshError("not-installed", { host: "localhost" }, "none");
  await assertRejects(() => runSteps([step("A", absent)], signal), VirshError);
});

const GUESTS = [1, 2, 3, 4].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`);
const [FIRST = "", SECOND = "", THIRD = "", FOURTH = ""] = GUESTS;
const NOW = Date.parse("2026-11-22T12:00:00Z");

/** The names of what is left of `files` in a folder, after `prune`. */
async function leftOf(
  files: Readonly<Record<string, { text?: string; ageHours?: number }>>,
  prune: (dir: string) => Promise<unknown>,
): Promise<string[]> {
  const dir = await Deno.makeTempDir();
  try {
    for (const [name, { text = "", ageHours = 0 }] of Object.entries(files)) {
      await Deno.writeTextFile(`${dir}/${name}`, text);
      const time = new Date(NOW - ageHours * 3_600_000);
      await Deno.utime(`${dir}/${name}`, time, time);
    }
    await prune(dir);
    return Array.from(Deno.readDirSync(dir), ({ name }) => name).sort();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("pruneWaivers: those that ended more than a day ago go, all else stays", async () => {
  const waiver = (hours: number): { text: string } => ({
    text: writeWaiver({ id: "0badcafe", until: NOW / 1000 - hours * 3600, reason: "it dies" }),
  });
  let ended: string[] = [];
  const left = await leftOf({
    [FIRST]: waiver(25),
    [SECOND]: waiver(23),
    [THIRD]: waiver(-1),
    [FOURTH]: { text: "premigrate-waiver 1\n" },
    "notes": waiver(25),
    "bad-uuid": waiver(100),
  }, (waivers) => Promise.resolve(ended = pruneWaivers({ waivers }, NOW)));
  assertEquals([left, ended], [[SECOND, THIRD, FOURTH, "bad-uuid", "notes"], [FIRST]]);
  assertEquals(pruneWaivers({ waivers: "/nowhere/at/all" }, NOW), []);
});

Deno.test("pruneStarts: those of guests that are gone go, and what was never finished", async () => {
  const listed: string[] = [];
  const left = await leftOf({
    [`${FIRST}.json`]: { ageHours: 2 },
    [`${SECOND}.json`]: { ageHours: 2 },
    [`${THIRD}.json`]: { ageHours: 0.5 },
    [`${FIRST}.${FOURTH}`]: { ageHours: 2 },
    [`${FIRST}.${THIRD}`]: { ageHours: 0 },
    "notes.json": { ageHours: 2 },
  }, (started) =>
    pruneStarts({ started }, NOW, () => {
      listed.push("once");
      return Promise.resolve([{ uuid: FIRST }]);
    }));
  assertEquals(left, [`${FIRST}.${THIRD}`, `${FIRST}.json`, `${THIRD}.json`, "notes.json"]);
  assertEquals(listed, ["once"]);
});

Deno.test("pruneStarts: libvirt is not asked where there is nothing old", async () => {
  const never = () => Promise.reject(new Error("asked"));
  const files = { [`${FIRST}.json`]: {} };
  assertEquals(await leftOf(files, (started) => pruneStarts({ started }, NOW, never)), [
    `${FIRST}.json`,
  ]);
  await pruneStarts({ started: "/nowhere/at/all" }, NOW, never);
});
