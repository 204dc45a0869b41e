/**
 * The C library, as far as VFIO's reader needs it: files and folders of `/proc` and `/sys` too, which
 * Deno itself lets nobody read who may not do everything.
 *
 * `open`, `ioctl` and `syscall` are variadic in C and are called here as if they were not: Linux passes
 * such integers and pointers in the same registers either way, on x86_64 and on aarch64, the only two
 * that Deno runs on.
 *
 * @module
 */
import { PremigrateError } from "../../error/mod.ts";
import type { VfioAnswer, VfioRefusal } from "./answer.ts";
import { refuse, type VfioStep } from "./refusal.ts";
import { cString, VFIO_REQUEST } from "./structs.ts";

const O_CLOEXEC = 0x80000;
const O_RDWR = 2;
// The same on x86_64 and aarch64.
const SYS_PIDFD_OPEN = 434n;
const SYS_PIDFD_GETFD = 438n;
// struct dirent: d_ino, d_off, d_reclen, d_type
const D_NAME = 19;
const LONGEST_PATH = 4096;

/** Its functions. */
export const { symbols: libc } = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  ioctlNumber: { name: "ioctl", parameters: ["i32", "usize", "usize"], result: "i32" },
  ioctlStruct: { name: "ioctl", parameters: ["i32", "usize", "buffer"], result: "i32" },
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "isize" },
  opendir: { parameters: ["buffer"], result: "pointer" },
  readdir: { parameters: ["pointer"], result: "pointer" },
  closedir: { parameters: ["pointer"], result: "i32" },
  syscall: { parameters: ["i64", "i64", "i64", "i64"], result: "i64" },
  __errno_location: { parameters: [], result: "pointer" },
  strerror: { parameters: ["i32"], result: "pointer" },
});

/** An answer without bytes, on its way out. */
export class Refused extends PremigrateError {
  /** What is printed. */
  readonly answer: VfioRefusal;

  /** Its reason is the message. */
  constructor(answer: VfioRefusal) {
    super(answer.result, "Reading a VFIO device", answer.reason);
    this.answer = answer;
  }
}

/** What `read` gives, or why not. */
export function answerOf(read: () => VfioAnswer): VfioAnswer {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refused) return error.answer;
    throw error;
  }
}

/** Opens a device file; it is closed when `opened` is disposed of. */
export function open(opened: DisposableStack, step: VfioStep, path: string): number {
  const descriptor = libc.open(cString(path), O_RDWR | O_CLOEXEC);
  return closeLater(opened, check(step, `open ${path}`, descriptor));
}

/** Closes a descriptor when `opened` is disposed of: the last one opened first. */
export function closeLater(opened: DisposableStack, descriptor: number): number {
  return opened.adopt(descriptor, libc.close);
}

/** One of VFIO's requests. */
export function ioctl(
  step: VfioStep,
  doing: string,
  descriptor: number,
  request: keyof typeof VFIO_REQUEST,
  argument: Uint8Array<ArrayBuffer>,
): number {
  return check(step, doing, libc.ioctlStruct(descriptor, VFIO_REQUEST[request], argument));
}

/** `pidfd_open(2)`. */
export function openProcess(opened: DisposableStack, pid: number): number {
  const process = Number(libc.syscall(SYS_PIDFD_OPEN, BigInt(pid), 0n, 0n));
  return closeLater(opened, check("open-process", `find process ${pid}`, process));
}

/** `pidfd_getfd(2)`. */
export function copyDescriptor(
  opened: DisposableStack,
  doing: string,
  process: number,
  descriptor: number,
): number {
  const copy = Number(libc.syscall(SYS_PIDFD_GETFD, BigInt(process), BigInt(descriptor), 0n));
  return closeLater(opened, check("copy-descriptor", doing, copy));
}

/** The names in a folder; `undefined` where it is not there. */
export function listFolder(step: VfioStep, path: string): string[] | undefined {
  const folder = libc.opendir(cString(path));
  if (folder === null) {
    if (errno() === ENOENT) return undefined;
    check(step, `read ${path}`, -1);
  }
  const names: string[] = [];
  for (;;) {
    const entry = libc.readdir(folder);
    if (entry === null) break;
    const name = new Deno.UnsafePointerView(entry).getCString(D_NAME);
    if (name !== "." && name !== "..") names.push(name);
  }
  libc.closedir(folder);
  return names;
}

/** Where a symbolic link leads; `undefined` where it is not there. */
export function readLink(step: VfioStep, path: string): string | undefined {
  const target = new Uint8Array(LONGEST_PATH);
  const length = Number(libc.readlink(cString(path), target, BigInt(target.length)));
  if (length < 0 && errno() === ENOENT) return undefined;
  check(step, `read ${path}`, length);
  return new TextDecoder().decode(target.subarray(0, length));
}

/** A file's text, as far as `most` bytes. */
export function readText(step: VfioStep, path: string, most: number): string {
  const file = check(step, `open ${path}`, libc.open(cString(path), O_CLOEXEC));
  const bytes = new Uint8Array(most);
  let size = 0;
  try {
    for (;;) {
      const rest = bytes.subarray(size);
      const count = Number(libc.read(file, rest, BigInt(rest.length)));
      if (check(step, `read ${path}`, count) === 0) break;
      size += count;
    }
  } finally {
    libc.close(file);
  }
  return new TextDecoder().decode(bytes.subarray(0, size));
}

const ENOENT = 2;

/** What the last call left: nothing may come between that call and this one. */
function errno(): number {
  const location = libc.__errno_location();
  return location === null ? 0 : new Deno.UnsafePointerView(location).getInt32();
}

/** `result`, unless it is below 0: nothing may come between that call and this one. */
export function check(step: VfioStep, doing: string, result: number): number {
  if (result >= 0) return result;
  const number = errno();
  const error = libc.strerror(number);
  const text = error === null ? `error ${number}` : Deno.UnsafePointerView.getCString(error);
  throw new Refused(refuse(step, number, doing, text));
}
