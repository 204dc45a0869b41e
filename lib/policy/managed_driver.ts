import type { DeviceFacts } from "./migration.ts";

/** A destination's device as libvirt binds it: what is bound now says nothing of what will be. */
export function bindManaged(
  facts: DeviceFacts,
  managed: { readonly model: string | undefined } | undefined,
): DeviceFacts {
  if (managed === undefined) return facts;
  const name = managed.model ?? facts.managedDriver;
  return { ...facts, driver: name === undefined ? undefined : { name }, migration: undefined };
}
