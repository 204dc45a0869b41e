/**
 * The policy API, published as `premigrate/policy`: what a policy is and is given, the registry and
 * the engine, with the pure decoders of config space and the model of QEMU that the built-in
 * policies use.
 *
 * @module
 */
export { get16, get32 } from "../pci/bytes.ts";
export * from "../pci/mod.ts";
export * from "../qemu/mod.ts";
export * from "./answer.ts";
export {
  type CaseFinding,
  type CaseMigration,
  type CaseSide,
  codesWithoutCase,
  type PolicyCase,
  runCase,
} from "./case.ts";
export type { Candidate, Choice } from "./choose.ts";
export { type Decision, evaluate, type NotRun, type Verdict } from "./engine.ts";
export * from "./finding.ts";
export type { NotLookedAt } from "./guest.ts";
export { judge, type Question, type SideFacts } from "./judge.ts";
export * from "./migration.ts";
export * from "./never_migrates.ts";
export * from "./policy.ts";
export type { Pool } from "./pools.ts";
export * from "./registry.ts";
export { propertiesOf, shadowOf, spaceOf } from "./once.ts";
export * from "./stand_in.ts";
export * from "./versions.ts";
/** The schema library of policies' options. */
export * as v from "./option_schema.ts";
