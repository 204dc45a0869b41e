import { oneLine } from "../facts/one_line.ts";
import { isRelevantEvent } from "./events.ts";
import type { RoundReport } from "./round_steps.ts";

/** What the agent does in the world; tests put another one in its place. */
export interface AgentWorld {
  /**
   * Hands on what happens to this host's guests, a line of `virsh event` at a time, until that ends.
   *
   * @returns Why it ended.
   */
  watch(onLine: (line: string) => void, signal: AbortSignal): Promise<string>;
  /** Renews what is kept of this host and of the guests on it. */
  round(signal: AbortSignal): Promise<RoundReport>;
  /** Milliseconds from one round to the next where nothing happens. */
  interval(): Promise<number>;
  /** Ends after some milliseconds, or when `signal` is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** Milliseconds since some moment. */
  now(): number;
  /** Tells the operator, in a line. */
  log(line: string): void;
}

/** Guests start, arrive and get devices in bursts of events; a round is one for all of them. */
const DEBOUNCE_MS = 1_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** Until a guest that is on its way is tried again. */
const AGAIN_MS = 30_000;
const MOST_LINES = 10;

/**
 * Runs rounds until `signal` is aborted: at once, after each interval (half a minute at most while a
 * guest is on its way), and a second after something happened to a guest. There is never more than
 * one at a time. When the events end, as with a restart of libvirt's daemon, they are watched again
 * after a pause that doubles from one second to thirty.
 *
 * @throws {Error} What `watch` and `round` throw, which they do when nothing can be done at all.
 */
export async function runAgent(world: AgentWorld, signal: AbortSignal): Promise<void> {
  const ending = new AbortController();
  const both = AbortSignal.any([signal, ending.signal]);
  const rounds = new Rounds(world);
  const tasks = [watchOn(world, () => rounds.request(), both), rounds.run(both)];
  const ends = await Promise.allSettled(tasks.map((task) => task.finally(() => ending.abort())));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

async function watchOn(
  world: AgentWorld,
  onEvent: () => void,
  signal: AbortSignal,
): Promise<void> {
  const onLine = (line: string): void => {
    if (isRelevantEvent(line)) onEvent();
  };
  for (let pause = FIRST_PAUSE_MS; !signal.aborted;) {
    const since = world.now();
    const why = await world.watch(onLine, signal);
    if (signal.aborted) return;
    // Whoever has watched for as long as the longest pause was well in between.
    if (world.now() - since >= LONGEST_PAUSE_MS) pause = FIRST_PAUSE_MS;
    if (pause === FIRST_PAUSE_MS) world.log(oneLine(`watching for events again: ${why}`));
    await world.sleep(pause, signal);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    // What happened meanwhile was not heard.
    onEvent();
  }
}

/** Rounds, one after the other, and what was said of the last one. */
class Rounds {
  readonly #world: AgentWorld;
  #requested = Promise.withResolvers<true>();
  #last: RoundReport = { problems: [], stamped: [], changes: [], isUnfinished: false };

  constructor(world: AgentWorld) {
    this.#world = world;
  }

  /** Asks for a round soon; more requests until it begins are the same one. */
  request(): void {
    this.#requested.resolve(true);
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      // What happens from now on is for the round after this one.
      this.#requested = Promise.withResolvers();
      const report = await this.#world.round(signal);
      if (signal.aborted) return;
      this.#tell(report);
      if (await this.#next(signal)) await this.#world.sleep(DEBOUNCE_MS, signal);
      if (signal.aborted) return;
    }
  }

  /** Waits for a request, and says whether there was one, or for the interval to pass. */
  async #next(signal: AbortSignal): Promise<boolean> {
    const timer = new AbortController();
    const either = AbortSignal.any([signal, timer.signal]);
    const longest = this.#last.isUnfinished ? AGAIN_MS : Infinity;
    const passed = this.#world.interval()
      .then((interval) => this.#world.sleep(Math.min(interval, longest), either))
      .then(() => false);
    const requested = await Promise.race([this.#requested.promise, passed]);
    timer.abort();
    return requested;
  }

  /** Only what has changed since the last round: a guest that cannot be stamped stays so for long. */
  #tell(report: RoundReport): void {
    const { problems, stamped, changes } = report;
    const isNew = (lines: readonly string[]) => (line: string): boolean => !lines.includes(line);
    const newlyStamped = stamped.filter(isNew(this.#last.stamped));
    const lines = [
      ...newlyStamped.map((name) => `stamped ${name}`),
      ...changes,
      ...problems.filter(isNew(this.#last.problems)),
    ];
    for (const line of lines.slice(0, MOST_LINES)) this.#world.log(oneLine(line));
    if (lines.length > MOST_LINES) this.#world.log(`and ${lines.length - MOST_LINES} more`);
    if (problems.length === 0 && this.#last.problems.length > 0) {
      this.#world.log("all is well again");
    }
    this.#last = report;
  }
}
