import { PremigrateError } from "../../error/mod.ts";
import { decodeHex } from "@std/encoding/hex";
import { LONGEST_ATTRIBUTE } from "../../policy/attributes.ts";
import { isFilePath } from "./file_path.ts";
import { mayBeNone } from "./keys.ts";

/**
 * Why facts are not known, by their names in the report: the name in sysfs, with `parent/` before
 * that of a parent. What a device has none of is not in it.
 */
export type Missing = Readonly<Record<string, string>>;

/**
 * What is wrong with a report:
 *
 * - `no-report`: the text is something else;
 * - `version`: it is of another version;
 * - `truncated`: its end is missing;
 * - `malformed`: a part of it is not as the probe writes it;
 * - `too-large`.
 */
export type ProbeErrorCode = "no-report" | "version" | "truncated" | "malformed" | "too-large";

/** A probe's report that cannot be used. */
export class ProbeError extends PremigrateError {
  /** What is wrong. */
  declare readonly code: ProbeErrorCode;
  /** Where, counted from 1; `undefined` when it concerns no single line. */
  readonly line: number | undefined;

  /** `problem` ends the message. */
  constructor(code: ProbeErrorCode, problem: string, line?: number) {
    super(
      code,
      `Reading the probe's report${line === undefined ? "" : ` at line ${line}`}`,
      problem,
    );
    this.line = line;
  }
}

/** Before the names of attributes that policies declare. */
export const DECLARED = "attributes/";

const START = /(?:^|\n)premigrate-probe ([0-9]{1,9})(?=\n)/;
const END = /\nend ([0-9]{1,9})\n$/;
const ATTRIBUTE = /^attr ([A-Za-z0-9_./-]{1,200}) (?:(s) ([ -~]*)|(x)|- ([ -~]+))$/;
const HEX_LINE = /^(?: [0-9a-f]{2})+$/;
const HEADING =
  /^(?:(host|premigrate)|(emulator) (\/[A-Za-z0-9._/-]*)|(device|absent|guest) ([0-9a-f:.-]+)|(file) (\/.+))$/;
const ADDRESS =
  /^(?:[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/**
 * Says whether the probe takes it for a device: a PCI address `DDDD:BB:SS.F` or an mdev's UUID, in
 * lower case.
 *
 * @example
 * ```ts
 * import { isDeviceAddress } from "./sections.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isDeviceAddress("0000:3b:00.4"), true);
 * assertEquals(isDeviceAddress("../0000:3b:00.4"), false);
 * ```
 */
export function isDeviceAddress(text: string): boolean {
  return ADDRESS.test(text);
}

/** What a report tells of one thing. */
export interface Section {
  readonly name: string;
  readonly argument: string;
  readonly attributes: Attributes;
}

type Value = { readonly lines: string[] } | { readonly hex: string[] } | { readonly why: string };

/** @throws {ProbeError} It is no whole report. */
export function readSections(text: string): Section[] {
  const start = START.exec(text);
  if (start === null) {
    throw new ProbeError("no-report", 'found no line "premigrate-probe 1"');
  }
  if (start[1] !== "1") throw new ProbeError("version", `found version ${start[1]}, wanted 1`);
  const body = text.slice(start.index + start[0].length);
  const end = END.exec(body);
  if (end === null) {
    if (/^end [0-9]+\n/m.test(body)) throw new ProbeError("malformed", "found text after its end");
    throw new ProbeError("truncated", "its end is missing");
  }

  const sections: Section[] = [];
  const firstLine = text.slice(0, start.index + start[0].length).split("\n").length + 1;
  const lines = end.index === 0 ? [] : body.slice(1, end.index).split("\n");
  let records = 0;
  let last: { readonly key: string; readonly value: Value } | undefined;
  for (const [index, line] of lines.entries()) {
    const fail = (problem: string): never => {
      throw new ProbeError("malformed", problem, firstLine + index);
    };
    if (line.startsWith(" ")) {
      if (last === undefined || !("hex" in last.value)) return fail("found bytes of no attribute");
      if (!HEX_LINE.test(line)) return fail("found something else than bytes");
      last.value.hex.push(line.replaceAll(" ", ""));
      continue;
    }
    records++;
    const [, key, isText, shown = "", isHex, why = ""] = ATTRIBUTE.exec(line) ?? [];
    if (key === undefined) {
      last = undefined;
      sections.push(readHeading(line) ?? fail("found no section or attribute"));
      continue;
    }
    if (isText && last?.key === key && "lines" in last.value) {
      last.value.lines.push(shown);
      continue;
    }
    last = { key, value: isText ? { lines: [shown] } : isHex ? { hex: [] } : { why } };
    if (!sections.at(-1)?.attributes.add(key, last.value)) {
      return fail(`found the attribute ${key} twice, or outside of a section`);
    }
  }
  if (records !== Number(end[1])) {
    throw new ProbeError("malformed", `found ${records} lines, wanted ${end[1]}`);
  }
  return sections;
}

function readHeading(line: string): Section | undefined {
  const [, host, emulator, path, device, address, file, named] = HEADING.exec(line) ?? [];
  const name = host ?? emulator ?? device ?? file;
  if (name === undefined || (address !== undefined && !isDeviceAddress(address))) return undefined;
  if (named !== undefined && !isFilePath(named)) return undefined;
  return { name, argument: path ?? address ?? named ?? "", attributes: new Attributes() };
}

/** What is told of one thing; what cannot be read as wanted becomes missing. */
export class Attributes {
  readonly #values = new Map<string, Value>();
  readonly #refused = new Map<string, string>();

  /** Says whether it is new. */
  add(key: string, value: Value): boolean {
    if (this.#values.has(key)) return false;
    this.#values.set(key, value);
    return true;
  }

  keys(): IterableIterator<string> {
    return this.#values.keys();
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  refuse(key: string, why: string): undefined {
    this.#refused.set(key, why);
  }

  /** That it is not there is what was asked, and not missing. */
  isNotThere(key: string): boolean {
    const value = this.#values.get(key);
    return value !== undefined && "why" in value && value.why === "not there";
  }

  /** The first of the keys of which the report says nothing, not even why not. */
  untold(keys: readonly string[]): string | undefined {
    return keys.find((key) => !this.#values.has(key));
  }

  get missing(): Missing {
    const isNone = (key: string): boolean =>
      (key.startsWith(DECLARED) || mayBeNone(key)) && this.isNotThere(key);
    const told = Array.from(this.#values)
      .flatMap(([key, value]) => "why" in value ? [[key, value.why] as const] : [])
      .filter(([key]) => !isNone(key));
    return Object.fromEntries([...told, ...this.#refused]);
  }

  bytes(key: string): Uint8Array | undefined {
    const value = this.#values.get(key);
    if (value === undefined || "why" in value) return undefined;
    if ("hex" in value) return decodeHex(value.hex.join(""));
    return new TextEncoder().encode(value.lines.map((line) => `${line}\n`).join(""));
  }

  /** Without the newline at its end. */
  text(key: string): string | undefined {
    const bytes = this.bytes(key);
    return bytes && new TextDecoder().decode(bytes).replace(/\n$/, "");
  }

  /** What is empty tells nothing. */
  name(key: string): string | undefined {
    const text = this.text(key);
    return text === "" ? this.refuse(key, "it is empty") : text;
  }

  /** Text and nothing else, within bounds. */
  plainText(key: string): string | undefined {
    const bytes = this.bytes(key);
    if (bytes === undefined) return undefined;
    if (bytes.length > LONGEST_ATTRIBUTE) return this.refuse(key, "too large");
    const text = decodeUtf8(bytes)?.replace(/\n$/, "");
    if (text === undefined) return this.refuse(key, "found bytes that are no UTF-8");
    return /[^\P{Cc}\n\t]/u.test(text) ? this.refuse(key, "found control characters") : text;
  }

  matching(key: string, pattern: RegExp, wanted: string): string | undefined {
    const text = this.text(key);
    if (text === undefined || pattern.test(text)) return text;
    return this.refuse(key, `found ${JSON.stringify(text.slice(0, 80))}, wanted ${wanted}`);
  }

  hex(key: string, digits: number): number | undefined {
    const pattern = new RegExp(`^0x[0-9a-f]{1,${digits}}$`);
    const text = this.matching(key, pattern, `${4 * digits} bits in hexadecimal`);
    return text === undefined ? undefined : Number(text);
  }

  count(key: string): number | undefined {
    const text = this.matching(key, /^[0-9]{1,9}$/, "a number");
    return text === undefined ? undefined : Number(text);
  }
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
