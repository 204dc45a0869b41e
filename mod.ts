/**
 * premigrate foretells whether a libvirt guest's devices survive a live migration.
 *
 * Facts of both hosts and the domain XML go in, a verdict comes out:
 *
 * @example
 * ```ts
 * import { BUILT_IN, judge, parseDomain, parseFacts, Registry } from "premigrate";
 * import { assertEquals } from "@std/assert";
 *
 * const source = parseFacts(Deno.readTextFileSync("examples/source.json"));
 * const destination = parseFacts(Deno.readTextFileSync("examples/destination.json"));
 * const guest = parseDomain(Deno.readTextFileSync("examples/domain.xml"), destination.host.networks);
 *
 * const { verdict } = judge({ registry: Registry.from(BUILT_IN), source, destination, guest });
 * assertEquals(verdict.decision, "veto");
 * ```
 *
 * @module
 */
export * from "./lib/domain/mod.ts";
export * from "./lib/facts/mod.ts";
export * from "./lib/policy/mod.ts";
export * from "./lib/report/mod.ts";
export * from "./plugins/mod.ts";
