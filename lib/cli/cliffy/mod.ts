/**
 * The part of Cliffy 1.0's `@cliffy/command` that premigrate uses, for where JSR cannot be reached:
 * `links` in deno.json puts it in Cliffy's place.
 *
 * @module
 */
export { Command } from "./command.ts";
export { ValidationError } from "./errors.ts";
export { EnumType } from "./values.ts";
