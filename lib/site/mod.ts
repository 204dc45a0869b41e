/**
 * A site's own policies: rules as data, without code.
 *
 * @module
 */
export * from "./policy.ts";
export { type SitePolicies, SitePoliciesSchema } from "./schema.ts";
