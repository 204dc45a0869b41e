import { EnumType } from "@cliffy/command";
import { pathsBelow } from "../config/paths.ts";
import { version } from "../config/version.ts";
import { EXIT_CODES } from "./output.ts";

/** What the page needs of Cliffy's `Command`. */
export interface ManCommand {
  getName(): string;
  getDescription(): string;
  getArguments(): readonly ManArgument[];
  getOptions(): readonly ManOption[];
  getExamples(): readonly { readonly name: string; readonly description: string }[];
  getCommands(): readonly ManCommand[];
  getType(name: string): { readonly handler: unknown } | undefined;
}

interface ManArgument {
  readonly name: string;
  readonly type: string;
  readonly description?: string;
  readonly optional?: boolean;
  readonly variadic?: boolean;
}

interface ManOption {
  readonly flags: readonly string[];
  readonly description: string;
  readonly args: readonly ManArgument[];
  readonly global?: boolean | undefined;
  readonly required?: boolean | undefined;
  readonly default?: unknown;
}

const LAYOUT = pathsBelow();

const FILES: readonly (readonly [path: string, what: string])[] = [
  [LAYOUT.config, "What the hook does on this host. After a change: `premigrate config apply`."],
  [`${LAYOUT.policies}/`, "The site's policies, a YAML file for each."],
  [LAYOUT.applied, "What `premigrate config apply` made of both: all that the hook reads."],
  [LAYOUT.hook, "The hook, as libvirt finds it."],
  [LAYOUT.audit, "A line for each decision."],
  [`${LAYOUT.reports}/`, "A file for each decision: the evidence."],
  [`${LAYOUT.lib}/`, "The programs."],
];

const STATUSES = [
  [EXIT_CODES.allow, "Allow, or the command did what was asked."],
  [EXIT_CODES.veto, "Veto; `premigrate doctor`: a line says FAIL."],
  [EXIT_CODES.unusable, "Usage, or an input that cannot be read: nothing was decided."],
  [EXIT_CODES.undecided, "Undecided: a fact is missing, and the finding says which."],
] as const;

/**
 * The manual page, in man(7): one for all commands, as virsh(1) is.
 *
 * @example
 * ```ts
 * import { manPage } from "./man.ts";
 * import { Command } from "@cliffy/command";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const main = new Command().name("premigrate").description("Predict.")
 *   .command("inspect", new Command().option("--bus <name:string>", "The bus."));
 * assertStringIncludes(manPage(main), "\\fB\\-\\-bus\\fR \\fIname\\fR\nThe bus.");
 * ```
 */
export function manPage(main: ManCommand): string {
  const name = main.getName();
  const lines = [
    `.TH ${name.toUpperCase()} 1 "" "${name} ${version}"`,
    // No hyphens that are not in the text.
    ".nh",
    ".SH NAME",
    `${name} \\- ${
      roff(main.getDescription().replace(/^./, (it) => it.toLowerCase()).replace(/\.$/, ""))
    }`,
    ".SH SYNOPSIS",
    `\\fB${name}\\fR \\fIcommand\\fR [\\fIoption\\fR ...] [\\fIargument\\fR ...]`,
    ".SH DESCRIPTION",
    roff(
      "Before a libvirt live migration starts, this tells whether the guest's VFIO devices will arrive intact. QEMU compares each device's PCI config space with the source's only after all memory has been sent; premigrate makes the same comparison first, and applies vendor policies to what QEMU skips. Its hook makes libvirt refuse a migration that would fail.",
    ),
    ".PP",
    roff("`premigrate explain` has a page for every policy and for every finding's code."),
    ".SH OPTIONS",
    ...main.getOptions().flatMap((option) => optionLines(main, option)),
    ".SH COMMANDS",
    ...main.getCommands().flatMap((command) => commandLines(command, name)),
    ".SH EXIT STATUS",
    ...STATUSES.flatMap(([code, what]) => entry(`\\fB${code}\\fR`, what)),
    ".SH FILES",
    ...FILES.flatMap(([path, what]) => entry(`\\fI${roff(path)}\\fR`, what)),
    ".SH SEE ALSO",
    "\\fBvirsh\\fR(1), \\fBlibvirtd\\fR(8), \\fBvirtqemud\\fR(8)",
  ];
  return `${lines.join("\n")}\n`;
}

function commandLines(command: ManCommand, parent: string): string[] {
  const path = `${parent} ${command.getName()}`;
  const own = command.getOptions().filter(({ global }) => !global);
  const usage = [...command.getArguments(), ...own.filter(({ required }) => required)]
    .map((it) => ` ${"flags" in it ? optionText(it) : signature(it)}`).join("");
  return [
    `.SS ${roff(path)}${usage}`,
    ...paragraphs(command.getDescription()),
    ...command.getArguments().flatMap((it) => {
      const text = sentence(it.description ?? "", valuesOf(command, it));
      return text === "" ? [] : entry(signature(it), text);
    }),
    ...own.flatMap((option) => optionLines(command, option)),
    ...command.getExamples().flatMap(({ name, description }) => [
      ".PP",
      `${roff(name)}:`,
      ...code(description),
    ]),
    ...command.getCommands().flatMap((child) => commandLines(child, path)),
  ];
}

function optionLines(command: ManCommand, option: ManOption): string[] {
  const more = [
    ...option.required ? ["required"] : [],
    ...option.default === undefined ? [] : [`default: ${option.default}`],
    ...option.args.flatMap((it) => valuesOf(command, it)),
  ];
  return entry(optionText(option), sentence(option.description, more));
}

function optionText({ flags, args }: ManOption): string {
  return [flags.map((flag) => `\\fB${roff(flag)}\\fR`).join(", "), ...args.map(signature)].join(
    " ",
  );
}

function signature({ name, optional, variadic }: ManArgument): string {
  const text = `\\fI${roff(name)}\\fR${variadic ? " ..." : ""}`;
  return optional ? `[${text}]` : text;
}

function valuesOf(command: ManCommand, { type }: ManArgument): string[] {
  const handler = command.getType(type)?.handler;
  return handler instanceof EnumType ? [`one of ${handler.values().join(", ")}`] : [];
}

function sentence(text: string, more: readonly string[]): string {
  return [text, ...more.length === 0 ? [] : [`(${more.join("; ")})`]].join(" ").trim();
}

const entry = (what: string, text: string): string[] => [".TP", what, roff(text)];

const code = (text: string): string[] => [".PP", ".RS 4", ".EX", roff(text), ".EE", ".RE"];

/** Indented lines are code. */
function paragraphs(text: string): string[] {
  return text.trim().split(/\n\s*\n/).flatMap((part, index) => {
    if (/^ /.test(part)) return code(part.replace(/^ +/gm, ""));
    return [...index === 0 ? [] : [".PP"], roff(part)];
  });
}

/** Plain text, in which a hyphen and a quote stay what they are; what is between backticks is bold. */
function roff(text: string): string {
  return text.replace(/\\/g, "\\e")
    .replace(
      /[-'^~]/g,
      (it) => ({ "-": "\\-", "'": "\\(aq", "^": "\\(ha", "~": "\\(ti" })[it] ?? it,
    )
    .replace(/`([^`\n]+)`/g, "\\fB$1\\fR")
    .replace(/`/g, "\\(ga")
    .replace(/^\./gm, "\\&.");
}
