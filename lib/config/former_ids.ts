import { FORMER_IDS } from "../../plugins/mod.ts";

interface Choice {
  readonly codes?: Readonly<Record<string, "warn">> | undefined;
}

/**
 * What is chosen for an id that a policy had is chosen for those that took its place, each with the
 * codes that it has; a choice under its own id goes before.
 */
export function underCurrentIds<Chosen extends Choice>(
  policies: Readonly<Record<string, Chosen>>,
): Record<string, Chosen> {
  const entries = Object.entries(policies);
  const former = entries.flatMap(([former, choice]) =>
    (FORMER_IDS.get(former) ?? []).map(({ id, codes: own }) => {
      const codes = Object.entries(choice.codes ?? {}).filter(([code]) => Object.hasOwn(own, code));
      return [id, { ...choice, codes: Object.fromEntries(codes) }] as const;
    })
  );
  const current = entries.filter(([id]) => !FORMER_IDS.has(id));
  return Object.fromEntries([...former, ...current]);
}
