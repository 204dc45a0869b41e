import { oneLine } from "../../facts/one_line.ts";
import { type Config, parseApplied, parseDuration } from "../../config/config.ts";
import { parseWaiver } from "../../config/waiver.ts";
import { compareConfigs, denoOf } from "../../config/apply.ts";
import { parseConfig } from "../../config/config_file.ts";
import { findOtherPlugins } from "../../config/listed_plugins.ts";
import { readSiteFolder } from "../../config/site_folder.ts";
import { agentState } from "../agent_unit.ts";
import { type Check, type Outcome, readApplied, readTextOf } from "./check.ts";

/** What the operator chose. */
export const CONFIG_CHECKS: readonly Check[] = [
  {
    area: "CONFIG",
    title: "that the applied configuration is whole",
    async run(installation): Promise<Outcome> {
      const { applied } = installation.paths;
      try {
        const { text, config: { mode } } = await readApplied(installation);
        if (denoOf(text) === undefined) return ["FAIL", `${applied} names no Deno`];
        return mode === "observe" ? ["WARN", "mode: observe refuses nothing"] : ["PASS"];
      } catch (error) {
        return ["FAIL", error instanceof Error ? error.message : String(error)];
      }
    },
  },
  {
    area: "CONFIG",
    title: "that it is what was configured",
    async run(installation): Promise<Outcome> {
      const { config: file, applied, policies } = installation.paths;
      const [text, before, site] = await Promise.all([
        readTextOf(installation, file),
        readTextOf(installation, applied),
        readSiteFolder(policies, { files: installation.host }),
      ]);
      if (text === undefined) return ["WARN", `there is no ${file}`];
      if (before === undefined) return ["WARN", `cannot be checked: there is no ${applied}`];
      const changes = compareConfigs(parseApplied(before), parseConfig(file, text, site));
      return changes.length === 0 ? ["PASS"] : [
        "WARN",
        `premigrate config apply: ${changes.slice(0, 5).map(({ key }) => key).join(", ")} differ`,
      ];
    },
  },
  {
    area: "CONFIG",
    title: "for code plugins",
    async run(installation): Promise<Outcome> {
      const { host, root, paths: { config: path, lib } } = installation;
      const { config } = await readApplied(installation);
      const plugins = Object.entries(config.loaded ?? {});
      for (const [id, { code }] of plugins) {
        const request = { kind: "describe", options: config.policies[id]?.options ?? {} };
        const input = JSON.stringify({ code, request });
        const { kind, code: status, stdout, stderr } = await host.run(
          `${lib}/plugin.sh`,
          [],
          input,
        );
        // What it tries to reach comes out by standard error, too.
        if (kind !== "ended" || stderr !== "" || !stdout.startsWith('{"answer":')) {
          const said = oneLine(stderr || stdout) || `it ended with ${status}`;
          return ["FAIL", `${id} does not answer: ${said}`];
        }
      }
      const others = await findOtherPlugins({ path, root }, config, host);
      return others.length > 0
        ? ["WARN", others.join(", ")]
        : ["PASS", plugins.length === 0 ? "there are none" : `${plugins.length} answer`];
    },
  },
  {
    area: "CONFIG",
    title: "for waivers in force",
    async run(installation): Promise<Outcome> {
      const { host, paths: { waivers } } = installation;
      const names = await host.list(waivers);
      if (names === undefined) return ["WARN", `cannot be checked: there is no ${waivers}`];
      const texts = await Promise.all(
        names.map((name) => readTextOf(installation, `${waivers}/${name}`)),
      );
      const inForce = texts.map((text) => parseWaiver(text ?? ""))
        .filter((waiver) => waiver !== undefined && waiver.until * 1000 > host.now());
      return inForce.length === 0
        ? ["PASS"]
        : ["WARN", `${inForce.length} in force: premigrate waive --list`];
    },
  },
  {
    area: "CONFIG",
    title: "that something tells of the source: stamps, or hosts",
    async run(installation): Promise<Outcome> {
      const { host, root } = installation;
      const { config: { agent: { interval }, maxAge, hosts, ...choices } } = await readApplied(
        installation,
      );
      const state = root === "" ? await agentState(host) : undefined;
      if (state === "active") {
        return (parseDuration(interval) ?? 0) < (parseDuration(maxAge) ?? 0) ? ["PASS"] : [
          "WARN",
          `the agent's stamps get older than maxAge: interval ${interval}, maxAge ${maxAge}`,
        ];
      }
      if (hosts.length > 0) return ["PASS", `the agent does not run; ${hosts.length} in hosts`];
      if (state === undefined) {
        return ["WARN", "cannot be checked: no systemd tells whether the agent runs"];
      }
      const problem = `hosts is empty, and the agent is ${state}`;
      const remedy = "systemctl enable --now premigrate-agent, on every host";
      return refusesUnknown(choices)
        ? ["FAIL", `${problem}: guests with devices will be refused: ${remedy}`]
        : ["WARN", `${problem}: ${remedy}`];
    },
  },
];

/** Whether a migration is refused, of some guest at least, when nothing tells of its source. */
function refusesUnknown(
  { mode, onTrouble, guests }: Pick<Config, "mode" | "onTrouble" | "guests">,
): boolean {
  return [{ mode, onTrouble }, ...Object.values(guests)].some((guest) =>
    (guest.mode ?? mode) === "enforce" && (guest.onTrouble.facts ?? onTrouble.facts) === "closed"
  );
}
