import { encodeBase64 } from "@std/encoding/base64";
import * as v from "valibot";
import { oneLine } from "../facts/one_line.ts";
import { type ProgramEnd, runProgram } from "../facts/run_program.ts";
import { ENGINE_CODES, engineFinding, fillMessage, type Finding } from "../policy/mod.ts";
import CHILD from "./child.js" with { type: "text" };
import type { Request } from "./message.ts";
import { ReplySchema } from "./schema.ts";

/** A code plugin that is listed. */
export interface CodePlugin {
  /** What findings call it as long as it has not said its id. */
  readonly name: string;
  /** The JavaScript that `premigrate policy build` made. */
  readonly code: Uint8Array;
}

/** A plugin that failed, in whatever way. */
export class PluginError extends Error {
  /** What there is to say of it. */
  readonly finding: Finding;

  /** With the code of the engine's finding, and its data. */
  constructor(code: keyof typeof ENGINE_CODES, data: Finding["data"]) {
    super(fillMessage(ENGINE_CODES[code].message, data));
    this.name = "PluginError";
    this.finding = engineFinding(code, undefined, data);
  }
}

/** How the processes of plugins are run. */
export interface ProcessOptions {
  /** A folder for Deno's notes on what was tried. */
  readonly folder: string;
  /** How long each may take. */
  readonly seconds: number;
}

const HEAP_MIB = 128;
// With what Deno itself takes, and V8 reserves for code (512 MiB); what is outside V8's heap counts.
const DATA_KIB = 1024 * 1024;
// Deno's notes; in blocks of 512 bytes.
const FILE_BLOCKS = 128;
const LARGEST_ANSWER = 4 * 1024 * 1024;
// V8 ends a process that is out of memory by SIGTRAP.
const OUT_OF_MEMORY = 128 + 5;

const LIMITED = `ulimit -d ${DATA_KIB} && ulimit -f ${FILE_BLOCKS} && exec "$0" "$@"`;
const ARGUMENTS = [
  "run",
  "--no-prompt",
  "--no-config",
  "--no-lock",
  "--no-remote",
  "--no-npm",
  "--no-code-cache",
  "--quiet",
  `--v8-flags=--max-old-space-size=${HEAP_MIB}`,
  `data:text/javascript,${encodeURIComponent(CHILD)}`,
];

/**
 * Asks a plugin in a process of its own, which has no permission at all.
 *
 * @throws {PluginError} Whatever goes wrong.
 */
export async function askPlugin(
  { name: id, code }: CodePlugin,
  request: Request,
  { folder, seconds }: ProcessOptions,
): Promise<unknown> {
  const notes = `${folder}/${crypto.randomUUID()}`;
  const end = await runProgram("/bin/sh", ["-c", LIMITED, Deno.execPath(), ...ARGUMENTS], {
    limit: LARGEST_ANSWER,
    signal: AbortSignal.timeout(seconds * 1000),
    input: JSON.stringify({ code: encodeBase64(code), request }),
    env: {
      DENO_AUDIT_PERMISSIONS: notes,
      DENO_DIR: "/dev/null/none",
      DENO_NO_UPDATE_CHECK: "1",
      NO_COLOR: "1",
    },
  });
  const permission = await firstNoted(notes);
  if (permission !== undefined) throw new PluginError("plugin-reached-out", { id, permission });
  return readReply(id, end, seconds);
}

function readReply(id: string, end: ProgramEnd, seconds: number): unknown {
  const { kind, code, stdout, stderr } = end;
  if (kind === "not-started") {
    throw new PluginError("plugin-not-started", { id, problem: oneLine(stderr) });
  }
  if (kind === "aborted") throw new PluginError("plugin-timed-out", { id, seconds });
  if (kind === "too-much") throw new PluginError("plugin-flooded", { id, bytes: LARGEST_ANSWER });
  if (code === OUT_OF_MEMORY) throw new PluginError("plugin-out-of-memory", { id });
  if (code !== 0 || stdout === "") throw new PluginError("plugin-ended", { id, status: code });
  const reply = readMessage(id, ReplySchema, parseJson(stdout));
  if ("threw" in reply) {
    throw new PluginError("plugin-threw", { id, problem: oneLine(reply.threw) });
  }
  return reply.answer;
}

/**
 * Holds what a plugin answered against a schema.
 *
 * @throws {PluginError} When it does not fit.
 */
export function readMessage<Schema extends v.GenericSchema>(
  id: string,
  schema: Schema,
  message: unknown,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, message, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const problem = oneLine(v.summarize(parsed.issues));
  throw new PluginError("plugin-nonsense", { id, problem });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function firstNoted(file: string): Promise<string | undefined> {
  try {
    const [, permission] = /"permission":"([a-z]+)"/.exec(await Deno.readTextFile(file)) ?? [];
    return permission;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
