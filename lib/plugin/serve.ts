import type { Policy, PolicyFinding } from "../policy/mod.ts";
import { type Description, readQuestion, type Request } from "./message.ts";

/** Makes a policy what a plugin's process calls; `premigrate policy build` puts it around a policy. */
export function serve(
  policy: Policy,
): (request: Request) => Description | readonly (readonly PolicyFinding[])[] {
  return (request) => {
    const { evaluate, evaluateGuest } = policy.configure(request.options);
    if (request.kind === "describe") {
      const { id, title, documentation, match, codes, ...rest } = policy;
      const { judgesBytesAlone = false, attributes = [], judgesUnread = false } = rest;
      const told = { judgesBytesAlone, attributes, judgesUnread };
      const ofGuest = evaluateGuest !== undefined;
      return { id, title, documentation, match, ...told, codes, ofGuest };
    }
    return request.questions.map(readQuestion).map(({ pair, migration }) => [
      ...pair === undefined ? evaluateGuest?.(migration) ?? [] : evaluate(pair, migration),
    ]);
  };
}
