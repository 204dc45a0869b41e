import { oneLine } from "../../facts/one_line.ts";
import { type Config, writeApplied } from "../../config/config.ts";
import { denoOf } from "../../config/apply.ts";
import { markOf } from "../file_entry.ts";
import { version } from "../../config/version.ts";
import { repairOf } from "../manifest.ts";
import { type Check, type Outcome, readApplied, readTextOf } from "./check.ts";

const GUEST = "00000000-0000-4000-8000-000000000000";
const DEVICE =
  "<devices><hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0xfffe' bus='0xff' slot='0x1f' function='0x7'/></source></hostdev></devices>";

const domain = (devices: string): string =>
  `<domain type='kvm'><name>premigrate-doctor</name><uuid>${GUEST}</uuid><memory>1024</memory><os><type arch='x86_64' machine='pc'>hvm</type></os>${devices}</domain>`;

/** What the hook starts. */
export const PROGRAM_CHECKS: readonly Check[] = [
  {
    area: "PROGRAM",
    title: "that all files are as they were installed",
    async run({ host, root, manifest }): Promise<Outcome> {
      if (manifest === undefined) return ["FAIL", "nothing is known to be installed"];
      if (manifest.version !== version) {
        return ["FAIL", `${manifest.version} is installed, and this is ${version}`];
      }
      const wrong: string[] = [];
      for (const [path, mark] of Object.entries(manifest.files)) {
        // What the operator may change, and links.
        if (!path.startsWith("/usr/lib/") || mark.startsWith("-> ")) continue;
        const bytes = await host.read(`${root}${path}`);
        if (bytes === undefined) wrong.push(`${path} is missing`);
        else if (await markOf(bytes) !== mark) wrong.push(`${path} is another`);
      }
      return wrong.length === 0
        ? ["PASS", version]
        : ["FAIL", `${wrong.join(", ")}: ${repairOf(manifest)}`];
    },
  },
  {
    area: "PROGRAM",
    title: "that the hook's program has its digest",
    async run(installation): Promise<Outcome> {
      const { host, paths: { lib } } = installation;
      const bytes = await host.read(`${lib}/hook.js`);
      if (bytes === undefined) return ["FAIL", `there is no ${lib}/hook.js`];
      const wanted = await readTextOf(installation, `${lib}/hook.js.sha256`);
      return `${await markOf(bytes)}\n` === wanted
        ? ["PASS"]
        : ["FAIL", `${lib}/hook.js is not what ${lib}/hook.js.sha256 says`];
    },
  },
  {
    area: "PROGRAM",
    title: "for Deno",
    async run(installation): Promise<Outcome> {
      const { host, root, paths } = installation;
      const text = await readTextOf(installation, paths.applied);
      if (text === undefined) return ["WARN", `cannot be checked: there is no ${paths.applied}`];
      const named = denoOf(text);
      if (named === undefined) return ["FAIL", `${paths.applied} names none`];
      const path = named.startsWith("/usr/lib/premigrate/") ? `${root}${named}` : named;
      const stat = await host.stat(path);
      if (stat === undefined) return ["FAIL", `there is no ${path}`];
      if (stat.kind !== "file" || (stat.mode & 0o111) === 0) {
        return ["FAIL", `${path} is not executable`];
      }
      const { kind, stdout } = await host.run("env", ["-i", path, "--version"]);
      const [, found, major] = /^deno ((\d+)\.\S+)/.exec(stdout) ?? [];
      if (kind !== "ended" || found === undefined) {
        return ["FAIL", `${path} does not answer --version as Deno does`];
      }
      return Number(major) < 2
        ? ["FAIL", `${path} is version ${found}, wanted 2`]
        : ["PASS", `${found} at ${path}`];
    },
  },
  {
    area: "PROGRAM",
    title: "that it lets a guest without host devices pass",
    async run(installation): Promise<Outcome> {
      const { host, paths: { applied, hook } } = installation;
      if (/^plain-guests yes$/m.test(await readTextOf(installation, applied) ?? "")) {
        return ["PASS", "a site's policy is on them"];
      }
      const args = [hook, "premigrate-doctor", "migrate", "begin", "-"];
      const { kind, code, stdout, stderr } = await host.run("env", ["-i", ...args], domain(""));
      return kind === "ended" && code === 0 && stdout === ""
        ? ["PASS"]
        : ["FAIL", `${hook} ended with ${code}: ${oneLine(stderr || stdout)}`];
    },
  },
  {
    area: "PROGRAM",
    title: "that it judges a guest with a host device",
    async run(installation): Promise<Outcome> {
      const { host, paths } = installation;
      const { text, config } = await readApplied(installation);
      const applied = writeApplied({ deno: denoOf(text) ?? "", config: forTrial(config) });
      const { end, audit } = await host.tryHook(paths, applied, domain(DEVICE));
      const { verdict, trouble, why, report } = readAudit(audit);
      // A device that no host has, and no stamp: what is not known, and that is the answer.
      if (end.kind === "ended" && verdict === "undecided" && trouble === "facts") return ["PASS"];
      const said = why ?? (report === undefined ? end.stderr || end.stdout : `found ${verdict}`);
      return ["FAIL", `it did not end as wanted (${end.code}): ${oneLine(`${trouble}: ${said}`)}`];
    },
  },
];

/** The operator's choices, save for those that would ask other hosts, take long or find more. */
function forTrial({ site: _, loaded: __, ...config }: Config): Config {
  return {
    ...config,
    plugins: {},
    mode: "enforce",
    deadline: "20s",
    hosts: [],
    rewrite: false,
    guests: {},
  };
}

function readAudit(line: string | undefined): Readonly<Record<string, string | undefined>> {
  const entries: [string, unknown][] = Object.entries(JSON.parse(line ?? "{}"));
  return Object.fromEntries(
    entries.flatMap(([key, value]) => typeof value === "string" ? [[key, value]] : []),
  );
}
