import { Command } from "@cliffy/command";
import { parseApplied } from "../../config/config.ts";
import { pathsBelow } from "../../config/paths.ts";
import { applyConfig, flattenConfig, readConfig } from "../../config/apply.ts";
import { printable } from "../../report/printable.ts";
import { readText } from "../../facts/files.ts";
import { noCommand, parseRoot } from "../options.ts";
import { print, printJson } from "../output.ts";

const check = new Command<{ json?: true }>()
  .description(
    "Check a configuration, by default /etc/premigrate/config.yaml, the site's policies and the plugins.",
  )
  .option("--root <dir:file>", "The folder below which premigrate is installed.")
  .arguments("[file:file]")
  .example("Before it is applied", "premigrate config check")
  .action(async ({ json, root: dir }, file) => {
    const root = parseRoot(dir);
    const { loaded: _, ...config } = await readConfig(root, { file });
    if (json) return printJson(config);
    print(`${printable(file ?? pathsBelow(root).config)}: can be applied\n`);
  });

const apply = new Command<{ json?: true }>()
  .description("Apply /etc/premigrate/config.yaml to the hook.")
  .option("--root <dir:file>", "The folder below which premigrate is installed.")
  .example("After a change", "sudo premigrate config apply")
  .action(async ({ json, root }) => {
    const { path, changes, damage } = await applyConfig(parseRoot(root));
    const isAgents = changes.some(({ key }) => key.startsWith("agent."));
    const next = isAgents ? ["systemctl try-restart premigrate-agent"] : [];
    if (json) return printJson({ path, changes, damage, next });
    if (damage !== undefined) print(`changed   ${path} (the one before was damaged)\n`);
    else print(`${changes.length === 0 ? "unchanged" : "changed  "} ${path}\n`);
    for (const { key, from, to } of changes) {
      print(printable(`  ${key}: ${show(from)} -> ${show(to)}`) + "\n");
    }
    print(next.map((step) => `next: ${step}\n`).join(""));
  });

const show = (value: unknown): string =>
  value === undefined ? "(none)" : typeof value === "string" ? value : JSON.stringify(value);

const showApplied = new Command<{ json?: true }>()
  .description("Print the applied configuration, defaults included.")
  .option("--root <dir:file>", "The folder below which premigrate is installed.")
  .example("As JSON", "premigrate config show --json")
  .action(async ({ json, root }) => {
    const config = parseApplied(await readText(pathsBelow(parseRoot(root)).applied));
    const { loaded: _, ...choices } = config;
    if (json) return printJson(choices);
    for (const [key, value] of flattenConfig(config)) {
      print(printable(`${key}: ${show(value)}`) + "\n");
    }
  });

/** `config`: what the operator chose. */
export const config = new Command<{ json?: true }>()
  .description("Check, apply or show the configuration of the hook.")
  .example("After a change", "sudo premigrate config apply")
  .action(noCommand)
  .command("check", check)
  .command("apply", apply)
  .command("show", showApplied);
