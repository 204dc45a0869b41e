/**
 * The part of Cliffy 1.0's `@cliffy/command` that premigrate uses, for where that cannot be
 * fetched: the same names, types, argument syntax, messages and exit codes, no more. An import map
 * puts the real one in its place.
 *
 * @module
 */
export { Command } from "./cliffy/command.ts";
export { ValidationError } from "./cliffy/errors.ts";
export { EnumType } from "./cliffy/values.ts";
