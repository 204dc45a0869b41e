/** What a program did. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with `stdin` as its standard input. */
export async function runProgram(
  program: string | URL,
  options: Pick<Deno.CommandOptions, "args" | "clearEnv" | "cwd" | "env">,
  stdin: string | Uint8Array<ArrayBuffer> = "",
): Promise<Finished> {
  const piped = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  const child = new Deno.Command(program, { ...options, ...piped }).spawn();
  // A program that does not read its standard input to the end breaks the pipe.
  const written = new Blob([stdin]).stream().pipeTo(child.stdin).catch(() => {});
  const [{ code, stdout, stderr }] = await Promise.all([child.output(), written]);
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}
