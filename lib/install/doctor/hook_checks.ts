import { findOtherHooks } from "../host_steps.ts";
import { repairOf } from "../manifest.ts";
import { type Check, type Outcome, readTextOf } from "./check.ts";

// What editors, package managers and people append to a copy.
const STRAY =
  /~$|\.(bak|backup|orig|old|save|rej|swp|rpmsave|rpmnew|rpmorig|dpkg-\w+|ucf-\w+|disabled|off)$/i;

/** Hooks that are known by what is in them, the first that fits. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/vdsm/i, "VDSM's"],
  [/cloudstack/i, "CloudStack's"],
  [/nvswitch|fabric.?manager/i, "NVIDIA's for NVSwitch partitions"],
  [/hooks\.json|libvirt-hook-qemu/, "libvirt-hook-qemu's"],
  [/HOOKPATH|qemu\.d\//, "a dispatcher of qemu.d/GUEST, as VFIO-Tools'"],
];

// As `qemu.d/*`, `ls qemu.d` or `run-parts qemu.d`, but not `qemu.d/$GUEST/*`, as VFIO-Tools' has it.
const RUNS_ALL = /qemu\.d(?!["']?\/["']?[$%{<(])/;

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** The hook itself, and what runs beside it. */
export const HOOK_CHECKS: readonly Check[] = [
  {
    area: "HOOK",
    title: "for the folder qemu.d",
    async run({ host, paths: { hook } }): Promise<Outcome> {
      const stat = await host.stat(folderOf(hook));
      if (stat === undefined) return ["FAIL", `there is no ${folderOf(hook)}`];
      return stat.kind === "folder" ? ["PASS"] : ["FAIL", `${folderOf(hook)} is no folder`];
    },
  },
  {
    area: "HOOK",
    title: "for the hook, and that it is executable",
    async run({ host, manifest, paths: { hook } }): Promise<Outcome> {
      const stat = await host.stat(hook);
      if (stat === undefined) return ["FAIL", `there is no ${hook}: ${repairOf(manifest)}`];
      if (stat.kind !== "file") return ["FAIL", `${hook} is no file`];
      // libvirt skips it without a word (virFileIsExecutable).
      if ((stat.mode & 0o111) === 0) return ["FAIL", `chmod 755 ${hook}: libvirt skips it`];
      if ((stat.mode & 0o022) !== 0) return ["FAIL", `chmod 755 ${hook}: others may write it`];
      return ["PASS"];
    },
  },
  {
    area: "HOOK",
    title: "that the hook is that of the programs",
    async run(installation): Promise<Outcome> {
      const { hook, lib } = installation.paths;
      const [there, wanted] = await Promise.all([
        readTextOf(installation, hook),
        readTextOf(installation, `${lib}/launcher.sh`),
      ]);
      if (there === undefined) return ["FAIL", `there is no ${hook}`];
      if (wanted === undefined) return ["FAIL", `there is no ${lib}/launcher.sh`];
      return there === wanted ? ["PASS"] : ["FAIL", `${hook} differs from ${lib}/launcher.sh`];
    },
  },
  {
    area: "HOOK",
    title: "for copies in qemu.d that run too",
    async run({ host, root, paths: { hook } }): Promise<Outcome> {
      const strays = (await findOtherHooks(host, root)).filter((path) =>
        STRAY.test(path) || nameOf(path).startsWith(".") ||
        nameOf(path).includes(nameOf(hook))
      );
      return strays.length === 0
        ? ["PASS"]
        : ["WARN", `libvirt runs every executable file: ${strays.join(", ")}`];
    },
  },
  {
    area: "HOOK",
    title: "for another hook at hooks/qemu",
    async run(installation): Promise<Outcome> {
      const { host, root } = installation;
      const path = (await findOtherHooks(host, root)).find((path) => nameOf(path) === "qemu");
      if (path === undefined) return ["PASS"];
      const text = await readTextOf(installation, path) ?? "";
      const code = text.replaceAll(/^\s*#.*$/gm, "");
      if (RUNS_ALL.test(code)) {
        return [
          "WARN",
          "it seems to run what is in qemu.d, as libvirt does: premigrate runs a second time there, where a veto " +
          "counts only if every status is handed on; let it leave out what libvirt runs",
        ];
      }
      const whose = KNOWN.find(([pattern]) => pattern.test(text))?.[1] ?? "somebody else's";
      return ["PASS", `there is ${whose}, which runs before`];
    },
  },
  {
    area: "HOOK",
    title: "for hooks that run after it",
    async run({ host, root, paths: { hook } }): Promise<Outcome> {
      // By bytes, as libvirt sorts them (virHookCall).
      const later = (await findOtherHooks(host, root)).filter((path) =>
        folderOf(path) === folderOf(hook) && nameOf(path) > nameOf(hook)
      );
      return later.length === 0
        ? ["PASS"]
        : ["WARN", `if they fail, their message is shown instead: ${later.map(nameOf).join(", ")}`];
    },
  },
];
