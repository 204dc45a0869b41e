import type { PolicyCase } from "../../lib/policy/mod.ts";
import { BUILT_IN } from "../../plugins/mod.ts";

/** A module that may have cases: a policy's own, or the one beside it. */
interface CasesModule {
  readonly CASES?: readonly PolicyCase[];
}

/** The cases of the built-in policies, by id: in `cases.ts` beside the policy, or in its own file. */
export const PLUGIN_CASES: Readonly<Record<string, readonly PolicyCase[]>> = Object.fromEntries(
  await Promise.all(BUILT_IN.map(async ({ id }) => [id, await casesOf(`../../plugins/${id}`)])),
);

async function casesOf(folder: string): Promise<readonly PolicyCase[]> {
  const { CASES = [] }: CasesModule = await import(`${folder}/cases.ts`).catch(() =>
    import(`${folder}/policy.ts`)
  );
  return CASES;
}
