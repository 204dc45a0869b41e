import { closestString } from "@std/text/closest-string";
import { Command, ValidationError } from "@cliffy/command";
import { BUILT_IN, FORMER_IDS } from "../../../plugins/mod.ts";
import { decodeConfigSpace, parseBadConfig } from "../../policy/mod.ts";
import { explainBadConfig, explainCode, explainPolicy, findPages } from "../../report/mod.ts";
import { OWN } from "../../hook/codes.ts";
import { isNear } from "../near.ts";
import { readFunction } from "../options.ts";
import { print, printJson } from "../output.ts";
import { loadRegistry, PLUGIN_OPTION, POLICIES_OPTION } from "../policies.ts";

/** `explain`: the page of a policy, of a finding's code, or of QEMU's own line. */
export const explain = new Command<{ json?: true }>()
  .description("Explain a policy, a finding's code, or the line that QEMU printed.")
  .complete("page", () => BUILT_IN.flatMap(({ id, codes }) => [id, ...Object.keys(codes)]))
  .arguments("<id:string:page>")
  .option("--dump <dump:file>", "A dump of the destination's device, to name the field.")
  .option("--slot <address:string>", "The function to take from a dump that holds several.")
  .option(...POLICIES_OPTION)
  .option(...PLUGIN_OPTION)
  .example("A policy", "premigrate explain nvidia/vsc")
  .example("A code", "premigrate explain body-compared")
  .example(
    "QEMU's line",
    "premigrate explain 'Bad config data: i=0x4f read: 1c device: ee cmask: ff wmask: 0 w1cmask:0'",
  )
  .action(async ({ json, dump, slot, ...choices }, id) => {
    const { policies } = await loadRegistry(choices);
    const bad = parseBadConfig(id);
    if (bad !== undefined) {
      const bytes = dump === undefined ? undefined : (await readFunction(dump, slot)).bytes;
      const space = bytes === undefined ? undefined : decodeConfigSpace(bytes);
      const explanation = explainBadConfig(bad, space);
      if (json === true) printJson({ ...bad, ...explanation });
      else print(explanation.text);
      return;
    }
    const texts = underCurrentIds(id);
    const named = policies.flatMap(({ policy }) => texts.includes(policy.id) ? [policy] : []);
    if (named.length > 0) {
      const [first, ...others] = named.map((policy) => ({ ...policy, options: undefined }));
      if (json === true) printJson(others.length === 0 ? first : [first, ...others]);
      else print(named.map(explainPolicy).join("\n"));
      return;
    }
    // Reports write "POLICY CODE"; the same with a slash is plain enough.
    const spaced = texts.map((text) => text.replace(/\/(?=[^/ ]*$)/, " "));
    const pages = [...new Set([...texts, ...spaced])]
      .flatMap((text) => findPages([OWN, ...policies], text));
    if (pages.length === 0) {
      const known = [
        ...Object.keys(OWN.policy.codes),
        ...policies.flatMap(({ policy: { id, codes } }) => [id, ...Object.keys(codes)]),
      ];
      const word = id.slice(0, 100);
      const closest = closestString(word, known);
      const meant = known.find((other) => other.endsWith(`/${word}`)) ??
        (isNear(word, closest) ? closest : undefined);
      const hint = meant === undefined ? "See premigrate policies" : `Did you mean "${meant}"?`;
      throw new ValidationError(
        `Cannot explain "${word}": it is no policy, no code and no line of QEMU. ${hint}`,
      );
    }
    if (json === true) printJson(pages);
    else print(pages.map(explainCode).join("\n"));
  });

/** A policy, or one of its codes, under the ids that took the place of the one that it had. */
function underCurrentIds(text: string): string[] {
  const [, id = "", code = ""] = /^([^ :]+)(.*)$/.exec(text.trim()) ?? [];
  return FORMER_IDS.get(id)?.map((policy) => policy.id + code) ?? [text];
}
