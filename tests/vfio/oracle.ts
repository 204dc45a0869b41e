/**
 * In the nested VM: migrates random pairs for real, and holds what `premigrate predict` says of each
 * against what QEMU did.
 *
 * @module
 */
import fc from "fast-check";
import { print } from "../../lib/cli/output.ts";
import { migratePair, type Outcome } from "./migrate.ts";
import { randomPairs } from "./pairs.ts";
import { qemuVersion } from "./qemu.ts";
import { isForetold, recordMigration } from "./recorded.ts";
import { appendResult } from "./results.ts";

interface Options {
  readonly count: number;
  readonly seed: number;
  readonly emulator: string;
  /** The folder for what is found. */
  readonly work: string;
}

// Each shard migrates its share one after another; the VM has two processors.
const SHARDS = 2;
// fast-check tries some hundred smaller pairs; the first few dozen do nearly all of it.
const MOST_SMALLER_PAIRS = 60;

const { count, seed, emulator, work }: Options = JSON.parse(Deno.args[0] ?? "{}");
const qemu = await qemuVersion(emulator);
const started = Date.now();
const results = { "completed": 0, "bad-config": 0, "realize-failed": 0, "failed": 0 };
let migrated = 0;

print(`oracle: ${count} pairs on QEMU ${qemu}, seed ${seed}\n`);
const disagreements = (await Promise.all(
  Array.from({ length: SHARDS }, (_, shard) => runShard(shard)),
)).flat();
for (const smallest of disagreements) print(`disagreement: ${smallest}\n`);
const seconds = Math.round((Date.now() - started) / 1000);
const agreed = migrated - disagreements.length;
print(`oracle: ${agreed} of ${migrated} pairs agree, ${JSON.stringify(results)}, ${seconds} s\n`);
await appendResult(work, { part: "oracle", qemu, seed, migrated, agreed, results, seconds });
if (disagreements.length > 0 || migrated < count) Deno.exit(1);

/** Migrates a share of the pairs, up to one that disagrees: then the smallest such, as JSON. */
async function runShard(shard: number): Promise<string[]> {
  let smaller: number | undefined; // How many were tried since the first disagreement.
  let smallest = "";
  const property = fc.asyncProperty(randomPairs, async (pair) => {
    if (smaller !== undefined && smaller++ >= MOST_SMALLER_PAIRS) return;
    const outcome = await migratePair(emulator, pair).catch((error): Outcome => ({
      result: "failed",
      said: String(error),
    }));
    const migration = recordMigration(pair, outcome, qemu);
    if (smaller === undefined) await keep(JSON.stringify(migration), outcome);
    if (isForetold(migration)) return;
    smaller ??= 0;
    smallest = JSON.stringify(migration);
    throw new Error("disagreement");
  });
  const numRuns = Math.floor((count + shard) / SHARDS);
  const { failed } = await fc.check(property, { seed: seed + shard, numRuns });
  return failed ? [smallest] : [];
}

async function keep(line: string, { result }: Outcome): Promise<void> {
  await Deno.writeTextFile(`${work}/migrations.jsonl`, `${line}\n`, { append: true });
  results[result]++;
  if (++migrated % 20 === 0) print(`oracle: ${migrated} of ${count}\n`);
}
