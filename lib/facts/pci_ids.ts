/** Where distributions keep the names of PCI devices. */
const FILES = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"];
// Five times what it is in 2026.
const LARGEST = 8 * 1024 * 1024;

/** What people call a device of these ids; `undefined` where nobody knows it. */
export type DeviceName = (vendor: number, device: number) => string | undefined;

/** Reads the host's list of names, once and when it is first asked for; without one nothing has a name. */
export function deviceNames(files: readonly string[] = FILES): DeviceName {
  let text: string | undefined;
  return (vendor, device) => nameIn(text ??= readFirst(files), vendor, device);
}

function readFirst(files: readonly string[]): string {
  for (const file of files) {
    try {
      const { isFile, size } = Deno.statSync(file);
      if (isFile && size <= LARGEST) return `\n${Deno.readTextFileSync(file)}\n`;
    } catch {
      // Names are a help and no more.
    }
  }
  return "";
}

/**
 * Finds a name: `VENDOR  NAME` is a vendor's line, `<tab>DEVICE  NAME` a device's below it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const text = "\n10de  NVIDIA Corporation\n\t1eb8  TU104GL [Tesla T4]\n\t\t10de 12a2  T4\n";
 * assertEquals(nameIn(text, 0x10de, 0x1eb8), "NVIDIA Corporation TU104GL [Tesla T4]");
 * assertEquals(nameIn(text, 0x10de, 0x1eb9), "NVIDIA Corporation");
 * ```
 */
export function nameIn(text: string, vendor: number, device: number): string | undefined {
  const start = text.indexOf(`\n${hex(vendor)}  `);
  if (start < 0) return undefined;
  const length = text.slice(start + 1).search(/\n[^\t#]/);
  const own = text.slice(start + 1, length < 0 ? undefined : start + 1 + length);
  const name = (line: string): string => line.slice(0, 200).trim();
  const [first = ""] = own.split("\n", 1);
  const at = own.indexOf(`\n\t${hex(device)}  `);
  const second = at < 0 ? "" : own.slice(at + 8).split("\n", 1)[0] ?? "";
  return name(`${name(first.slice(6))} ${name(second)}`);
}

function hex(id: number): string {
  return id.toString(16).padStart(4, "0");
}
