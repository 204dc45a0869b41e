import * as v from "valibot";
import { isAttributeName, MOST_ATTRIBUTES } from "../policy/attributes.ts";
import type { Description } from "./message.ts";

const MOST_FINDINGS = 1000;

/** A text of one line. */
const line = (longest: number): v.GenericSchema<string> =>
  v.pipe(v.string(), v.minLength(1), v.maxLength(longest), v.regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u));
const list = <T>(item: v.GenericSchema<T>): v.GenericSchema<T[]> =>
  v.pipe(v.array(item), v.maxLength(1024));
const number = (most: number): v.GenericSchema<number> =>
  v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(most));

const Severity = v.picklist(["veto", "undecided", "warn", "info"]);
const Code = v.pipe(v.string(), v.maxLength(64), v.regex(/^[a-z0-9]+(-[a-z0-9]+)*$/));

/** What a plugin may say of itself. */
export const DescriptionSchema: v.GenericSchema<unknown, Description> = v.pipe(
  v.strictObject({
    id: v.pipe(v.string(), v.maxLength(64), v.regex(/^[a-z0-9-]+\/[a-z0-9-]+$/)),
    title: line(200),
    documentation: v.pipe(
      v.string(),
      v.maxLength(65_536),
      v.regex(/^(?:[\n\t]|[^\p{C}\p{Zl}\p{Zp}])*$/u),
    ),
    match: v.strictObject({
      vendors: v.exactOptional(list(number(0xffff))),
      devices: v.exactOptional(list(number(0xffff))),
      baseClasses: v.exactOptional(list(number(0xff))),
      drivers: v.exactOptional(list(line(64))),
      unclaimed: v.exactOptional(v.literal(true)),
      vouches: v.exactOptional(v.literal(false)),
    }),
    judgesBytesAlone: v.exactOptional(v.boolean()),
    judgesUnread: v.exactOptional(v.boolean()),
    needs: v.exactOptional(list(line(64))),
    attributes: v.exactOptional(v.pipe(
      v.array(v.pipe(v.string(), v.check(isAttributeName, "no name of a sysfs attribute"))),
      v.maxLength(MOST_ATTRIBUTES),
    )),
    codes: v.pipe(
      v.record(
        Code,
        v.strictObject({
          severity: Severity,
          title: line(200),
          message: line(1000),
          remedy: line(1000),
          remedies: v.exactOptional(v.pipe(v.record(line(64), line(1000)), v.maxEntries(16))),
          about: line(4000),
        }),
      ),
      v.maxEntries(256),
    ),
    ofGuest: v.boolean(),
  }),
  // A plugin that was built before there was `judgesBytesAlone` lists the facts that it needs.
  v.transform(({ needs, ...description }) =>
    needs === undefined
      ? description
      : { ...description, judgesBytesAlone: needs.every((fact) => fact === "config") }
  ),
);

/** What a plugin may answer to `count` questions. */
export function answersSchema(
  codes: readonly string[],
  count: number,
): v.GenericSchema<v.InferOutput<typeof Findings>[]> {
  const ofCodes = v.pipe(
    Findings,
    v.check((findings) => findings.every(({ code }) => codes.includes(code)), "no such code"),
  );
  return v.pipe(v.array(ofCodes), v.length(count));
}

const Findings = v.pipe(
  v.array(v.strictObject({
    code: Code,
    severity: v.exactOptional(Severity),
    offset: v.exactOptional(number(4095)),
    data: v.exactOptional(v.pipe(
      v.record(
        v.pipe(v.string(), v.maxLength(64), v.regex(/^\w+$/)),
        v.union([
          v.pipe(v.string(), v.maxLength(1000)),
          v.pipe(v.number(), v.finite()),
          v.boolean(),
        ]),
      ),
      v.maxEntries(32),
    )),
  })),
  v.maxLength(MOST_FINDINGS),
);

/** What the process of a plugin prints. */
export const ReplySchema = v.union([
  v.strictObject({ answer: v.unknown() }),
  v.strictObject({ threw: v.string() }),
]);
