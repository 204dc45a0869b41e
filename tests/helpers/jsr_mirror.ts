/**
 * A registry that answers as JSR does, on loopback, with the packages of checked out workspaces.
 *
 * @module
 */
import { encodeHex } from "@std/encoding/hex";

interface Config {
  readonly name: string;
  readonly version: string;
  readonly exports: string | Readonly<Record<string, string>>;
  readonly imports?: Readonly<Record<string, string>>;
}

/** Serves all packages of the workspaces; Deno finds them with `JSR_URL` set to `url`. */
export async function serveJsr(
  workspaces: readonly string[],
): Promise<AsyncDisposable & { readonly url: string }> {
  const packages = new Map<string, Package>();
  for (const folder of workspaces) {
    const members: [folder: string, Config][] = [];
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const member = `${folder}/${name}`;
      if (isDirectory && await isFile(`${member}/deno.json`)) {
        members.push([member, await readConfig(member)]);
      }
    }
    const siblings = Object.fromEntries(
      members.map(([, { name, version }]) => [name, `jsr:${name}@^${version}`]),
    );
    const { imports } = await readConfig(folder);
    for (const [member, config] of members) {
      const all = { ...siblings, ...imports, ...config.imports };
      packages.set(config.name, new Package(member, { ...config, imports: all }));
    }
  }
  const handle = async (request: Request): Promise<Response> => {
    const [, name = "", path = ""] =
      /^\/(@[^/]+\/[^/]+)\/(.*)$/.exec(new URL(request.url).pathname) ??
        [];
    const answer = await packages.get(name)?.answer(path);
    return answer === undefined
      ? new Response("not found", { status: 404 })
      : new Response(answer, { headers: { "content-type": typeOf(path) } });
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen(): void {} }, handle);
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

class Package {
  readonly #folder: string;
  readonly #config: Config;

  constructor(folder: string, config: Config) {
    this.#folder = folder;
    this.#config = config;
  }

  async answer(path: string): Promise<string | undefined> {
    const { version, exports } = this.#config;
    if (path === "meta.json") return JSON.stringify({ versions: { [version]: {} } });
    if (path === `${version}_meta.json`) {
      return JSON.stringify({
        exports: typeof exports === "string" ? { ".": exports } : exports,
        manifest: await this.#manifest(),
      });
    }
    const file = path.startsWith(`${version}/`) ? path.slice(version.length + 1) : "";
    return await isFile(`${this.#folder}/${file}`) ? await this.#published(file) : undefined;
  }

  async #manifest(): Promise<Record<string, { size: number; checksum: string }>> {
    const manifest: Record<string, { size: number; checksum: string }> = {};
    for await (const file of filesOf(this.#folder)) {
      const bytes = new TextEncoder().encode(await this.#published(file));
      const digest = encodeHex(await crypto.subtle.digest("SHA-256", bytes));
      manifest[`/${file}`] = { size: bytes.length, checksum: `sha256-${digest}` };
    }
    return manifest;
  }

  /** The file as JSR publishes it: what the workspace's import map says stands in the imports. */
  async #published(file: string): Promise<string> {
    const { imports = {} } = this.#config;
    const text = await Deno.readTextFile(`${this.#folder}/${file}`);
    return text.replaceAll(
      /(\bfrom |\bimport |\bimport\()"(@[^/"]+\/[^/"]+)([^"]*)"/g,
      (whole, ...found) => {
        const [word, name, path] = found;
        return name in imports ? `${word}"${imports[name]}${path}"` : whole;
      },
    );
  }
}

async function readConfig(folder: string): Promise<Config> {
  return JSON.parse(await Deno.readTextFile(`${folder}/deno.json`));
}

async function* filesOf(folder: string, below = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${below}`)) {
    if (isDirectory) yield* filesOf(folder, `${below}${name}/`);
    else if (/(?<!_test)\.(ts|js|json)$/.test(name)) yield below + name;
  }
}

function typeOf(path: string): string {
  return path.endsWith(".ts") ? "application/typescript" : "application/json";
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}
