import { PremigrateError } from "../error/mod.ts";

/** A place in the document; columns and offset count UTF-16 code units, as strings do. */
export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Index into the string that was parsed, so that later code can splice there. */
  readonly offset: number;
}

/**
 * Why a domain XML was refused.
 *
 * - `too-large`: more characters, elements, host devices or QEMU arguments than any real guest has;
 * - `doctype`: it holds a DOCTYPE, which libvirt never writes and which could define entities;
 * - `malformed`: it is not well-formed XML 1.0;
 * - `too-deep`: elements are nested deeper than any real document's;
 * - `not-a-domain`: the root element is not `<domain>`;
 * - `incomplete`: something is missing that libvirt always writes;
 * - `bad-address`: a PCI address or mdev UUID that libvirt would refuse;
 * - `bad-value`: any other value that libvirt would refuse.
 */
export type DomainXmlErrorCode =
  | "too-large"
  | "doctype"
  | "malformed"
  | "too-deep"
  | "not-a-domain"
  | "incomplete"
  | "bad-address"
  | "bad-value";

/**
 * The only error {@linkcode parseDomain} throws. Its message never quotes the document beyond the
 * value found wrong, since a domain XML may hold passwords.
 *
 * @example
 * ```ts
 * import { DomainXmlError, parseDomain } from "premigrate/domain";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const error = assertThrows(() => parseDomain("<network/>"), DomainXmlError);
 * assertEquals([error.code, error.line, error.column], ["not-a-domain", 1, 1]);
 * ```
 */
export class DomainXmlError extends PremigrateError {
  /** What is wrong, for programs. */
  declare readonly code: DomainXmlErrorCode;
  /** Line of the offending element or character, from 1. */
  readonly line: number;
  /** Column of the offending element or character, from 1. */
  readonly column: number;

  /** `detail` continues the message after the place. */
  constructor(code: DomainXmlErrorCode, at: Position, detail: string) {
    super(code, `Failed to read the domain XML at line ${at.line}, column ${at.column}`, detail);
    this.line = at.line;
    this.column = at.column;
  }
}
