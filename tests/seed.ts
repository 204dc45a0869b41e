/**
 * One seed for every property test, so that the gate's result depends on nothing but the code:
 * `SEED=1 deno task test` tries another.
 *
 * @module
 */
import fc from "fast-check";

/** The seed. */
export const SEED = Number(Deno.env.get("SEED") ?? 6);

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: SEED });
