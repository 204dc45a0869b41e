/** A seed of a property: another one each time, or that of a run that is to be seen again (`SEED=1 deno test`). */
export function newSeed(): number {
  return Number(Deno.env.get("SEED") ?? crypto.getRandomValues(new Int32Array(1))[0]);
}
