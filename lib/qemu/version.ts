import { PremigrateError } from "../error/mod.ts";

/** A QEMU version that cannot be read. */
export class QemuVersionError extends PremigrateError {
  /** Quotes the first 80 characters of the text. */
  constructor(text: string) {
    super(
      "qemu-version",
      "Cannot read the QEMU version",
      `found ${JSON.stringify(text.slice(0, 80))}, wanted something like "9.1" or "7.2.22"`,
    );
  }
}

/** The versions whose rules the model knows, first and last, as `[major, minor]`. */
export const MODELLED_VERSIONS = { first: [5, 2], last: [11, 1] } as const;

/**
 * A QEMU release, as far as its rules depend on it.
 *
 * @example
 * ```ts
 * import { parseQemuVersion } from "premigrate/qemu";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const version = parseQemuVersion("7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)");
 * assertEquals(String(version), "7.2.22");
 * assert(!version.atLeast(9, 1));
 * ```
 */
export class QemuVersion {
  /** Of numbers as QEMU counts its releases. */
  constructor(
    /** The first number. */
    readonly major: number,
    /** The second number. */
    readonly minor: number,
    /** The third number, where it is known: it changes no rule of the model. */
    readonly micro?: number,
  ) {}

  /** Whether this release is `major.minor` or later. */
  atLeast(major: number, minor: number): boolean {
    return this.major > major || (this.major === major && this.minor >= minor);
  }

  /** Whether the model was written from this release's source (5.2 to 11.1). */
  get modelled(): boolean {
    const { first, last } = MODELLED_VERSIONS;
    return this.atLeast(...first) && !this.atLeast(last[0], last[1] + 1);
  }

  /** The version as QEMU writes it. */
  toString(): string {
    return [this.major, this.minor, this.micro].filter((n) => n !== undefined).join(".");
  }

  /** As {@linkcode toString}, so that findings and reports carry plain text. */
  toJSON(): string {
    return this.toString();
  }
}

// What follows the numbers: a release candidate (-rc2), a distribution's own (+dfsg-7, ~rc1, ubuntu1), and
// what QEMU puts in brackets (QEMU_PKGVERSION).
const AFTER = /^(?:ubuntu\d{1,4})?(?:[-+~][\w.+~:-]{0,200})?(?:\s+\(.{0,500}\))?\s*$/;

/**
 * Reads a version as QEMU, libvirt or a package prints it: of it only the numbers count. A
 * development version (`9.0.50`) has the rules of the release it leads to, as QEMU counts them.
 *
 * @throws {QemuVersionError} When the text is no version, such as `9.1evil`.
 *
 * @example
 * ```ts
 * import { parseQemuVersion } from "premigrate/qemu";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseQemuVersion("9.0.50").atLeast(9, 1), true);
 * ```
 */
export function parseQemuVersion(text: string): QemuVersion {
  const match = /^\s*v?(\d{1,3})\.(\d{1,3})(?:\.(\d{1,4}))?(?![\d.])/.exec(text);
  if (match === null || !AFTER.test(text.slice(match[0].length))) throw new QemuVersionError(text);
  const [major, minor] = [Number(match[1]), Number(match[2])];
  if (match[3] === undefined) return new QemuVersion(major, minor);
  const micro = Number(match[3]);
  return micro >= 50 && micro < 100
    ? nextRelease(major, minor)
    : new QemuVersion(major, minor, micro);
}

// A year has the releases N.0, N.1 and N.2 (since 4.0).
function nextRelease(major: number, minor: number): QemuVersion {
  return minor >= 2 ? new QemuVersion(major + 1, 0) : new QemuVersion(major, minor + 1);
}
