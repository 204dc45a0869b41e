import type { DeviceFacts } from "./migration.ts";

/** That libvirt binds a device when the guest starts: to the module that is named, or the best match. */
export interface Managed {
  /** The kernel module that `<driver model>` names. */
  readonly model: string | undefined;
}

/** A destination's device as libvirt binds it: what is bound now says nothing of what will be. */
export function asBound(facts: DeviceFacts, managed: Managed | undefined): DeviceFacts {
  if (managed === undefined) return facts;
  const name = managed.model ?? facts.managedDriver;
  return { ...facts, driver: name === undefined ? undefined : { name }, migration: undefined };
}
