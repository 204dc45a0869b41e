/**
 * premigrate foretells whether a libvirt guest's devices survive a live migration.
 *
 * Facts of both hosts and the domain XML go in, a verdict comes out:
 *
 * @example
 * ```ts
 * import {
 *   BUILT_IN,
 *   evaluate,
 *   pairDevices,
 *   parseDomain,
 *   parseFacts,
 *   parseMachine,
 *   Registry,
 *   wantDevices,
 * } from "premigrate";
 * import { assertEquals } from "@std/assert";
 *
 * const from = parseFacts(Deno.readTextFileSync("examples/source.json"));
 * const to = parseFacts(Deno.readTextFileSync("examples/destination.json"));
 * const domain = parseDomain(Deno.readTextFileSync("examples/domain.xml"));
 *
 * const registry = new Registry();
 * for (const policy of BUILT_IN) registry.use(policy);
 * const { wanted } = wantDevices(domain);
 * const { pairs, findings } = pairDevices(wanted, from.devices, to.devices);
 * const migration = {
 *   machine: domain.machine === undefined ? undefined : parseMachine(domain.machine),
 *   source: from.host,
 *   destination: to.host,
 *   bytesOnly: false,
 * };
 * assertEquals(evaluate(pairs, migration, registry, findings).decision, "veto");
 * ```
 *
 * @module
 */
export * from "./lib/domain/mod.ts";
export * from "./lib/facts/mod.ts";
export * from "./lib/policy/mod.ts";
export * from "./lib/report/mod.ts";
export * from "./plugins/mod.ts";
