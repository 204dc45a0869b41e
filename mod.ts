/**
 * premigrate predicts whether a libvirt guest's devices survive a live migration.
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
export { type Domain, DomainXmlError, parseDomain } from "./lib/domain/mod.ts";
export { PremigrateError } from "./lib/error/mod.ts";
export {
  type CapturedConfig,
  type CapturedDevice,
  type CapturedHost,
  FACT_SOURCES,
  type Facts,
  type FactSource,
  parseFacts,
  writeFacts,
} from "./lib/facts/mod.ts";
export {
  type Decision,
  type DetailedAnswer,
  type Finding,
  judge,
  type Policy,
  type Question,
  Registry,
  type Severity,
  type SideFacts,
  type Verdict,
} from "./lib/policy/mod.ts";
export {
  reportFindings,
  reportHtml,
  reportJson,
  reportMarkdown,
  reportText,
  type TextOptions,
} from "./lib/report/mod.ts";
export { BUILT_IN } from "./plugins/mod.ts";
