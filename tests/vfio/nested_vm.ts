/**
 * A virtual machine with VFIO, for a machine that has none: made of Debian's packages, emulated
 * throughout, and gone when its script has ended.
 *
 * @module
 */
import { encodeHex } from "@std/encoding/hex";
import { readLines } from "../../lib/facts/files.ts";
import { print } from "../../lib/cli/output.ts";

/** Why there can be no VM here. */
export class NestedVmError extends Error {
  constructor(message: string) {
    super(`Cannot test on VFIO here: ${message}`);
    this.name = "NestedVmError";
  }
}

/** A folder of this machine that the VM sees at the same path. */
export interface Share {
  readonly tag: string;
  readonly path: string;
  readonly writable?: boolean;
}

const HERE = new URL(".", import.meta.url).pathname;
const IMAGE_SOURCES = ["image.sh", "vm_init.sh", "config_mdev.c"];
const PACKAGES: Readonly<Record<string, string>> = {
  "mmdebstrap": "mmdebstrap",
  "mke2fs": "e2fsprogs",
  "qemu-system-x86_64": "qemu-system-x86",
};
const LONGEST_LINE = 65_536;
// The VM ends with this process, and what is left to do is done.
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * @param folders Those of this machine that the VM is to see.
 * @throws {NestedVmError} When this machine cannot prepare or run the VM, and what it lacks.
 */
export async function checkMachine(folders: readonly string[]): Promise<void> {
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") {
    throw new NestedVmError("wanted Linux on x86_64");
  }
  if (Deno.uid() !== 0) throw new NestedVmError("wanted root: the VM's disk holds root's files");
  // They are on the kernel's command line, and in QEMU's arguments.
  const unfit = folders.find((path) => !/^[\w/.+-]+$/.test(path));
  if (unfit !== undefined) {
    throw new NestedVmError(`found the folder ${unfit}, wanted letters, digits and /._+- alone`);
  }
  if (!await hasProgram("apt-get")) {
    throw new NestedVmError("found no apt-get, wanted Debian 12 or later");
  }
  const missing: string[] = [];
  for (const [program, name] of Object.entries(PACKAGES)) {
    if (!await hasProgram(program)) missing.push(name);
  }
  if (missing.length > 0) {
    const install = `apt-get install --no-install-recommends ${missing.join(" ")}`;
    throw new NestedVmError(`programs are missing: ${install}`);
  }
}

/**
 * Makes the VM's image in a folder below `cache`, unless one of the same making is there.
 *
 * @returns The image's folder.
 * @throws {NestedVmError} When it cannot be made.
 */
export async function prepareImage(cache: string, tell: (text: string) => void): Promise<string> {
  // Who comes second finds the image, or makes it.
  using lock = await Deno.open(`${cache}/lock`, { create: true, write: true });
  await lock.lock(true);
  const folder = `${cache}/image-${await digestSources()}`;
  if (await exists(`${folder}/complete`)) return folder;
  for await (const { name } of Deno.readDir(cache)) {
    if (name.startsWith("image-")) await Deno.remove(`${cache}/${name}`, { recursive: true });
  }
  tell(`Preparing the nested VM in ${folder}: a minute or two, once`);
  const { success } = await new Deno.Command("sh", {
    args: [`${HERE}image.sh`, folder, Deno.execPath()],
    stdin: "null",
  }).spawn().status;
  if (!success) {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
    throw new NestedVmError("its image could not be made, see above");
  }
  await Deno.writeTextFile(`${folder}/complete`, "");
  return folder;
}

/**
 * Starts the VM, which runs the script `run` of the share `work`, and shows what it prints.
 *
 * @returns The script's exit code.
 * @throws {NestedVmError} When the VM ended without one.
 */
export async function runInVm(
  image: string,
  shares: readonly Share[],
  minutes: number,
): Promise<number> {
  const work = shares.find(({ tag }) => tag === "work")?.path ?? "";
  const names = shares.map(({ tag, path }) => `${tag}:${path}`).join(",");
  const child = new Deno.Command("timeout", {
    args: [
      ...["--foreground", "--kill-after=5", `${minutes}m`, "qemu-system-x86_64"],
      ...["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "3072"],
      ...["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"],
      ...["-kernel", `${image}/vmlinuz`, "-initrd", `${image}/initrd.img`],
      "-append",
      "console=ttyS0 quiet loglevel=3 mitigations=off intel_iommu=on root=/dev/vda rw " +
      `init=/usr/local/sbin/vm-init shares=${names}`,
      ...["-drive", `file=${image}/root.ext4,if=virtio,format=raw,snapshot=on`],
      // A PCI function that the VM can give to VFIO, at 01:00.0.
      ...["-device", "intel-iommu", "-device", "pcie-root-port,id=p1,addr=8.0"],
      ...["-device", "e1000e,bus=p1,romfile="],
      ...shares.flatMap(({ tag, path, writable = false }) => [
        "-fsdev",
        `local,id=${tag},path=${path},security_model=none,multidevs=remap,` +
        `readonly=${writable ? "off" : "on"}`,
        ...["-device", `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
      ]),
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const end = (): void => child.kill();
  for (const signal of SIGNALS) Deno.addSignalListener(signal, end);
  await showConsole(child.stdout);
  const { code } = await child.status;
  for (const signal of SIGNALS) Deno.removeSignalListener(signal, end);
  if (code === 124) throw new NestedVmError(`the VM was ended after ${minutes} minutes`);
  const exit = await Deno.readTextFile(`${work}/exit`).catch(() => "");
  if (!/^\d+\n$/.test(exit)) throw new NestedVmError(`the VM ended early, its QEMU with ${code}`);
  return Number(exit);
}

/** The kernel's own lines are left out: `vm_init.sh` shows those that matter. */
async function showConsole(output: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
  for await (const line of readLines(output, LONGEST_LINE)) {
    if (line !== undefined && !/^\[ *\d+\.\d+\] /.test(line)) print(`${line.trimEnd()}\n`);
  }
}

async function digestSources(): Promise<string> {
  const sources = IMAGE_SOURCES.map((name) => Deno.readTextFileSync(`${HERE}${name}`));
  const text = [Deno.version.deno, ...sources].join("\0");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return encodeHex(digest).slice(0, 16);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function hasProgram(name: string): Promise<boolean> {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin"];
  for (const folder of folders) if (await exists(`${folder}/${name}`)) return true;
  return false;
}
