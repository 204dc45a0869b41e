import { definePolicy, type PolicyFinding, v } from "premigrate/policy";
import { CODES } from "./codes.ts";
import documentation from "./README.md" with { type: "text" };

/** Both devices have one revision. */
export default definePolicy({
  id: "example/revision",
  title: "Both devices have one revision",
  documentation,
  match: { vendors: [0x10de] },
  judgesBytesAlone: true,
  options: v.strictObject({}),
  codes: CODES,
  *evaluate(pair): Generator<PolicyFinding<typeof CODES>> {
    const [source, destination] = [pair.source, pair.destination].map(({ config }) =>
      config?.bytes[0x08]
    );
    if (source === undefined) yield { code: "revision-not-known", data: { side: "source" } };
    if (destination === undefined) {
      yield { code: "revision-not-known", data: { side: "destination" } };
    }
    if (source === undefined || destination === undefined || source === destination) return;
    yield { code: "other-revision", offset: 0x08, data: { source, destination } };
  },
});
