import { PremigrateError } from "../error/mod.ts";
import { replaceFile } from "./store.ts";

/** An input that cannot be read; the path is `-` for standard input. */
export function inputError(path: string, problem: string): PremigrateError {
  const name = path === "-" ? "standard input" : path;
  return new PremigrateError("input", `Cannot read ${name}`, problem);
}

/** A file that cannot be written. */
export function outputError(path: string, problem: string): PremigrateError {
  return new PremigrateError("output", `Cannot write ${path}`, problem);
}

// Far above any dump, facts file or domain XML, far below what would hurt.
const LARGEST_INPUT = 256 * 1024 * 1024;

/** Reads a file from a byte on, or standard input for `-`, piece by piece. */
export async function* readChunks(
  path: string,
  start = 0,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  try {
    if (path === "-") return yield* Deno.stdin.readable;
    const file = await Deno.open(path);
    if (start > 0) await file.seek(start, Deno.SeekMode.Start);
    yield* file.readable;
  } catch (error) {
    throw inputError(path, describe(error));
  }
}

/**
 * Reads a log from a byte on, or one that logrotate has packed (`.gz`), up to 256 MiB of it, or up to
 * where its compression is damaged.
 */
export async function* readUnpacked(
  path: string,
  start = 0,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const isPacked = path.endsWith(".gz");
  const bytes = readChunks(path, isPacked ? 0 : start);
  const stream = isPacked
    ? ReadableStream.from(bytes).pipeThrough(new DecompressionStream("gzip"))
    : bytes;
  let [skip, left] = [isPacked ? start : 0, LARGEST_INPUT];
  try {
    for await (const chunk of stream) {
      yield skip === 0 ? chunk : chunk.slice(skip);
      skip = Math.max(0, skip - chunk.length);
      left -= chunk.length;
      if (left < 0) return;
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

/** Reads a file, or standard input for `-`. */
export async function readBytes(path: string): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of readChunks(path)) {
    length += chunk.length;
    if (length > LARGEST_INPUT) {
      throw inputError(path, `it is larger than ${LARGEST_INPUT} bytes`);
    }
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** Reads a UTF-8 text file, or standard input for `-`. */
export async function readText(path: string): Promise<string> {
  const bytes = await readBytes(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw inputError(path, "it is no UTF-8 text");
  }
}

/** Reads a file and what is in it: an error of what it holds names it. */
export async function readParsed<T>(path: string, parse: (text: string) => T): Promise<T> {
  const text = await readText(path);
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof PremigrateError)) throw error;
    const name = path === "-" ? "standard input" : path;
    throw new PremigrateError(error.code, `${name}: ${error.doing}`, error.problem);
  }
}

/** Writes a file whole or not at all: what was there before stays until the new text is on disk. */
export async function writeText(
  path: string,
  text: string,
  { mode = 0o666 }: { readonly mode?: number } = {},
): Promise<void> {
  // A device, a pipe or /dev/stdout must not become a file.
  const special = await Deno.stat(path).then(({ isFile }) => !isFile, () => false);
  const write = (to: string): void => Deno.writeTextFileSync(to, text, { createNew: true, mode });
  try {
    if (special) await Deno.writeTextFile(path, text);
    else replaceFile(path, write);
  } catch (error) {
    throw outputError(path, describe(error));
  }
}

function describe(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.IsADirectory) return "it is a directory";
  // Deno opens nothing below /sys or /proc unless it holds every permission.
  if (error instanceof Deno.errors.NotCapable) {
    return "Deno may not open it; pipe it in (premigrate ... - < FILE)";
  }
  return error instanceof Error ? error.message : String(error);
}

/**
 * The lines of a stream of bytes, without their line ends; `undefined` for a line that is longer
 * than `longest` bytes or no UTF-8. What follows the last line end is a line if it is not empty.
 */
export async function* readLines(
  stream: AsyncIterable<Uint8Array>,
  longest: number,
): AsyncGenerator<string | undefined> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (): string | undefined => {
    const line = length > longest ? undefined : decode(parts);
    parts = [];
    length = 0;
    return line;
  };
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      add(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    add(chunk.subarray(start));
  }
  if (length > 0) yield take();

  function add(part: Uint8Array): void {
    length += part.length;
    // What is too long is counted, not kept.
    if (length > longest) parts = [];
    else parts.push(part.slice());
  }
}

function decode(parts: readonly Uint8Array[]): string | undefined {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
  } catch {
    return undefined;
  }
}
