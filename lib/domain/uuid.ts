/** A UUID in its canonical spelling. */
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The canonical spelling of a UUID, from any that libvirt's `virUUIDParse` takes; `undefined` for
 * anything else.
 */
export function parseUuid(text: string): string | undefined {
  const digits = text.replace(/[-\s]/g, "").toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(digits)) return undefined;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
