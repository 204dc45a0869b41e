import { PremigrateError } from "../error/mod.ts";
import { encodeBase64 } from "@std/encoding/base64";
import * as v from "valibot";
import { oneLine } from "../facts/one_line.ts";
import { type ProgramEnd, runProgram } from "../facts/run_program.ts";
import { fillMessage, type Finding } from "../policy/mod.ts";
import { PLUGIN_CODES, pluginFinding } from "./codes.ts";
import type { Request } from "./message.ts";
import { ReplySchema } from "./schema.ts";

export interface CodePlugin {
  /** What findings call it as long as it has not said its id. */
  readonly name: string;
  /** The JavaScript that `premigrate policy build` made. */
  readonly code: Uint8Array;
  /** What the site chose for it; absent: its defaults. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A plugin that failed, in whatever way. */
export class PluginError extends PremigrateError {
  /** The finding about it. */
  readonly finding: Finding;

  /** With the finding's code and data; `id` is the plugin's. */
  constructor(
    code: keyof typeof PLUGIN_CODES,
    data: Finding["data"] & { readonly id: string },
    details?: string,
  ) {
    super(code, `Asking plugin ${data.id}`, fillMessage(PLUGIN_CODES[code].message, data), details);
    // It names the plugin itself.
    this.message = this.problem;
    this.finding = pluginFinding(code, undefined, data, data.id);
  }
}

/** How the processes of plugins are run. */
export interface ProcessOptions {
  /** What becomes the Deno without permissions: lib/plugin/run.sh, one way or the other. */
  readonly runner: readonly [program: string, ...args: string[]];
  /** How long each may take. */
  readonly seconds: number;
  /** Ends them all. */
  readonly signal?: AbortSignal;
}

const LARGEST_ANSWER = 4 * 1024 * 1024;
// V8 ends a process that is out of memory by SIGTRAP.
const OUT_OF_MEMORY = 128 + 5;

/**
 * Asks a plugin in a process of its own, which has no permission at all.
 *
 * @throws {PluginError} Whatever goes wrong.
 */
export async function askPlugin(
  { name: id, code }: CodePlugin,
  request: Request,
  { runner: [program, ...args], seconds, signal }: ProcessOptions,
): Promise<unknown> {
  const timeout = AbortSignal.timeout(seconds * 1000);
  const end = await runProgram(program, args, {
    limit: LARGEST_ANSWER,
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    graceMs: 0,
    input: JSON.stringify({ code: encodeBase64(code), request }),
    env: {},
  });
  const [, run, noted] = /"permission":(?:"read","value":"(run)"|"([a-z]+)")/.exec(end.stderr) ??
    [];
  const permission = run ?? noted;
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
    const { threw } = reply;
    const problem = oneLine(threw);
    const isWhole = !threw.includes("\n") && !problem.endsWith("...");
    throw new PluginError("plugin-threw", { id, problem }, isWhole ? "" : threw);
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
