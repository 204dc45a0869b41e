const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;

/** A paused QEMU with one device, spoken to by QMP on its standard input and output. */
export class Qemu implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #answers: ReadableStreamDefaultReader<Uint8Array>;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array>;
  #said = "";
  /** Whether the process lives. */
  running = true;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#answers = child.stdout.getReader();
    this.#requests = child.stdin.getWriter();
    child.status.then(() => this.running = false);
  }

  /** Starts a machine with conventional PCI alone, so that bus 0 needs no firmware to be seen. */
  static async start(emulator: string, device: string, object?: string): Promise<Qemu> {
    const child = new Deno.Command(emulator, {
      args: [
        ...["-machine", "pc,accel=tcg", "-m", "16", "-nodefaults", "-display", "none", "-S"],
        ...["-qmp", "stdio", "-device", device],
        ...object === undefined ? [] : ["-object", object],
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const qemu = new Qemu(child);
    await qemu.#line();
    await qemu.#execute("qmp_capabilities", {});
    return qemu;
  }

  /** The first 256 bytes of the config space of function 0 of `slot`, as the guest reads them. */
  async readConfig(slot: number): Promise<Uint8Array> {
    const bytes = new DataView(new ArrayBuffer(256));
    for (let offset = 0; offset < 256; offset += 4) {
      await this.#monitor(`o /w ${CONFIG_ADDRESS} ${2 ** 31 + slot * 0x800 + offset}`);
      const [, word] = (await this.#monitor(`i /w ${CONFIG_DATA}`)).split("=");
      bytes.setUint32(offset, Number(word), true);
    }
    return new Uint8Array(bytes.buffer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) this.#child.kill();
    await this.#answers.cancel();
    await this.#requests.abort().catch(() => {});
    await this.#child.status;
  }

  async #monitor(line: string): Promise<string> {
    const answer = await this.#execute("human-monitor-command", { "command-line": line });
    return `${answer}`.trim();
  }

  async #execute(execute: string, commandArguments: object): Promise<unknown> {
    const request = JSON.stringify({ execute, arguments: commandArguments });
    await this.#requests.write(new TextEncoder().encode(`${request}\n`));
    while (true) {
      const answer = JSON.parse(await this.#line());
      if ("return" in answer) return answer.return;
      if ("error" in answer) throw new Error(answer.error.desc);
    }
  }

  async #line(): Promise<string> {
    while (!this.#said.includes("\n")) {
      const { value } = await this.#answers.read();
      if (value === undefined) throw new Error("QEMU ended");
      this.#said += new TextDecoder().decode(value);
    }
    const end = this.#said.indexOf("\n");
    const line = this.#said.slice(0, end);
    this.#said = this.#said.slice(end + 1);
    return line;
  }
}
