import cases from "../../plugins/example/revision/cases.ts" with { type: "text" };
import codes from "../../plugins/example/revision/codes.ts" with { type: "text" };
import policy from "../../plugins/example/revision/policy.ts" with { type: "text" };
import page from "../../plugins/example/revision/README.md" with { type: "text" };
import { OutputError } from "../facts/files.ts";

const TEMPLATE = { "policy.ts": policy, "codes.ts": codes, "cases.ts": cases, "README.md": page };
const TEMPLATE_ID = "example/revision";

/**
 * Writes a policy to begin with into the folder of its id: the policy, its codes, cases and page.
 *
 * @returns The files.
 * @throws {OutputError} When there is one of them already.
 */
export async function writePolicyTemplate(id: string): Promise<string[]> {
  await Deno.mkdir(id, { recursive: true });
  const files = Object.entries(TEMPLATE).map(([name, text]) => ({ file: `${id}/${name}`, text }));
  for (const { file, text } of files) {
    try {
      await Deno.writeTextFile(file, text.replaceAll(TEMPLATE_ID, id), { createNew: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      throw new OutputError(file, "it is there already");
    }
  }
  return files.map(({ file }) => file);
}
