/** A number in hexadecimal, of so many digits at least. */
export function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
