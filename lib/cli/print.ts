import { jsonText } from "../report/json.ts";
import { printable } from "../report/printable.ts";

/**
 * Writes text to standard output, whole. A reader that went away ends the program quietly, with the
 * exit status that is set by then.
 */
export function print(text: string): void {
  write(Deno.stdout, text);
}

/** Writes one line to standard error, whatever the message quotes. */
export function printError(message: string): void {
  write(Deno.stderr, `premigrate: ${printable(message)}\n`);
}

function write(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): void {
  let bytes = new TextEncoder().encode(text);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit();
    throw error;
  }
}

/** Writes data as JSON. */
export function printJson(data: unknown): void {
  print(jsonText(data) + "\n");
}
