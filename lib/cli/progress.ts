/** Tells what is being waited for, on a terminal's last line; nowhere else. */
export class Progress implements Disposable {
  readonly #isShown = Deno.stderr.isTerminal();

  /** Replaces the line. */
  show(text: string): void {
    if (this.#isShown) Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
  }

  /** Removes the line. */
  [Symbol.dispose](): void {
    this.show("");
  }
}
