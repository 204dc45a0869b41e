/** The seed of a property: one and the same in the gate, another by `SEED=1 deno test`. */
export function newSeed(): number {
  return Number(Deno.env.get("SEED") ?? 6);
}
