/** Those that {@linkcode keepRecord} made, unfinished ones too; others' files are left alone. */
const RECORD_NAME = /^[0-9a-f-]{36,64}\.(json|[0-9a-f-]{36})$/;

/**
 * Keeps `bytes` as `dir/name.json`, in a folder that is made where it is missing. The file is
 * readable to its owner alone, and is there whole or not at all. Of more than `most` files the least
 * recently written go.
 *
 * @param name 36 to 64 hexadecimal digits and dashes.
 */
export async function keepRecord(
  dir: string,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  most: number,
): Promise<void> {
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  const unfinished = `${dir}/${name}.${crypto.randomUUID()}`;
  await Deno.writeFile(unfinished, bytes, { createNew: true, mode: 0o600 });
  await Deno.rename(unfinished, `${dir}/${name}.json`);
  await dropOldest(dir, most);
}

async function dropOldest(dir: string, most: number): Promise<void> {
  const records = [];
  for await (const { name } of Deno.readDir(dir)) {
    if (!RECORD_NAME.test(name)) continue;
    const path = `${dir}/${name}`;
    const mtime = (await unlessGone(Deno.lstat(path)))?.mtime ?? undefined;
    if (mtime !== undefined) records.push({ path, mtime });
  }
  records.sort((a, b) => b.mtime.getTime() - a.mtime.getTime());
  for (const { path } of records.slice(most)) await unlessGone(Deno.remove(path));
}

/** Another process may have dropped or renamed the same file. */
export async function unlessGone<T>(done: Promise<T>): Promise<T | undefined> {
  try {
    return await done;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
