import * as v from "valibot";
import { sha256 } from "./sha256.ts";

/**
 * Puts a file in place whole or not at all, over what is there.
 *
 * @param make Makes it at another path of the same file system.
 */
export function replaceFile(
  path: string,
  make: (unfinished: string) => void,
  unfinished: string = `${path}.${crypto.randomUUID()}`,
): void {
  try {
    make(unfinished);
    Deno.renameSync(unfinished, path);
  } catch (error) {
    try {
      Deno.removeSync(unfinished);
    } catch {
      // It was not even begun.
    }
    throw error;
  }
}

/**
 * The text of a file that premigrate keeps; `undefined` where there is none, or none that can be
 * read or is as small as it should be: then nothing is known.
 */
export function readKept(path: string, largest: number): string | undefined {
  try {
    const { isFile, size } = Deno.statSync(path);
    return isFile && size <= largest ? Deno.readTextFileSync(path) : undefined;
  } catch (error) {
    // A fault of the program, not of the host.
    if (error instanceof Deno.errors.NotCapable) throw error;
    return undefined;
  }
}

/** Another process may have removed or renamed the same file. */
export function unlessGone<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** A record, or one that was never finished, which has a UUID in place of `json`. */
const RECORD = /^([0-9a-f-]{36,64})\.(json|[0-9a-f-]{36})$/;
const JSON_TEXT = v.pipe(v.string(), v.parseJson());

type Unchanged<T> = { readonly [Key in keyof T]: Unchanged<T[Key]> };

/**
 * Records of one form, each a JSON file in a folder, readable to its owner alone, and there whole or
 * not at all. What is damaged, too large or of another form is not there.
 *
 * @example
 * ```ts ignore
 * const store = new Store(v.strictObject({ size: v.number() }), { largest: 100, most: 256 });
 * store.keep("/var/lib/premigrate/sizes", "4dea22b3-1d52-48f3-a516-782e98ab3fa0", { size: 1 });
 * ```
 */
export class Store<Form extends v.GenericSchema> {
  readonly #form: Form;
  readonly #largest: number;
  readonly #most: number;

  /**
   * @param bounds The bytes of a record, and how many a folder holds: of more, the least recently
   * written go.
   */
  constructor(
    form: Form,
    { largest, most = Infinity }: { readonly largest: number; readonly most?: number },
  ) {
    this.#form = form;
    this.#largest = largest;
    this.#most = most;
  }

  /** What is kept under a name. */
  find(dir: string, name: string): v.InferOutput<Form> | undefined {
    return this.read(readKept(`${dir}/${name}.json`, this.#largest));
  }

  /** What a file of the store says, on whatever host it was. */
  read(file: string | undefined): v.InferOutput<Form> | undefined {
    const text = v.safeParse(JSON_TEXT, file);
    const record = v.safeParse(this.#form, text.output);
    return record.success ? record.output : undefined;
  }

  /**
   * Keeps a record under a name, over what is kept there, in a folder that is made where it is missing.
   *
   * @throws {RangeError} When it could not be found again.
   * @throws {Error} Deno's own, when it cannot be written.
   */
  keep(dir: string, name: string, record: Unchanged<v.InferInput<Form>>): void {
    const bytes = new TextEncoder().encode(`${JSON.stringify(record)}\n`);
    if (bytes.length > this.#largest || !v.is(this.#form, record)) {
      throw new RangeError(`${bytes.length} bytes are no record of this kind`);
    }
    Deno.mkdirSync(dir, { recursive: true, mode: 0o700 });
    const write = (to: string): void =>
      Deno.writeFileSync(to, bytes, { createNew: true, mode: 0o600 });
    replaceFile(`${dir}/${name}.json`, write, `${dir}/${name}.${crypto.randomUUID()}`);
    const records = listRecords(dir).sort((a, b) => b.written - a.written);
    for (const { path } of records.slice(this.#most)) unlessGone(() => Deno.removeSync(path));
  }
}

/** A file of a store. */
export interface KeptRecord {
  readonly path: string;
  readonly name: string;
  /** Not so: its writer was ended, or is writing now. */
  readonly isWhole: boolean;
  /** In milliseconds since 1970. */
  readonly written: number;
}

/** The records in a folder, by their names alone; others' files are left out. */
export function listRecords(dir: string): KeptRecord[] {
  const files = unlessGone(() => [...Deno.readDirSync(dir)]) ?? [];
  return files.flatMap(({ name: file }) => {
    const [, name, ending] = RECORD.exec(file) ?? [];
    if (name === undefined) return [];
    const path = `${dir}/${file}`;
    const written = unlessGone(() => Deno.lstatSync(path))?.mtime?.getTime();
    return written === undefined ? [] : [{ path, name, isWhole: ending === "json", written }];
  });
}

/** The name of a record that is kept under texts of others' making: 64 hexadecimal digits. */
export function nameOf(...key: readonly string[]): Promise<string> {
  return sha256(JSON.stringify(key));
}
