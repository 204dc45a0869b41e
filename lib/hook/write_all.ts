/** Writes a text to the end: one write may take a part of it only. */
export function writeAll(
  file: { writeSync(bytes: Uint8Array<ArrayBuffer>): number },
  text: string,
): void {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(file.writeSync(bytes));
}
