/**
 * Headless Chromium, driven by the DevTools protocol.
 *
 * @module
 */
import { assert } from "@std/assert";

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome"];

const SWITCHES = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
  "--remote-debugging-port=0",
];

/** The browser that is installed. */
export function findChromium(): string | undefined {
  return PROGRAMS.find((program) => {
    try {
      return new Deno.Command("sh", { args: ["-c", `command -v ${program}`] }).outputSync().success;
    } catch {
      return false;
    }
  });
}

/** What a command of the protocol is answered, or an event. */
type Parameters = Readonly<Record<string, unknown>>;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Parameters;
  readonly result?: Parameters;
  readonly error?: { readonly message: string };
}

/** One page in a browser of its own. */
export class Page implements AsyncDisposable {
  readonly #browser: Deno.ChildProcess;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (message: Message) => void>();
  /** The events that came, in order. */
  readonly events: { readonly method: string; readonly params: Parameters }[] = [];
  #session: unknown;
  #sent = 0;

  private constructor(browser: Deno.ChildProcess, folder: string, socket: WebSocket) {
    this.#browser = browser;
    this.#folder = folder;
    this.#socket = socket;
    socket.onmessage = ({ data }): void => {
      const message: Message = JSON.parse(data);
      if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
      else if (message.method !== undefined) {
        this.events.push({ method: message.method, params: message.params ?? {} });
      }
    };
  }

  /** Starts the browser with an empty page. */
  static async open(program: string): Promise<Page> {
    const folder = await Deno.makeTempDir();
    const browser = new Deno.Command(program, {
      args: [...SWITCHES, `--user-data-dir=${folder}`, "about:blank"],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const socket = new WebSocket(await debuggerAddress(browser));
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    const page = new Page(browser, folder, socket);
    const { targetId } = await page.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await page.send("Target.attachToTarget", { targetId, flatten: true });
    page.#session = sessionId;
    for (const domain of ["Page", "Runtime", "Log", "Network", "Accessibility"]) {
      await page.send(`${domain}.enable`);
    }
    return page;
  }

  /** Sends a command and waits for its result. */
  async send(method: string, params: Parameters = {}): Promise<Parameters> {
    const id = ++this.#sent;
    const answer = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    const { result, error } = await answer;
    assert(error === undefined, `${method}: ${error?.message}`);
    return result ?? {};
  }

  /** Goes to an address and waits until all of it is loaded. */
  async load(url: string): Promise<void> {
    const from = this.events.length;
    await this.send("Page.navigate", { url });
    while (!this.events.slice(from).some(({ method }) => method === "Page.loadEventFired")) {
      await this.evaluate("0");
    }
  }

  /** The value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    assert(exceptionDetails === undefined, JSON.stringify(exceptionDetails));
    return typeof result === "object" && result !== null && "value" in result
      ? result.value
      : undefined;
  }

  /** Presses a key that types no character. */
  async press(key: string): Promise<void> {
    const code = { key, code: key, windowsVirtualKeyCode: KEY_CODES[key] };
    await this.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...code });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...code });
  }

  /** Ends the browser. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#session = undefined;
    const closed = new Promise((resolve) => this.#socket.onclose = resolve);
    this.#socket.send(JSON.stringify({ id: ++this.#sent, method: "Browser.close" }));
    await Promise.all([closed, this.#browser.status]);
    await Deno.remove(this.#folder, { recursive: true });
  }
}

const KEY_CODES: Readonly<Record<string, number>> = {
  Tab: 9,
  Escape: 27,
  End: 35,
  Home: 36,
  ArrowRight: 39,
  ArrowDown: 40,
};

/** The browser says on its standard error where it listens. */
async function debuggerAddress(browser: Deno.ChildProcess): Promise<string> {
  const errors = browser.stderr.pipeThrough(new TextDecoderStream());
  let text = "";
  for await (const piece of errors.values({ preventCancel: true })) {
    text += piece;
    const [, address] = /DevTools listening on (ws:\S+)\s/.exec(text) ?? [];
    if (address === undefined) continue;
    // A full pipe would stop the browser.
    errors.pipeTo(new WritableStream()).catch(() => {});
    return address;
  }
  throw new Error(`Starting Chromium: found no address to drive it by in ${text}`);
}
