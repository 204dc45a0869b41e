import CHILD from "./child.js" with { type: "text" };
import type { ProcessOptions } from "./process.ts";
import RUN from "./run.sh" with { type: "text" };

/** Plugins run by the Deno that runs now, wherever premigrate is. */
export const OWN_RUNNER: ProcessOptions = {
  runner: [
    "/bin/sh",
    "-c",
    RUN,
    "sh",
    Deno.execPath(),
    `data:text/javascript,${encodeURIComponent(CHILD)}`,
  ],
  // Nothing waits for the command line but its user, and a busy machine takes seconds to start a Deno.
  seconds: 10,
};
