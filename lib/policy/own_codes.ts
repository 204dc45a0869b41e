import type { CodePage, Finding } from "./finding.ts";

/** The id under which premigrate's own findings stand. */
export const ENGINE_ID = "premigrate";

/** What keeps a migration from being decided; for each the operator chooses what becomes of it. */
export type Trouble = "hook" | "config" | "input" | "facts" | "policy" | "deadline" | "report";

/** The page of a code that is no policy's. */
export interface OwnCodePage extends CodePage {
  /** Which trouble it is; absent: `facts`. */
  readonly trouble?: Trouble;
}

/** Makes a finding of premigrate's own; `about` is the policy that it is about. */
export type OwnFinding<Code extends string> = (
  code: Code,
  device: string | undefined,
  data: Finding["data"],
  about?: string,
) => Finding;

/** What makes the findings of some of premigrate's own codes. */
export function findingsOf<Code extends string>(
  pages: Readonly<Record<Code, CodePage>>,
): OwnFinding<Code> {
  return (code, device, data, about) => ({
    policy: ENGINE_ID,
    code,
    severity: pages[code].severity,
    ...device === undefined ? {} : { device },
    ...about === undefined ? {} : { about },
    data,
  });
}
