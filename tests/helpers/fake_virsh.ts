/** A virsh of several hosts, and the parts of the hook that ask it, in a process of its own. */
import type { Arrival } from "../../lib/hook/arrival.ts";
import { runProgram } from "./run_program.ts";

/**
 * Does what virsh does with its arguments, in sh, which quotes likewise: each command is a program
 * in the folder of the host that the URI names.
 */
const FAKE = `#!/bin/sh
here=\${0%/*}
uri=
for word in "$@"; do
  [ "$last" != -c ] || uri=$word
  last=$word
done
case $uri in
  qemu:///*) host=localhost ;;
  *) host=\${uri#*://} host=\${host%%/*} ;;
esac
echo "$host" >>"$here/runs"
PATH=$here/$host:/usr/bin:/bin
[ ! -e "$here/$host/start" ] || . "$here/$host/start"
echo() {
  if [ "$1" = --err ]; then printf 'error: %s\\n' "$3" >&2; else printf %s "$2"; fi
}
eval "$last"
`;

/** Shell scripts by the commands they stand for; \`start\` is run before any. */
export type FakeLibvirt = Readonly<Record<string, string>>;

const CASES = `${Deno.cwd()}/tests/cases/libvirt`;
const MISSING = 'printf "error: failed to get domain \'%s\'\\n" "$2" >&2';

/** A host that does not run the guest. */
export const ELSEWHERE: FakeLibvirt = {
  version: `cat ${CASES}/version.txt`,
  hostname: "printf 'hosta\\n'",
  capabilities: `cat ${CASES}/capabilities.xml`,
  dominfo: MISSING,
  dumpxml: MISSING,
  list: ":",
};

/** One that does not answer. */
export const DOWN: FakeLibvirt = {
  start: "printf 'error: failed to connect to the hypervisor\\nerror: no route\\n' >&2; exit 1",
};

/** What libvirt says of a guest that it migrates away, and of one that it does not. */
export const LEAVING = "printf 'Job type: Unbounded   \\nOperation: Outgoing migration\\n'";
export const STAYING = "printf 'Job type:         None        \\n'";

/** One that runs guests with these live XMLs, by UUID, and sends them away. */
export function running(guests: Readonly<Record<string, string>>): FakeLibvirt {
  const each = (command: (uuid: string, xml: string) => string): string =>
    [
      'case "$2" in',
      ...Object.entries(guests).map(([uuid, xml]) => `${uuid}) ${command(uuid, xml)} ;;`),
      `*) ${MISSING} ;;`,
      "esac",
    ].join("\n");
  return {
    ...ELSEWHERE,
    list: `printf '${Object.keys(guests).map((uuid, at) => `${uuid} vm${at}\\n`).join("")}'`,
    dominfo: each((uuid) => `printf 'UUID: ${uuid}\\nState: running\\n'`),
    dumpxml: each((_uuid, xml) => `cat <<'END'\n${xml}\nEND\n`),
    domjobinfo: each(() => LEAVING),
  };
}

/** What is done, and what came of it. */
export interface FakeRun {
  readonly result: Readonly<Record<string, unknown>>;
  /** The hosts that were asked, a line for each virsh. */
  readonly runs: readonly string[];
}

/** Writes the virsh of these hosts. */
export async function writeVirsh(
  folder: string,
  hosts: Readonly<Record<string, FakeLibvirt>>,
): Promise<void> {
  await Deno.writeTextFile(`${folder}/virsh`, FAKE, { mode: 0o755 });
  for (const [host, commands] of Object.entries(hosts)) {
    await Deno.mkdir(`${folder}/${host}`);
    for (const [name, script] of Object.entries(commands)) {
      const text = `#!/bin/sh\n${script}\n`;
      await Deno.writeTextFile(`${folder}/${host}/${name}`, text, { mode: 0o755 });
    }
  }
}

/** Runs tests/helpers/hook_asker.ts beside hosts that answer so. */
export async function askFakes(
  hosts: Readonly<Record<string, FakeLibvirt>>,
  request: Readonly<Record<string, unknown>> & { readonly runner?: string },
): Promise<FakeRun> {
  const folder = await Deno.makeTempDir({ prefix: "premigrate-virsh-" });
  try {
    await writeVirsh(folder, hosts);
    const { stdout, stderr } = await runProgram(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-prompt", "--allow-read"],
        `--allow-run=${["virsh", request.runner ?? []].flat().join()}`,
        "tests/helpers/hook_asker.ts",
      ],
      env: { PATH: request.runner === undefined ? folder : `${folder}:/usr/bin:/bin` },
    }, JSON.stringify(request));
    if (stdout === "") throw new Error(stderr);
    const runs = await Deno.readTextFile(`${folder}/runs`).catch(() => "");
    return { result: JSON.parse(stdout), runs: runs.split("\n").slice(0, -1).sort() };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** An arrival as JSON has it. */
export function arrivalJson({ signal: _, regions, ...arrival }: Arrival): Record<string, unknown> {
  return { ...arrival, regions: [...regions] };
}
