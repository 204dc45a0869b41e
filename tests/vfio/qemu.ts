import { readLines } from "../../lib/facts/files.ts";

const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
// The q35's PCIEXBAR, at which its firmware would put the ECAM window too.
const ECAM = 0xb0000000;

// 4096 bytes of a dump are 20 KB.
const LONGEST_ANSWER = 1024 * 1024;

// Of MigrationStatus; a QEMU that waits for one says "setup" or "active".
const ENDED = ["completed", "failed", "cancelled"];

/** A function in a guest, for which firmware need not have run. */
export interface GuestFunction {
  readonly bus: number;
  readonly slot: number;
}

/** A paused QEMU, spoken to by QMP on its standard input and output. */
export class Qemu implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #answers: AsyncGenerator<string | undefined>;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array>;
  /** What it printed on standard error, once it has ended. */
  readonly ended: Promise<string>;
  #running = true;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#answers = readLines(child.stdout, LONGEST_ANSWER);
    this.#requests = child.stdin.getWriter();
    this.ended = new Response(child.stderr).text().then(async (text) => {
      const { signal } = await child.status;
      this.#running = false;
      return signal === null ? text : `${text}ended by ${signal}\n`;
    });
  }

  /** Its process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Whether the process lives. */
  get running(): boolean {
    return this.#running;
  }

  /** Starts a machine; what QEMU said, where it refused to. It greets before it opens devices. */
  static async start(emulator: string, args: readonly string[]): Promise<Qemu | string> {
    const child = new Deno.Command(emulator, {
      args: [
        ...["-accel", "tcg", "-m", "16", "-nodefaults", "-display", "none", "-S", "-qmp", "stdio"],
        ...args,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const qemu = new Qemu(child);
    try {
      await qemu.execute("qmp_capabilities");
      return qemu;
    } catch {
      await qemu[Symbol.asyncDispose]();
      return await qemu.ended;
    }
  }

  /** Runs a QMP command. */
  async execute(execute: string, commandArguments: object = {}): Promise<unknown> {
    const request = JSON.stringify({ execute, arguments: commandArguments });
    await this.#requests.write(new TextEncoder().encode(`${request}\n`));
    while (true) {
      const line = await this.#line();
      if (line === undefined) throw new Error(`QEMU ended: ${await this.ended}`);
      const answer = JSON.parse(line);
      if ("return" in answer) return answer.return;
      if ("error" in answer) throw new Error(`${execute}: ${answer.error.desc}`);
    }
  }

  /** The state of the migration, as `query-migrate` tells it; `undefined` once QEMU has ended. */
  async migrationStatus(): Promise<string | undefined> {
    try {
      const info = await this.execute("query-migrate");
      return typeof info === "object" && info !== null && "status" in info
        ? String(info.status)
        : "none";
    } catch (error) {
      await Promise.race([this.ended, delay(1000)]);
      if (!this.#running) return undefined;
      throw error;
    }
  }

  /** Whether a migration that was begun has come to no end. */
  async isMigrating(): Promise<boolean> {
    const status = await this.migrationStatus();
    return status !== undefined && !ENDED.includes(status);
  }

  /** Numbers the bus behind the bridge in `slot` of bus 0, as firmware would. */
  async numberBus(slot: number, bus: number): Promise<void> {
    await this.writeConfig({ bus: 0, slot }, 0x18, bus << 8 | bus << 16);
  }

  /** Writes a register of 32 bits, as the guest does. */
  async writeConfig(at: GuestFunction, offset: number, value: number): Promise<void> {
    await this.#select(at, offset);
    await this.#monitor(`o /w ${CONFIG_DATA} ${value >>> 0}`);
  }

  /** The first 256 bytes of a function's config space, as the guest reads them. */
  async readConfig(at: GuestFunction): Promise<Uint8Array> {
    const bytes = new DataView(new ArrayBuffer(256));
    for (let offset = 0; offset < 256; offset += 4) {
      await this.#select(at, offset);
      const [, word] = (await this.#monitor(`i /w ${CONFIG_DATA}`)).split("=");
      bytes.setUint32(offset, Number(word), true);
    }
    return new Uint8Array(bytes.buffer);
  }

  /** All 4096 bytes, of a q35. */
  async readExpressConfig(at: GuestFunction): Promise<Uint8Array> {
    const mch = { bus: 0, slot: 0 };
    await this.writeConfig(mch, 0x64, 0);
    await this.writeConfig(mch, 0x60, ECAM | 1);
    const window = ECAM + (at.bus << 20) + (at.slot << 15);
    const dump = await this.#monitor(`xp /1024xw ${window}`);
    const words = Array.from(dump.matchAll(/ 0x([0-9a-f]{8})/g), ([, hex = ""]) => hex);
    if (words.length !== 1024) throw new Error(`Reading the ECAM window: ${dump.slice(0, 200)}`);
    const bytes = new DataView(new ArrayBuffer(4096));
    for (const [index, hex] of words.entries()) bytes.setUint32(4 * index, parseInt(hex, 16), true);
    return new Uint8Array(bytes.buffer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#running) this.#child.kill("SIGKILL");
    await this.#requests.abort().catch(() => {});
    await this.#answers.return(undefined);
    await this.ended;
  }

  async #select({ bus, slot }: GuestFunction, offset: number): Promise<void> {
    const address = (2 ** 31 + bus * 0x10000 + slot * 0x800 + offset) >>> 0;
    await this.#monitor(`o /w ${CONFIG_ADDRESS} ${address}`);
  }

  async #monitor(line: string): Promise<string> {
    return `${await this.execute("human-monitor-command", { "command-line": line })}`.trim();
  }

  async #line(): Promise<string | undefined> {
    const { value } = await this.#answers.next();
    return value;
  }
}

/** The version of an emulator: `11.1.3`. */
export async function qemuVersion(emulator: string): Promise<string> {
  const { stdout } = await new Deno.Command(emulator, { args: ["--version"] }).output();
  const [, version = ""] = / version (\d+\.\d+\.\d+)/.exec(new TextDecoder().decode(stdout)) ?? [];
  return version;
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
