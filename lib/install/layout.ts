import { pathsBelow } from "../config/paths.ts";
import { DIST_FILES, type DistFile, EXECUTABLES } from "./dist_files.ts";
import type { Item } from "./plan.ts";

/** Where everything is, below the root. */
export const LAYOUT = pathsBelow();

/** Folders whose contents nobody else may see, as guests' names and devices are in them. */
export const PRIVATE_FOLDERS: readonly string[] = [
  LAYOUT.state,
  LAYOUT.waivers,
  LAYOUT.started,
  LAYOUT.realize,
  LAYOUT.cache,
  LAYOUT.log,
  LAYOUT.reports,
];

/**
 * What a build consists of once it is installed, the hook last: it may not be there before what it
 * runs. `deno` is a Deno to be kept with it.
 */
export async function itemsOf(dist: string, deno: string | undefined): Promise<Item[]> {
  const read: ReadDist = (name) => Deno.readFile(`${dist}/${name}`);
  const programs = await Promise.all(DIST_FILES.map(async (name): Promise<Item> => ({
    path: `${LAYOUT.lib}/${name}`,
    content: await read(name),
    mode: EXECUTABLES.includes(name) ? 0o755 : 0o644,
    kind: "program",
  })));
  return [
    ...deno === undefined ? [] : [
      {
        path: LAYOUT.deno,
        content: await Deno.readFile(deno),
        mode: 0o755,
        kind: "program",
      } as const,
    ],
    ...programs,
    {
      path: LAYOUT.command,
      content: { link: "../lib/premigrate/premigrate" },
      mode: 0o777,
      kind: "program",
    },
    {
      path: LAYOUT.unit,
      content: await read("premigrate-agent.service"),
      mode: 0o644,
      kind: "program",
    },
    { path: LAYOUT.manual, content: await read("premigrate.1.gz"), mode: 0o644, kind: "program" },
    ...await completions(read),
    { path: LAYOUT.logrotate, content: await read("logrotate.conf"), mode: 0o644, kind: "choice" },
    { path: LAYOUT.config, content: await read("config.yaml"), mode: 0o644, kind: "choice" },
    { path: LAYOUT.hook, content: await read("launcher.sh"), mode: 0o755, kind: "hook" },
  ];
}

type ReadDist = (name: DistFile) => Promise<Uint8Array<ArrayBuffer>>;

async function completions(read: ReadDist): Promise<Item[]> {
  const { bash, fish, zsh, zshOfFedora } = LAYOUT.completions;
  const files = [
    [bash, "premigrate.bash"],
    [fish, "premigrate.fish"],
    [zsh, "premigrate.zsh"],
    [zshOfFedora, "premigrate.zsh"],
  ] as const;
  return await Promise.all(files.map(async ([path, name]): Promise<Item> => ({
    path,
    content: await read(name),
    mode: 0o644,
    kind: "program",
  })));
}
