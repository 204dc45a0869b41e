const ATTRIBUTE = /\s([\w:.-]+)\s*=\s*(?:"[^"]*"|'[^']*')/g;
const QEMU_ELEMENT = /<[\w.-]+:(?:arg|env)\s[^<>]*>/g;
const SECRET = /secret|passw|token/i;

/**
 * A domain XML without what may be a password: attributes whose names say so (`passwd`), and values
 * of `<qemu:arg>` and `<qemu:env>` that speak of one. libvirt itself leaves out the passwords that
 * it knows of, unless asked with `--security-info`.
 *
 * @example
 * ```ts
 * import { hideSecrets } from "./hide_secrets.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(hideSecrets("<graphics type='vnc' passwd='x'/>"), "<graphics type='vnc'/>");
 * assertEquals(hideSecrets("<qemu:arg value='secret,data=x'/>"), "<qemu:arg value='...'/>");
 * ```
 */
export function hideSecrets(xml: string): string {
  return xml
    .replace(ATTRIBUTE, (attribute, name: string) => /passw/i.test(name) ? "" : attribute)
    .replace(
      QEMU_ELEMENT,
      (element) =>
        SECRET.test(element)
          ? element.replace(
            ATTRIBUTE,
            (whole, name) => name === "value" ? whole.replace(/=[^]*/, "='...'") : whole,
          )
          : element,
    );
}
