import policy from "../../plugins/example/revision/policy.ts" with { type: "text" };
import { outputError } from "../facts/files.ts";

const TEMPLATE_ID = "example/revision";

/**
 * Writes a policy to begin with into the folder of its id.
 *
 * @returns The file.
 * @throws {PremigrateError} When it is there already.
 */
export async function writePolicyTemplate(id: string): Promise<string> {
  await Deno.mkdir(id, { recursive: true });
  const file = `${id}/policy.ts`;
  try {
    await Deno.writeTextFile(file, policy.replaceAll(TEMPLATE_ID, id), { createNew: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    throw outputError(file, "it is there already");
  }
  return file;
}
