import { ValidationError } from "@cliffy/command";
import { parseDomain } from "../../domain/mod.ts";
import { readParsed } from "../../facts/files.ts";
import { parseFacts } from "../../facts/mod.ts";
import { judge, type QemuVersion } from "../../policy/mod.ts";
import { type Output, showAnswers } from "../output.ts";
import { loadAll, type PolicyChoices } from "../policies.ts";

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
  const all = await loadAll(choices);
  const { machine, qemu, postCopy } = choices;
  const question = { source: from, destination: to, guest, machine, qemu, postCopy };
  const answer = await all.judge((registry) => judge({ ...question, registry }));
  showAnswers([answer], output);
}
