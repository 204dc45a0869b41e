import type { CodePage, RegisteredPolicy } from "../policy/mod.ts";
import { remediesOf } from "./explain.ts";
import { ENGINE } from "./findings.ts";

/**
 * Policies with all their codes as one Markdown page: each policy's own page, and what `explain`
 * says of its codes.
 *
 * @param own premigrate's own codes.
 *
 * @example
 * ```ts
 * import { BUILT_IN, Registry } from "premigrate";
 * import { assertStringIncludes } from "@std/assert";
 *
 * assertStringIncludes(policiesPage(Registry.from(BUILT_IN).policies), "\n## nvidia/vsc\n");
 * ```
 */
export function policiesPage(policies: readonly RegisteredPolicy[], own = ENGINE): string {
  return [
    "# Policies",
    "The policies that come with premigrate, with every code that their findings can have. This page " +
    "is made of the registry (`deno task docs`); `premigrate explain` shows the same.",
    ...policies.flatMap(({ policy: { id, title, documentation, codes } }) => [
      `## ${id}`,
      `**${title}**`,
      documentation.trim().replace(/^# .*\n+/, "").replaceAll(
        // In a block of code a number sign is no heading.
        /^```[^]*?^```$|^#(?=#* )/gm,
        (found) => found === "#" ? "##" : found,
      ),
      ...codeBlocks(codes),
    ]),
    `## ${own.policy.id}`,
    "**What kept a policy from being applied**",
    ...codeBlocks(own.policy.codes),
  ].join("\n\n") + "\n";
}

function codeBlocks(codes: Readonly<Record<string, CodePage>>): string[] {
  return Object.entries(codes).flatMap(([code, { severity, title, about, ...page }]) => [
    `### \`${code}\` (${severity})`,
    `${title}.`,
    prose(about),
    ...remediesOf(page).map(prose),
  ]);
}

/** The sentences of a code are plain text, but for code between backquotes. */
function prose(text: string): string {
  return text.replaceAll(
    /`[^`]*`|[\\*_[\]<>&|~]/g,
    (found) => found.startsWith("`") ? found : `\\${found}`,
  );
}
