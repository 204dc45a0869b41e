/**
 * What is known of a host and its devices: the schema, and the readers that gather it.
 *
 * @module
 */
export * from "./parse.ts";
export * from "./schema.ts";
export * from "./stamp/stamp.ts";
export * from "./write.ts";
