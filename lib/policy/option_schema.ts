/**
 * What policies' options are described with: the part of valibot that has a use there. A whole
 * library behind one name would all be in the hook's bundle.
 *
 * @module
 */
export {
  array,
  boolean,
  check,
  description,
  integer,
  is,
  literal,
  maxLength,
  maxValue,
  minLength,
  minValue,
  nonEmpty,
  number,
  object,
  optional,
  parse,
  picklist,
  pipe,
  record,
  regex,
  safeParse,
  strictObject,
  string,
  union,
} from "valibot";
export type { GenericSchema, InferInput, InferOutput } from "valibot";
