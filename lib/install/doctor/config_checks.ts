import { oneLine } from "../../facts/one_line.ts";
import { parseApplied, parseDuration } from "../../config/config.ts";
import { parseWaiver } from "../../config/waiver.ts";
import { compareConfigs, denoOf } from "../../config/apply.ts";
import { parseConfig } from "../../config/config_file.ts";
import { findOtherPlugins } from "../../config/listed_plugins.ts";
import { readSiteFolder } from "../../config/site_folder.ts";
import { type Check, type Outcome, readTextOf } from "./check.ts";

/** What the operator chose. */
export const CONFIG_CHECKS: readonly Check[] = [
  {
    area: "CONFIG",
    title: "that the applied configuration is whole",
    async run(installation): Promise<Outcome> {
      const { applied } = installation.paths;
      const text = await readTextOf(installation, applied);
      if (text === undefined) return ["FAIL", `there is no ${applied}: premigrate config apply`];
      try {
        const { mode } = parseApplied(text);
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
      if (before === undefined) return ["FAIL", `there is no ${applied}`];
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
      const { host, root, paths: { applied, config: path, lib } } = installation;
      const config = parseApplied(await readTextOf(installation, applied) ?? "");
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
    title: "for the agent",
    async run(installation): Promise<Outcome> {
      const { host, paths, root } = installation;
      const text = await readTextOf(installation, paths.applied);
      const { agent: { enabled, interval }, maxAge } = parseApplied(text ?? "");
      const { stdout } = await host.run("systemctl", ["is-active", "premigrate-agent"]);
      const state = stdout.trim();
      if (!enabled) {
        return state === "active"
          ? ["WARN", "it runs, but agent.enabled is false: nothing is recorded at a guest's start"]
          : ["PASS", "it is not enabled"];
      }
      if (state === "" || root !== "") return ["WARN", "cannot be checked without systemd"];
      if ((parseDuration(interval) ?? 0) >= (parseDuration(maxAge) ?? 0)) {
        return ["WARN", `its stamps get older than maxAge: interval ${interval}, maxAge ${maxAge}`];
      }
      return state === "active"
        ? ["PASS"]
        : ["FAIL", `it is ${state}: systemctl enable --now premigrate-agent`];
    },
  },
];
