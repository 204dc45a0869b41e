/**
 * What a command's definition strings mean at compile time: the types of the options and arguments
 * an action gets, inferred as Cliffy 1.0 infers them.
 *
 * @module
 */
import type { EnumType } from "./values.ts";

/** The flags an option can have: a long one, before it perhaps a short one, after it a value. */
export type Flags = `--${string}` | `-${string}, --${string}`;

/** How an option behaves. */
export interface OptionOptions<TRequired, TCollect, TDefault> {
  /** The command fails without it. */
  required?: TRequired;
  /** It may be given several times; its value is the array of all. */
  collect?: TCollect;
  /** Its value when it is not given. */
  default?: TDefault;
}

interface BuiltInTypes {
  string: string;
  file: string;
  command: string;
  number: number;
  integer: number;
  boolean: boolean;
}

/** Both types, where one that is void adds nothing. */
export type Merge<TLeft, TRight> = [TLeft] extends [void] ? TRight
  : [TRight] extends [void] ? TLeft
  : TLeft & TRight;

/** An intersection as one object type. */
export type Flat<T> = [T] extends [void] ? T : { [Key in keyof T]: T[Key] };

type Value<TType extends string, TTypes> = TType extends `${infer Base}:${string}`
  ? Value<Base, TTypes>
  : TType extends keyof TTypes ? TTypes[TType] extends EnumType<infer TValue> ? TValue : unknown
  : TType extends keyof BuiltInTypes ? BuiltInTypes[TType]
  : unknown;

type CamelCase<TName extends string> = TName extends `${infer Head}-${infer Rest}`
  ? `${Head}${Capitalize<CamelCase<Rest>>}`
  : TName;

type Key<TFlags extends string> = TFlags extends `${string}--${infer Name} ${string}`
  ? CamelCase<Name>
  : TFlags extends `${string}--${infer Name}` ? CamelCase<Name>
  : never;

type OptionValue<TFlags extends string, TTypes> = TFlags extends `${string}:${infer Type}>`
  ? Value<Type, TTypes>
  : TFlags extends `${string}>` ? string
  : true;

type Collected<TValue, TCollect> = TCollect extends true ? TValue[] : TValue;

/** What one option adds to the options an action gets. */
export type TypedOption<TFlags extends string, TTypes, TRequired, TCollect, TDefault> =
  [TDefault] extends [undefined]
    ? TRequired extends true
      ? { [K in Key<TFlags>]: Collected<OptionValue<TFlags, TTypes>, TCollect> }
    : TFlags extends `${string}>`
      ? { [K in Key<TFlags>]?: Collected<OptionValue<TFlags, TTypes>, TCollect> }
    : { [K in Key<TFlags>]?: Collected<true, TCollect> | undefined }
    : { [K in Key<TFlags>]: Collected<OptionValue<TFlags, TTypes> | TDefault, TCollect> };

type ArgumentValue<TArgument extends string, TTypes> = TArgument extends
  `${string}:${infer Type}]` | `${string}:${infer Type}>` ? Value<Type, TTypes> : string;

type TypedArgument<TArgument extends string, TTypes> = TArgument extends `[${string}...${string}`
  ? ArgumentValue<TArgument, TTypes>[]
  : TArgument extends `<${string}...${string}`
    ? [ArgumentValue<TArgument, TTypes>, ...ArgumentValue<TArgument, TTypes>[]]
  : TArgument extends `[${string}` ? [ArgumentValue<TArgument, TTypes>?]
  : [ArgumentValue<TArgument, TTypes>];

/** The arguments an action gets, from a definition such as `<source:string> [rest...:string]`. */
export type TypedArguments<TDefinition extends string, TTypes> = TDefinition extends
  `${infer First} ${infer Rest}`
  ? [...TypedArgument<First, TTypes>, ...TypedArguments<Rest, TTypes>]
  : TypedArgument<TDefinition, TTypes>;
