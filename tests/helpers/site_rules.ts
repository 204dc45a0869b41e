import type { Config } from "../../lib/config/config.ts";
import { parseSiteFile } from "../../lib/config/site_folder.ts";

/** A site's policy with one requirement. */
export function siteOf(requirement: string, match = "{}"): NonNullable<Config["site"]> {
  const { name, cases: _, ...rules } = parseSiteFile(
    "test.yaml",
    `name: test
title: as the site has it
match: ${match}
require: [{${requirement}}]
severity: veto
message: It is {destination}
remedy: Choose another host.
`,
  );
  return { [name]: rules };
}
