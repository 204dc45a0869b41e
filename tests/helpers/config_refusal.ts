import { assert } from "@std/assert";
import { PremigrateError } from "../../lib/error/mod.ts";

/** What a reader makes of a text, or `undefined` when it refuses it; any other error is thrown. */
export function unlessRefused<Read>(read: (text: string) => Read, text: string): Read | undefined {
  try {
    return read(text);
  } catch (error) {
    assert(error instanceof PremigrateError, String(error));
    assert(error.message.length < 1000 && !error.message.includes("\n"), error.message);
    const [, line = 1, column = 1] = /: line (\d+), column (\d+)$/.exec(error.doing)?.map(Number) ??
      [];
    assert(line >= 1 && line <= text.split(/\r\n?|\n/).length + 1 && column >= 1);
    return undefined;
  }
}
