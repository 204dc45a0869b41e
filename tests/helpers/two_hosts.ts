/** Two composed hosts that are reached as real ones are: by virsh, and by ssh, which runs the probe. */
import { encodeBase64 } from "@std/encoding/base64";
import { encodeHex } from "@std/encoding/hex";
import { type Config, writeApplied } from "../../lib/config/config.ts";
import { pathsBelow } from "../../lib/config/paths.ts";
import { writeNetworks } from "../../lib/facts/libvirt/networks.ts";
import type { Networks } from "../../lib/domain/mod.ts";
import type { CodePlugin } from "../../lib/plugin/mod.ts";
import { ELSEWHERE, type FakeLibvirt, running, writeVirsh } from "./fake_virsh.ts";
import { GUEST } from "./hook_arrivals.ts";
import { keptHost } from "./kept_host.ts";
import { runScript } from "./probe_shells.ts";
import { FakeSysfs } from "./probe_tree.ts";
import { runProgram } from "./run_program.ts";

const UUIDS = {
  hosta: "8a3a7a5e-6f43-4b52-9d0f-1f6a2d1c0a01",
  hostb: "8a3a7a5e-6f43-4b52-9d0f-1f6a2d1c0a03",
};
const QMP = [
  `{"QMP": {}}`,
  `{"return": {"qemu": {"major": 9, "minor": 1, "micro": 0}}, "id": "version"}`,
  `{"error": {"class": "GenericError"}, "id": "machines-compat-props"}`,
  `{"return": [], "id": "machines"}`,
];
// As sshd runs what it is given, with what makes the probe read what stands for that host.
const SSH = `#!/bin/sh
here=\${0%/*}
while [ "$1" != -- ]; do shift; done
host=$2
shift 5
exec sh -s -- "$@" $(cat "$here/$host/probe-arguments")
`;

/** What there is to know of a guest and both hosts. */
export interface Situation {
  /** The guest's live XML on hosta. */
  readonly live: string;
  /** As libvirt hands it over on hostb; absent: the same. */
  readonly arriving?: string | undefined;
  readonly config: Config;
  /** Files below hostb's `/var/lib/premigrate`. */
  readonly kept?: Readonly<Record<string, string>>;
  readonly networks?: Networks;
  /** Of guests that run on hostb, by UUID. */
  readonly others?: Readonly<Record<string, string>>;
  readonly plugin?: readonly string[] | undefined;
}

/** What is asked about such hosts: tests/helpers/verdict_asker.ts reads it. */
export type Asked = Readonly<Record<string, unknown>>;

/** What the hook and `check` say. */
export type Said = Readonly<Record<"hook" | "check", Readonly<Record<string, unknown>>>>;

/** Asks the hook and `check` about guests, each of two hosts of its own. */
export async function askAll(asked: readonly Asked[]): Promise<Said[]> {
  const { stdout, stderr } = await runProgram(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "-A", "tests/helpers/verdict_asker.ts"],
  }, JSON.stringify(asked));
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout);
}

export class TwoHosts implements AsyncDisposable {
  readonly hosta = new FakeSysfs();
  readonly hostb = new FakeSysfs();
  readonly folder = Deno.makeTempDirSync({ prefix: "premigrate-hosts-" });
  readonly root = `${this.folder}/root`;
  readonly emulator = `${this.folder}/emulator`;
  /** Stands for the guest's QEMU. */
  readonly #running = new Deno.Command("/bin/sh", {
    args: ["-c", "read -r line", "sh", "-uuid", GUEST],
    stdin: "piped",
  }).spawn();

  constructor() {
    const answers = QMP.map((line) => `'${line}'`).join(" ");
    const emulator = `#!/bin/sh\nprintf '%s\\n' ${answers}\nwhile read -r line; do :; done\n`;
    Deno.writeTextFileSync(this.emulator, emulator, { mode: 0o755 });
    Deno.writeTextFileSync(`${this.folder}/ssh`, SSH, { mode: 0o755 });
    Deno.mkdirSync(`${this.folder}/run/libvirt/qemu`, { recursive: true });
    const pid = `${this.#running.pid}\n`;
    Deno.writeTextFileSync(`${this.folder}/run/libvirt/qemu/vm1.pid`, pid);
  }

  /** Makes the hosts so, and says what is to be asked about them. */
  async prepare(
    { live, arriving = live, plugin, config, kept = {}, networks = {}, others = {} }: Situation,
  ): Promise<Asked> {
    const paths = pathsBelow(this.root);
    for (const folder of [paths.waivers, paths.realize, paths.cache, paths.lib]) {
      await Deno.mkdir(folder, { recursive: true });
    }
    await Deno.mkdir(`${this.root}/etc/premigrate`, { recursive: true });
    await Deno.writeTextFile(paths.applied, writeApplied({ deno: Deno.execPath(), config }));
    await Deno.copyFile("lib/plugin/run.sh", `${paths.lib}/plugin.sh`);
    await Deno.chmod(`${paths.lib}/plugin.sh`, 0o755);
    await Deno.copyFile("lib/plugin/child.js", `${paths.lib}/plugin_child.js`);
    await Deno.writeTextFile(paths.networks, writeNetworks(networks));
    for (const [path, text] of Object.entries(kept)) {
      await Deno.writeTextFile(`${paths.state}/${path}`, text);
    }
    const { stdout } = await runScript(["sh"], ["--emulator", this.emulator, "--identify"]);
    const host = keptHost(stdout, this.emulator, UUIDS.hostb);
    await Deno.writeTextFile(`${paths.cache}/host.json`, host);

    const there = { ...running(others), ...this.#libvirt("hostb", networks) };
    await writeVirsh(this.folder, {
      hosta: { ...running({ [GUEST]: live }), ...this.#libvirt("hosta", networks) },
      hostb: there,
      localhost: there,
    });
    const args = {
      hosta: `--sysfs ${this.hosta.root} --run ${this.folder}/run`,
      hostb: `--sysfs ${this.hostb.root} --premigrate ${this.root}`,
    };
    for (const [name, text] of Object.entries(args)) {
      await Deno.writeTextFile(`${this.folder}/${name}/probe-arguments`, text);
    }
    const { rewrite, guests } = config;
    return {
      root: this.root,
      path: this.folder,
      sysfs: this.hostb.root,
      arriving,
      guest: GUEST,
      rewrite: rewrite || Object.values(guests).some((guest) => guest.rewrite),
      plugin,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running.stdin.close();
    await this.#running.status;
    this.hosta.remove();
    this.hostb.remove();
    Deno.removeSync(this.folder, { recursive: true });
  }

  #libvirt(name: keyof typeof UUIDS, networks: Networks): FakeLibvirt {
    const machines = ["8.2", "9.0", "9.1", "9.2"].map((version) =>
      `<machine maxCpus='255'>pc-q35-${version}</machine>`
    );
    return {
      version: ELSEWHERE["version"] ?? "",
      hostname: `printf '${name}\\n'`,
      capabilities: `cat <<'END'
<capabilities>
  <host><uuid>${UUIDS[name]}</uuid><cpu><arch>x86_64</arch></cpu></host>
  <guest><os_type>hvm</os_type><arch name='x86_64'>
    <emulator>${this.emulator}</emulator>${machines.join("")}
  </arch></guest>
</capabilities>
END`,
      "net-list": `printf '${Object.keys(networks).map((name) => `${name}\\n`).join("")}'`,
      "net-dumpxml": [
        'case "$2" in',
        ...Object.entries(networks).map(([name, kind]) =>
          `${name}) cat <<'END'\n${networkXml(name, kind)}\nEND\n;;`
        ),
        "esac",
      ].join("\n"),
    };
  }
}

function networkXml(name: string, kind: Networks[string]): string {
  const addresses = kind === "plain" ? [] : kind.devices.map((address) => {
    const [domain, bus, slot, fn] = address.split(/[:.]/);
    return `<address type='pci' domain='0x${domain}' bus='0x${bus}' slot='0x${slot}' function='0x${fn}'/>`;
  });
  const forward = kind === "plain"
    ? ""
    : `<forward mode='hostdev' managed='${kind.managed ? "yes" : "no"}'>${
      addresses.join("")
    }</forward>`;
  return `<network><name>${name}</name>${forward}</network>`;
}

/** A plugin as `config apply` leaves it in a configuration, and its digest. */
export async function listPlugin(
  { name, code }: CodePlugin,
  description: Partial<NonNullable<Config["loaded"]>[string]["description"]> = {},
): Promise<Pick<Config, "plugins" | "loaded"> & { readonly digest: string }> {
  const bytes = new Uint8Array(code);
  const digest = encodeHex(await crypto.subtle.digest("SHA-256", bytes));
  const page = { severity: "veto", title: "T", message: "M", remedy: "R.", about: "A." } as const;
  return {
    digest,
    plugins: { [name]: { file: "a.js", digest } },
    loaded: {
      [name]: {
        description: {
          ...{ id: name, title: "T", documentation: "D", match: {}, ofGuest: false },
          codes: { differs: page },
          ...description,
        },
        code: encodeBase64(bytes),
      },
    },
  };
}
