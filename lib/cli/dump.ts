import { ValidationError } from "@cliffy/command";
import { type DumpedFunction, normalizeBdf, readDump } from "../policy/mod.ts";
import { inputError, readBytes } from "../facts/files.ts";

/**
 * Reads a dump and picks the function at `slot`, or the only one there is. A dump that does not name
 * its function is taken at any slot.
 */
export async function readFunction(
  path: string,
  slot: string | undefined,
): Promise<DumpedFunction> {
  const chosen = choose(readDump(await readBytes(path)), path, slot);
  // Nothing may rest on bytes that the dump does not have.
  if (chosen.known === undefined) return chosen;
  throw inputError(path, `it ends after ${chosen.known} of ${chosen.bytes.length} bytes`);
}

function choose(
  functions: readonly DumpedFunction[],
  path: string,
  slot: string | undefined,
): DumpedFunction {
  if (slot === undefined) {
    const [only, ...others] = functions;
    if (only !== undefined && others.length === 0) return only;
    const slots = functions.map((dumped) => dumped.slot ?? "?").slice(0, 16).join(", ");
    throw new ValidationError(`Cannot choose a function of ${path}: it has ${slots}; give --slot`);
  }
  const wanted = normalizeBdf(slot);
  if (wanted === undefined) {
    throw new ValidationError(`Cannot read --slot "${slot}": wanted [DDDD:]BB:SS.F, as in 3b:00.4`);
  }
  // Raw bytes and plain hex have no name that could be another.
  const found = functions.find((dumped) => dumped.slot === wanted || dumped.slot === undefined);
  if (found !== undefined) return found;
  throw new ValidationError(`Cannot find function ${wanted} in ${path}`);
}
