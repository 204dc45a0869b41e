import { ValidationError } from "@cliffy/command";
import { parseDomain } from "../../domain/mod.ts";
import { readParsed } from "../../facts/files.ts";
import { parseFacts } from "../../facts/mod.ts";
import { policySet } from "../../config/policy_set.ts";
import { judge, type QemuVersion } from "../../policy/mod.ts";
import { rulesOfFile, settleBy } from "../destination_rules.ts";
import { type Output, showAnswers } from "../output.ts";
import { judgeBy, loadRules, type PolicyChoices } from "../policies.ts";

/** What `check` is told of a migration, and how to answer. */
export interface CheckChoices extends PolicyChoices {
  readonly machine: string | undefined;
  readonly qemu: QemuVersion | undefined;
  readonly postCopy: boolean;
  readonly output: Output;
}

/** Judges a guest, or all devices of the source, from files. */
export async function checkFiles(
  { source, destination, domain, output, ...choices }: CheckChoices & {
    readonly source: string;
    readonly destination: string;
    readonly domain?: string | undefined;
  },
): Promise<void> {
  if ([source, destination, domain].filter((path) => path === "-").length > 1) {
    throw new ValidationError('Cannot read standard input ("-") twice');
  }
  const from = await readParsed(source, parseFacts);
  const to = await readParsed(destination, parseFacts);
  const guest = domain === undefined
    ? undefined
    : await readParsed(domain, (xml) => parseDomain(xml, to.host.networks));
  const rules = await loadRules(choices);
  const { machine, qemu, postCopy } = choices;
  const question = { source: from, destination: to, guest, machine, qemu, postCopy };
  const answer = await judgeBy(
    rules,
    (plugins) => judge({ ...question, registry: policySet(rules.config, plugins) }),
  );
  showAnswers([settleBy(answer, rulesOfFile(rules, to.host.name), guest?.uuid)], output);
}
