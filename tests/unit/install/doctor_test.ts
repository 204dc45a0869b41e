import { assert, assertEquals, assertMatch } from "@std/assert";
import * as v from "valibot";
import type { ProgramEnd } from "../../../lib/facts/run_program.ts";
import { ConfigSchema, writeApplied } from "../../../lib/config/config.ts";
import { pathsBelow } from "../../../lib/config/paths.ts";
import { CHECKS, diagnose, diagnosisText } from "../../../lib/install/doctor/doctor.ts";
import { install } from "../../../lib/install/install.ts";
import { MANIFEST, writeManifest } from "../../../lib/install/manifest.ts";
import { parseSiteFile } from "../../../lib/config/site_folder.ts";
import type { Stat } from "../../../lib/facts/host_files.ts";
import { HOST_IO, type HostIo } from "../../../lib/install/host_io.ts";
import type { Trial } from "../../../lib/install/hook_trial.ts";
import { version } from "../../../lib/config/version.ts";
import { markOf } from "../../../lib/install/file_entry.ts";
import { DIST, withRoot } from "../../helpers/install_host.ts";
import { withHost } from "../../helpers/probe_hosts.ts";
import { runScript } from "../../helpers/probe_shells.ts";
import { FakeSysfs, makeConfig } from "../../helpers/probe_tree.ts";

const DAY = 86_400_000;
const NOW = Date.parse("2026-11-22T12:00:00Z");
const HOOKS = "/etc/libvirt/hooks";
const HOOK = `${HOOKS}/qemu.d/90-premigrate`;
const LIB = "/usr/lib/premigrate";
const WAIVERS = "/var/lib/premigrate/waivers";
const { applied: APPLIED, config: CONFIG, policies: POLICIES } = pathsBelow();
const POLICY = `name: kernel
title: Kernels are 5.14 or later
match: {guest: prod-*}
require:
  - {fact: kernel, is: at least, value: 5.14}
severity: veto
message: The destination's kernel is {destination}
remedy: Choose another host.
`;
const LAUNCHER = "#!/bin/sh\n";
const PROGRAM = "1;\n";
const UNDECIDED = '{"verdict":"undecided","trouble":"facts","report":"/a"}\n';
const DEVICE = "0000:00:01.0";

function applied(choices: unknown, deno = "/usr/bin/deno", policy?: string): string {
  const config = v.parse(ConfigSchema, choices);
  if (policy === undefined) return writeApplied({ deno, config });
  const { name, cases: _, ...rules } = parseSiteFile("a.yaml", policy);
  return writeApplied({ deno, config: { ...config, site: { [name]: rules } } });
}

function withPlugin(): string {
  const plugins = { "a/b": { file: "a.js", digest: "0".repeat(64) } };
  const description = {
    id: "a/b",
    title: "T",
    documentation: "",
    match: {},
    codes: {},
    ofGuest: false,
  };
  const config = v.parse(ConfigSchema, { plugins });
  return writeApplied({
    deno: "/usr/bin/deno",
    config: { ...config, loaded: { "a/b": { description, code: "" } } },
  });
}

const said = (stdout: string, code = 0, stderr = ""): ProgramEnd => ({
  kind: "ended",
  code,
  stdout,
  stderr,
});
const ABSENT: ProgramEnd = { kind: "not-started", code: 0, stdout: "", stderr: "not there" };

const NETWORKS = "/var/cache/premigrate/networks";

interface FakeFile {
  readonly text: string;
  readonly mode?: number;
  readonly changed?: number;
  readonly kind?: Stat["kind"];
}

/** A host as a table: what is at each path, and what each command line answers by how it begins. */
interface Host {
  files: Record<string, FakeFile>;
  programs: Record<string, ProgramEnd>;
  trial: Trial;
  cache: string | Error;
}

const [PROBED, HEADER_ONLY] = await Promise.all([readProbe(256), readProbe(64)]);

/** A host where all is well. */
async function soundHost(): Promise<Host> {
  const mark = await markOf(new TextEncoder().encode(PROGRAM));
  const folder = { text: "", mode: 0o700, kind: "folder" } as const;
  return {
    files: {
      [`${HOOKS}/qemu.d`]: { ...folder, mode: 0o755 },
      [HOOK]: { text: LAUNCHER, mode: 0o755, changed: NOW - 2 * DAY },
      [`${LIB}/launcher.sh`]: { text: LAUNCHER },
      [`${LIB}/hook.js`]: { text: PROGRAM },
      [`${LIB}/hook.js.sha256`]: { text: `${mark}\n` },
      [MANIFEST]: {
        text: writeManifest({
          version,
          files: { [`${LIB}/hook.js`]: mark, "/usr/bin/premigrate": "-> a", [CONFIG]: "changed" },
          folders: [],
        }),
      },
      "/usr/bin/deno": { text: "", mode: 0o755 },
      [APPLIED]: { text: applied({}) },
      [CONFIG]: { text: "" },
      [WAIVERS]: folder,
      "/var/log/premigrate": folder,
      "/var/log/premigrate/reports": folder,
      [NETWORKS]: { text: "premigrate networks 1\nplain default\npool no - vfs\nend\n" },
      "/run/libvirt/network": folder,
      "/run/libvirt/network/default.xml": { text: "" },
      "/run/virtqemud.pid": { text: "42\n" },
      "/proc/42/comm": { text: "virtqemud\n" },
      "/proc/uptime": { text: `${7 * 86_400}.00 1.00\n` },
      // Started a day ago.
      "/proc/42/stat": {
        text: `42 (virt) qemud) S ${"0 ".repeat(18)}${6 * 86_400 * 100} 0 0\n`,
      },
    },
    programs: {
      "virtqemud --version": said("virtqemud (libvirt) 10.0.0\n"),
      "systemctl show virtqemud": said("MainPID=42\nStateChangeTimestampMonotonic=5\n"),
      "systemctl is-active": said("active\n"),
      "env -i /usr/bin/deno --version": said("deno 2.9.6 (stable)\n"),
      [`env -i ${HOOK}`]: said(""),
      "timedatectl show": said("yes\n"),
      "ls /sys/bus/pci/devices": said(`${DEVICE}\n0000:00:02.0\n`),
      [`env -i sh ${LIB}/probe.sh`]: said(PROBED),
      "test -w": said(""),
      "df -Pk": said("Filesystem 1024-blocks Used Available\n/dev/sda 9 9 999999 1% /\n"),
      "df -Pi": said("Filesystem Inodes IUsed IFree\n/dev/sda 9 9 999999 1% /\n"),
    },
    trial: { end: said("", 1, "premigrate: UNDECIDED"), audit: UNDECIDED },
    cache: "libvirt 10.0.0, /usr/bin/qemu 8.2.0",
  };
}

/** What the real probe says of a device with so many bytes of config space. */
async function readProbe(size: 64 | 256): Promise<string> {
  let report = "";
  await withHost(new FakeSysfs(), async (host) => {
    host.addFunction(DEVICE, { config: makeConfig(size, [1, 2]) });
    ({ stdout: report } = await runScript(["sh"], ["--sysfs", host.root, DEVICE]));
  });
  return report.replace(/^attr uid s \d+$/m, "attr uid s 0");
}

function hostIoOf({ files, programs, trial, cache }: Host): HostIo {
  return {
    run(program, args): Promise<ProgramEnd> {
      const line = [program, ...args].join(" ");
      const key = Object.keys(programs).find((key) => line.startsWith(key));
      return Promise.resolve(programs[key ?? ""] ?? ABSENT);
    },
    read(path): Promise<Uint8Array<ArrayBuffer> | undefined> {
      const file = files[path];
      return Promise.resolve(file && new TextEncoder().encode(file.text));
    },
    stat(path): Promise<Stat | undefined> {
      const file = files[path];
      return Promise.resolve(
        file && {
          kind: file.kind ?? "file",
          mode: file.mode ?? 0o644,
          size: file.text.length,
          changed: file.changed ?? NOW - 2 * DAY,
        },
      );
    },
    list(path): Promise<string[] | undefined> {
      if (files[path] === undefined) return Promise.resolve(undefined);
      const names = Object.keys(files).filter((file) => file.startsWith(`${path}/`))
        .map((file) => file.slice(path.length + 1));
      return Promise.resolve(names.sort());
    },
    now: () => NOW,
    fillCache: () => cache instanceof Error ? Promise.reject(cache) : Promise.resolve(cache),
    tryHook: () => Promise.resolve(trial),
  };
}

async function gradesOf(host: Host, root = ""): Promise<Map<string, string>> {
  const lines = await Array.fromAsync(diagnose(hostIoOf(host), root));
  return new Map(
    lines.map((
      { title, grade, detail },
    ) => [title, detail === undefined ? grade : `${grade} ${detail}`]),
  );
}

Deno.test("doctor: a sound host has nothing but PASS", async () => {
  const grades = await gradesOf(await soundHost());
  assertEquals(grades.size, CHECKS.length);
  for (const [title, grade] of grades) {
    assertEquals(grade.split(" ")[0], "PASS", `${title} ${grade}`);
  }
});

Deno.test("doctor: a host where nothing answers has no PASS but for what is not there", async () => {
  const host: HostIo = {
    run: () => Promise.resolve(ABSENT),
    read: () => Promise.reject(new Error("Permission denied")),
    stat: () => Promise.reject(new Error("Permission denied")),
    list: () => Promise.reject(new Error("Permission denied")),
    now: () => NOW,
    fillCache: () => Promise.reject(new Error("no libvirt")),
    tryHook: () => Promise.reject(new Error("no hook")),
  };
  for await (const { title, grade, detail } of diagnose(host, "")) {
    assert(grade !== "PASS", title);
    assert(detail !== undefined, title);
  }
});

type Change = (host: Host) => void;

const setFile = (path: string, file: Partial<FakeFile> | undefined): Change => ({ files }) => {
  const { [path]: old, ...others } = files;
  // In place: the host is made anew for each case.
  for (const key of Object.keys(files)) delete files[key];
  Object.assign(files, others, file === undefined ? {} : { [path]: { text: "", ...old, ...file } });
};
const setProgram = (line: string, end: ProgramEnd): Change => ({ programs }) => {
  programs[line] = end;
};
const all = (...changes: readonly Change[]): Change => (host) => {
  for (const change of changes) change(host);
};
const script = (text = "#!/bin/sh\n"): Partial<FakeFile> => ({ text, mode: 0o755 });

const RECENT = { changed: NOW - 1000 };
const waiver = (until: number): string =>
  `premigrate-waiver 1\nid 0badcafe\nuntil ${until / 1000}\nreason x\nend\n`;

const SOURCE = "that something tells of the source: stamps, or hosts";
const INACTIVE = setProgram("systemctl is-active", said("inactive\n", 3));
const ENFORCED = { "5f1c8a52-6f43-4c6e-9a0e-4d7c5a1f2b3c": { mode: "enforce" } };

/** What is changed on a sound host, and the line that tells of it. */
const CASES: Record<string, readonly [change: Change, title: string, expected: string | RegExp]> = {
  "no folder qemu.d": [
    setFile(`${HOOKS}/qemu.d`, undefined),
    "for the folder qemu.d",
    /^FAIL there is no /,
  ],
  "a file in place of qemu.d": [
    setFile(`${HOOKS}/qemu.d`, { kind: "file" }),
    "for the folder qemu.d",
    /^FAIL .* is no folder/,
  ],
  "no hook": [
    setFile(HOOK, undefined),
    "for the hook, and that it is executable",
    /^FAIL there is no .*: premigrate install/,
  ],
  "a folder in place of the hook": [
    setFile(HOOK, { kind: "folder" }),
    "for the hook, and that it is executable",
    /^FAIL .* is no file/,
  ],
  "a hook that is not executable": [
    setFile(HOOK, { mode: 0o644 }),
    "for the hook, and that it is executable",
    /^FAIL chmod 755 .*libvirt skips it/,
  ],
  "a hook that others may write": [
    setFile(HOOK, { mode: 0o777 }),
    "for the hook, and that it is executable",
    /^FAIL .*others may write it/,
  ],
  "another hook": [
    setFile(HOOK, { text: "#!/bin/sh\n# mine\n" }),
    "that the hook is that of the programs",
    /^FAIL .* differs from /,
  ],
  "no launcher": [
    setFile(`${LIB}/launcher.sh`, undefined),
    "that the hook is that of the programs",
    /^FAIL there is no /,
  ],
  "a backup copy": [
    setFile(`${HOOK}.bak`, script()),
    "for copies in qemu.d that run too",
    /^WARN .*90-premigrate\.bak/,
  ],
  "an editor's copy of another hook": [
    setFile(`${HOOKS}/qemu.d/10-other~`, script()),
    "for copies in qemu.d that run too",
    /^WARN .*10-other~/,
  ],
  "a package's copy": [
    setFile(`${HOOKS}/qemu.d/10-other.rpmsave`, script()),
    "for copies in qemu.d that run too",
    /^WARN/,
  ],
  "a dot file": [
    setFile(`${HOOKS}/qemu.d/.hidden`, script()),
    "for copies in qemu.d that run too",
    /^WARN/,
  ],
  "a copy that is not executable": [
    setFile(`${HOOK}.bak`, {}),
    "for copies in qemu.d that run too",
    "PASS",
  ],
  "VFIO-Tools' dispatcher": [
    setFile(`${HOOKS}/qemu`, script('HOOKPATH="$BASEDIR/qemu.d/$GUEST_NAME/$HOOK_NAME"')),
    "for another hook at hooks/qemu",
    /^PASS .*VFIO-Tools/,
  ],
  "VDSM": [
    setFile(`${HOOKS}/qemu`, script("import vdsm.hooks")),
    "for another hook at hooks/qemu",
    /^PASS .*VDSM/,
  ],
  "CloudStack": [
    setFile(`${HOOKS}/qemu`, script("/etc/cloudstack/agent")),
    "for another hook at hooks/qemu",
    /^PASS .*CloudStack/,
  ],
  "NVIDIA's hook": [
    setFile(`${HOOKS}/qemu`, script("NVSwitch partitions")),
    "for another hook at hooks/qemu",
    /^PASS .*NVIDIA/,
  ],
  "libvirt-hook-qemu": [
    setFile(`${HOOKS}/qemu`, script("open('hooks.json')")),
    "for another hook at hooks/qemu",
    /^PASS .*libvirt-hook-qemu/,
  ],
  "an unknown hook": [
    setFile(`${HOOKS}/qemu`, script()),
    "for another hook at hooks/qemu",
    /^PASS there is somebody else's/,
  ],
  "a hook after it": [
    setFile(`${HOOKS}/qemu.d/99-drbd`, script()),
    "for hooks that run after it",
    /^WARN .*99-drbd/,
  ],
  "a hook after it by bytes": [
    setFile(`${HOOKS}/qemu.d/a`, script()),
    "for hooks that run after it",
    /^WARN .*: a$/,
  ],
  "a hook before it": [
    setFile(`${HOOKS}/qemu.d/10-x`, script()),
    "for hooks that run after it",
    "PASS",
  ],
  "a dispatcher's folder after it": [
    setFile(`${HOOKS}/qemu.d/vm1`, { kind: "folder", mode: 0o755 }),
    "for hooks that run after it",
    "PASS",
  ],
  "libvirt 6.4": [
    setProgram("virtqemud --version", said("virtqemud (libvirt) 6.4.0\n")),
    "for version 6.5 or later, which runs qemu.d",
    "FAIL found 6.4",
  ],
  "libvirt 6.5": [
    setProgram("virtqemud --version", said("virtqemud (libvirt) 6.5.0\n")),
    "for version 6.5 or later, which runs qemu.d",
    "PASS 6.5",
  ],
  "only libvirtd": [
    all(
      setProgram("virtqemud --version", ABSENT),
      setProgram("libvirtd --version", said("libvirtd (libvirt) 9.0.0\n")),
    ),
    "for version 6.5 or later, which runs qemu.d",
    "PASS 9.0",
  ],
  "no libvirt": [
    setProgram("virtqemud --version", ABSENT),
    "for version 6.5 or later, which runs qemu.d",
    /^WARN cannot be checked/,
  ],
  "no daemon": [
    setFile("/run/virtqemud.pid", undefined),
    "that the daemon knows of hooks",
    /^WARN cannot be checked: neither/,
  ],
  "another process of that number": [
    setFile("/proc/42/comm", { text: "bash\n" }),
    "that the daemon knows of hooks",
    /^WARN cannot be checked: neither/,
  ],
  "libvirtd": [
    all(
      setFile("/run/virtqemud.pid", undefined),
      setFile("/run/libvirtd.pid", { text: "43" }),
      setFile("/proc/43/comm", { text: "libvirtd\n" }),
      setFile("/proc/43/stat", { text: `43 (libvirtd) S ${"0 ".repeat(18)}0 0` }),
    ),
    "that the daemon knows of hooks",
    /^WARN cannot be checked: libvirtd .*: kill -HUP 43 reloads it$/,
  ],
  "libvirtd, of systemd": [
    all(
      setFile("/run/virtqemud.pid", undefined),
      setFile("/run/libvirtd.pid", { text: "43" }),
      setFile("/proc/43/comm", { text: "libvirtd\n" }),
      setFile("/proc/43/stat", { text: `43 (libvirtd) S ${"0 ".repeat(18)}0 0` }),
      setProgram("systemctl show libvirtd", said("MainPID=43\nStateChangeTimestampMonotonic=5\n")),
    ),
    "that the daemon knows of hooks",
    /^FAIL libvirtd .*: systemctl reload libvirtd$/,
  ],
  "a daemon older than the hook": [
    setFile(HOOK, RECENT),
    "that the daemon knows of hooks",
    /^FAIL virtqemud was started or reloaded before .*systemctl reload virtqemud$/,
  ],
  "a daemon older than the hook, younger than another": [
    all(setFile(HOOK, RECENT), setFile(`${HOOKS}/qemu`, script())),
    "that the daemon knows of hooks",
    "PASS",
  ],
  "a daemon older than both hooks": [
    all(setFile(HOOK, RECENT), setFile(`${HOOKS}/qemu`, { ...script(), ...RECENT })),
    "that the daemon knows of hooks",
    /^FAIL/,
  ],
  "a hook that was renewed after the daemon's start": [
    all(
      setFile(HOOK, RECENT),
      setFile(MANIFEST, {
        text: writeManifest({ version, files: {}, folders: [], hookSince: NOW - 3 * DAY }),
      }),
    ),
    "that the daemon knows of hooks",
    "PASS",
  ],
  "a daemon that was reloaded since": [
    all(
      setFile(HOOK, { changed: NOW - DAY / 2 }),
      setProgram(
        "systemctl show virtqemud",
        said(`MainPID=42\nStateChangeTimestampMonotonic=${6.9 * 86_400 * 1e6}\n`),
      ),
    ),
    "that the daemon knows of hooks",
    "PASS",
  ],
  "a unit of another process": [
    all(
      setFile(HOOK, { changed: NOW - DAY / 2 }),
      setProgram(
        "systemctl show virtqemud",
        said(`MainPID=0\nStateChangeTimestampMonotonic=${6.9 * 86_400 * 1e6}\n`),
      ),
    ),
    "that the daemon knows of hooks",
    /^WARN cannot be checked: virtqemud was started before/,
  ],
  "a daemon that tells no time": [
    setFile("/proc/42/stat", undefined),
    "that the daemon knows of hooks",
    /^WARN cannot be checked/,
  ],
  "AppArmor without libvirt": [
    all(
      setFile("/sys/module/apparmor/parameters/enabled", { text: "Y\n" }),
      setFile("/sys/kernel/security/apparmor/profiles", { text: "libvirt-1 (enforce)\n" }),
    ),
    "for confinement by AppArmor",
    /^PASS it does not confine/,
  ],
  "AppArmor with libvirt": [
    all(
      setFile("/sys/module/apparmor/parameters/enabled", { text: "Y\n" }),
      setFile("/sys/kernel/security/apparmor/profiles", { text: "virtqemud (enforce)\n" }),
    ),
    "for confinement by AppArmor",
    /^PASS profile virtqemud/,
  ],
  "AppArmor that cannot be read": [
    setFile("/sys/module/apparmor/parameters/enabled", { text: "Y\n" }),
    "for confinement by AppArmor",
    /^WARN cannot be checked/,
  ],
  "SELinux, permissive": [
    setFile("/sys/fs/selinux/enforce", { text: "0" }),
    "for confinement by SELinux",
    /^PASS it is permissive/,
  ],
  "SELinux, a wrong label": [
    all(
      setFile("/sys/fs/selinux/enforce", { text: "1" }),
      setProgram("stat -c %C", said("system_u:object_r:etc_t:s0\n")),
    ),
    "for confinement by SELinux",
    /^WARN .*restorecon/,
  ],
  "SELinux, and the modular daemon": [
    all(
      setFile("/sys/fs/selinux/enforce", { text: "1" }),
      setProgram("stat -c %C", said("system_u:object_r:virt_hook_t:s0\n")),
      setProgram("getsebool", said("virt_hooks_unconfined --> off\n")),
    ),
    "for confinement by SELinux",
    /^WARN .*setsebool/,
  ],
  "SELinux, all allowed": [
    all(
      setFile("/sys/fs/selinux/enforce", { text: "1" }),
      setProgram("stat -c %C", said("system_u:object_r:virt_hook_t:s0\n")),
      setProgram("getsebool", said("virt_hooks_unconfined --> on\n")),
    ),
    "for confinement by SELinux",
    "PASS",
  ],
  "no list of files": [
    setFile(MANIFEST, undefined),
    "that all files are as they were installed",
    /^FAIL nothing is known/,
  ],
  "a damaged list of files": [
    setFile(MANIFEST, { text: "{" }),
    "that all files are as they were installed",
    /^FAIL nothing is known/,
  ],
  "another version": [
    setFile(MANIFEST, { text: writeManifest({ version: "0.0.1", files: {}, folders: [] }) }),
    "that all files are as they were installed",
    /^FAIL 0\.0\.1 is installed/,
  ],
  "a truncated program": [
    setFile(`${LIB}/hook.js`, { text: "" }),
    "that all files are as they were installed",
    /^FAIL .*hook\.js is another/,
  ],
  "a missing program": [
    setFile(`${LIB}/hook.js`, undefined),
    "that all files are as they were installed",
    /^FAIL .*hook\.js is missing/,
  ],
  "a program with another digest": [
    setFile(`${LIB}/hook.js`, { text: "2;" }),
    "that the hook's program has its digest",
    /^FAIL .*is not what/,
  ],
  "no digest": [
    setFile(`${LIB}/hook.js.sha256`, undefined),
    "that the hook's program has its digest",
    /^FAIL .*is not what/,
  ],
  "no Deno": [setFile("/usr/bin/deno", undefined), "for Deno", "FAIL there is no /usr/bin/deno"],
  "a Deno that is not executable": [
    setFile("/usr/bin/deno", { mode: 0o644 }),
    "for Deno",
    /^FAIL .*is not executable/,
  ],
  "a Deno that is none": [
    setProgram("env -i /usr/bin/deno --version", said("v20.1.0\n")),
    "for Deno",
    /^FAIL .*does not answer/,
  ],
  "Deno 1": [
    setProgram("env -i /usr/bin/deno --version", said("deno 1.46.3\n")),
    "for Deno",
    /^FAIL .*wanted 2/,
  ],
  "no Deno is named": [
    setFile(APPLIED, { text: "premigrate 1\n" }),
    "for Deno",
    /^FAIL .*names none/,
  ],
  "a hook that refuses all": [
    setProgram(`env -i ${HOOK}`, said("", 1, "premigrate: no\nmore\n")),
    "that it lets a guest without host devices pass",
    /^FAIL .*ended with 1: premigrate: no more/,
  ],
  "a hook that prints": [
    setProgram(`env -i ${HOOK}`, said("<domain/>")),
    "that it lets a guest without host devices pass",
    /^FAIL/,
  ],
  "a hook that hangs": [
    setProgram(`env -i ${HOOK}`, { ...said(""), kind: "aborted" }),
    "that it lets a guest without host devices pass",
    /^FAIL/,
  ],
  "a policy on guests without host devices": [
    all(
      setFile(APPLIED, { text: applied({}, "/usr/bin/deno", POLICY) }),
      setProgram(`env -i ${HOOK}`, said("", 1, "premigrate: no\n")),
    ),
    "that it lets a guest without host devices pass",
    "PASS a site's policy is on them",
  ],
  "a program that does not start": [
    (host) => {
      host.trial = {
        end: said("", 1, "x"),
        audit: '{"verdict":"undecided","trouble":"hook","why":"hook.js ended with 1"}',
      };
    },
    "that it judges a guest with a host device",
    /^FAIL .*hook: hook\.js ended with 1$/,
  ],
  "a program that allows all": [
    (host) => {
      host.trial = { end: said(""), audit: '{"verdict":"allow","report":"/a"}' };
    },
    "that it judges a guest with a host device",
    /^FAIL .*found allow$/,
  ],
  "a hook that records nothing": [
    (host) => {
      host.trial = { end: said(""), audit: undefined };
    },
    "that it judges a guest with a host device",
    /^FAIL/,
  ],
  "a hook that takes too long": [
    (host) => {
      host.trial = { end: { ...said(""), kind: "aborted" }, audit: UNDECIDED };
    },
    "that it judges a guest with a host device",
    /^FAIL/,
  ],
  "no applied configuration": [
    setFile(APPLIED, undefined),
    "that the applied configuration is whole",
    /^FAIL there is no /,
  ],
  "a truncated configuration": [
    setFile(APPLIED, { text: applied({}).slice(0, -4) }),
    "that the applied configuration is whole",
    /^FAIL .*it is not whole/,
  ],
  "mode observe": [
    setFile(APPLIED, { text: applied({ mode: "observe" }) }),
    "that the applied configuration is whole",
    /^WARN mode: observe/,
  ],
  "nothing is applied, and no word of what hangs on that: plugins": [
    setFile(APPLIED, undefined),
    "for code plugins",
    `WARN cannot be checked: there is no ${APPLIED}: premigrate install`,
  ],
  "nothing is applied, and no word of what hangs on that: Deno": [
    setFile(APPLIED, undefined),
    "for Deno",
    `WARN cannot be checked: there is no ${APPLIED}`,
  ],
  "nothing is applied, and no word of what hangs on that: the hook": [
    setFile(APPLIED, undefined),
    "that it judges a guest with a host device",
    `WARN cannot be checked: there is no ${APPLIED}: premigrate install`,
  ],
  "nothing is applied, and no word of what hangs on that: the choices": [
    setFile(APPLIED, undefined),
    "that it is what was configured",
    `WARN cannot be checked: there is no ${APPLIED}`,
  ],
  "nothing is applied, and no word of what hangs on that: the source": [
    setFile(APPLIED, undefined),
    SOURCE,
    `WARN cannot be checked: there is no ${APPLIED}: premigrate install`,
  ],
  "a configuration that was not applied": [
    setFile(CONFIG, { text: "mode: observe\nmaxAge: 1h\n" }),
    "that it is what was configured",
    "WARN premigrate config apply: mode, maxAge differ",
  ],
  "a configuration that cannot be applied": [
    setFile(CONFIG, { text: "mode: never\n" }),
    "that it is what was configured",
    /^WARN cannot be checked: .*config\.yaml: line 1, column 1: at mode/,
  ],
  "a site's policy that was not applied": [
    all(
      setFile(POLICIES, { text: "", kind: "folder" }),
      setFile(`${POLICIES}/kernel.yaml`, { text: POLICY }),
    ),
    "that it is what was configured",
    /^WARN premigrate config apply: site.kernel.title, .* differ$/,
  ],
  "a site's policy that was changed since": [
    all(
      setFile(POLICIES, { text: "", kind: "folder" }),
      setFile(`${POLICIES}/kernel.yaml`, { text: POLICY.replace("veto", "warn") }),
      setFile(APPLIED, { text: applied({}, "/usr/bin/deno", POLICY) }),
    ),
    "that it is what was configured",
    "WARN premigrate config apply: site.kernel.severity differ",
  ],
  "a site's policy that was applied": [
    all(
      setFile(POLICIES, { text: "", kind: "folder" }),
      setFile(`${POLICIES}/kernel.yaml`, { text: POLICY }),
      setFile(APPLIED, { text: applied({}, "/usr/bin/deno", POLICY) }),
    ),
    "that it is what was configured",
    "PASS",
  ],
  "a site's policy that cannot be applied": [
    all(
      setFile(POLICIES, { text: "", kind: "folder" }),
      setFile(`${POLICIES}/kernel.yaml`, { text: POLICY.replace("veto", "vetoes") }),
    ),
    "that it is what was configured",
    /^WARN cannot be checked: .*kernel\.yaml: line 6, column 1: at severity/,
  ],
  "no configuration": [
    setFile(CONFIG, undefined),
    "that it is what was configured",
    /^WARN there is no /,
  ],
  "a plugin that does not answer": [
    all(
      setFile(APPLIED, { text: withPlugin() }),
      setProgram(`${LIB}/plugin.sh`, said('{"threw":"no"}')),
    ),
    "for code plugins",
    /^FAIL a\/b does not answer: \{"threw":"no"\}$/,
  ],
  "a plugin that tries to reach outside": [
    all(
      setFile(APPLIED, { text: withPlugin() }),
      setProgram(`${LIB}/plugin.sh`, said('{"answer":{}}', 0, '{"permission":"read"}')),
    ),
    "for code plugins",
    /^FAIL a\/b does not answer: \{"permission":"read"\}$/,
  ],
  "a plugin's file that is gone": [
    all(
      setFile(APPLIED, { text: withPlugin() }),
      setProgram(`${LIB}/plugin.sh`, said('{"answer":{}}')),
    ),
    "for code plugins",
    /^WARN \/etc\/premigrate\/a\.js: there is no such file/,
  ],
  "a waiver": [
    setFile(`${WAIVERS}/5f1c8a52-6f43-4c6e-9a0e-4d7c5a1f2b3c`, { text: waiver(NOW + 60_000) }),
    "for waivers in force",
    /^WARN 1 in force/,
  ],
  "a waiver that ended": [
    setFile(`${WAIVERS}/5f1c8a52-6f43-4c6e-9a0e-4d7c5a1f2b3c`, { text: waiver(NOW) }),
    "for waivers in force",
    "PASS",
  ],
  "no folder of waivers": [
    setFile(WAIVERS, undefined),
    "for waivers in force",
    /^WARN cannot be checked/,
  ],
  "enforce, and nothing tells of the source": [
    INACTIVE,
    SOURCE,
    "FAIL hosts is empty, and the agent is inactive: guests with devices will be refused: systemctl enable --now premigrate-agent, on every host",
  ],
  "enforce for one guest, and nothing tells of the source": [
    all(INACTIVE, setFile(APPLIED, { text: applied({ mode: "observe", guests: ENFORCED }) })),
    SOURCE,
    /^FAIL/,
  ],
  "observe, and nothing tells of the source": [
    all(INACTIVE, setFile(APPLIED, { text: applied({ mode: "observe" }) })),
    SOURCE,
    /^WARN hosts is empty, and the agent is inactive: systemctl enable/,
  ],
  "facts may be missing, and nothing tells of the source": [
    all(INACTIVE, setFile(APPLIED, { text: applied({ onTrouble: { facts: "open" } }) })),
    SOURCE,
    /^WARN/,
  ],
  "hosts are asked": [
    all(INACTIVE, setFile(APPLIED, { text: applied({ hosts: ["qemu+ssh://a/system"] }) })),
    SOURCE,
    "PASS the agent does not run; 1 in hosts",
  ],
  "an agent that runs": [() => {}, SOURCE, "PASS"],
  "an agent that is too slow": [
    setFile(APPLIED, { text: applied({ agent: { interval: "15m" } }) }),
    SOURCE,
    /^WARN the agent's stamps get older/,
  ],
  "an agent without systemd": [
    setProgram("systemctl is-active", ABSENT),
    SOURCE,
    "WARN cannot be checked: no systemd tells whether the agent runs",
  ],
  "a clock that drifts": [
    setProgram("timedatectl show", said("no\n")),
    "that the clock is synchronised, as stamps age",
    "WARN it is not",
  ],
  "a clock without systemd": [
    all(
      setProgram("timedatectl show", ABSENT),
      setProgram("adjtimex --print", said("         mode: 0\n       status: 8193\n")),
    ),
    "that the clock is synchronised, as stamps age",
    "PASS",
  ],
  "a clock without systemd that drifts": [
    all(
      setProgram("timedatectl show", said("", 1)),
      setProgram("adjtimex --print", said("       status: 64\n")),
    ),
    "that the clock is synchronised, as stamps age",
    "WARN it is not",
  ],
  "a clock that cannot be asked": [
    setProgram("timedatectl show", ABSENT),
    "that the clock is synchronised, as stamps age",
    /^WARN cannot be checked/,
  ],
  "another user": [
    setProgram(`env -i sh ${LIB}/probe.sh`, said(PROBED.replace("uid s 0", "uid s 5"))),
    "that the probe may read devices",
    /^WARN cannot be checked by another user/,
  ],
  "a locked kernel": [
    setProgram(`env -i sh ${LIB}/probe.sh`, said(HEADER_ONLY)),
    "that the probe may read devices",
    /^FAIL the kernel shows too little/,
  ],
  "a probe that fails": [
    setProgram(`env -i sh ${LIB}/probe.sh`, said("", 2, "no od")),
    "that the probe may read devices",
    "FAIL it ended with 2: no od",
  ],
  "a probe that prints nothing": [
    setProgram(`env -i sh ${LIB}/probe.sh`, said("")),
    "that the probe may read devices",
    /^WARN cannot be checked/,
  ],
  "no list of networks": [
    setFile(NETWORKS, undefined),
    "for what the hook knows of libvirt's networks",
    /^WARN there is no list/,
  ],
  "half a list of networks": [
    setFile(NETWORKS, { text: "premigrate networks 1\nplain default\n" }),
    "for what the hook knows of libvirt's networks",
    /^WARN the list is older than default: premigrate cache/,
  ],
  "a network that was started after the list was made": [
    setFile("/run/libvirt/network/default.xml", { changed: NOW - DAY }),
    "for what the hook knows of libvirt's networks",
    /^WARN the list is older than default: premigrate cache/,
  ],
  "a network that is new": [
    setFile("/run/libvirt/network/lan.xml", { text: "" }),
    "for what the hook knows of libvirt's networks",
    /^WARN the list is older than lan: premigrate cache/,
  ],
  "no network that is active": [
    setFile("/run/libvirt/network", undefined),
    "for what the hook knows of libvirt's networks",
    "PASS 2 networks, 1 of them pools of host devices",
  ],
  "no libvirt to ask": [
    (host) => {
      host.cache = new Error("no libvirt");
    },
    "for what the hook knows of QEMU",
    "WARN cannot be checked: no libvirt",
  ],
  "no folder of reports": [
    setFile("/var/log/premigrate/reports", undefined),
    "that decisions can be recorded",
    /^FAIL there is no folder/,
  ],
  "logs that cannot be written": [
    setProgram("test -w", said("", 1)),
    "that decisions can be recorded",
    /^FAIL .*cannot be written/,
  ],
  "logs that others may read": [
    setFile("/var/log/premigrate", { mode: 0o755 }),
    "that decisions can be recorded",
    /^WARN chmod 700/,
  ],
  "a full disk": [
    setProgram("df -Pk", said("F\n/dev/sda 9 9 12 100% /\n")),
    "that decisions can be recorded",
    /^FAIL .*is full/,
  ],
  "no inodes": [
    setProgram("df -Pi", said("F\n/dev/sda 9 9 0 100% /\n")),
    "that decisions can be recorded",
    /^FAIL .*is full/,
  ],
  "a disk with little left": [
    setProgram("df -Pk", said("F\n/dev/sda 9 9 90000 99% /\n")),
    "that decisions can be recorded",
    /^WARN .*90000 KiB/,
  ],
  "no df": [
    setProgram("df -Pk", ABSENT),
    "that decisions can be recorded",
    /^WARN cannot be checked/,
  ],
};

for (const [name, [change, title, expected]] of Object.entries(CASES)) {
  Deno.test(`doctor: ${name}`, async () => {
    const host = await soundHost();
    change(host);
    const grade = (await gradesOf(host)).get(title) ?? "";
    if (typeof expected === "string") assertEquals(grade, expected);
    else assertMatch(grade, expected);
  });
}

Deno.test("doctor: each check has cases", () => {
  const titles = new Set(Object.values(CASES).map(([, title]) => title));
  assertEquals(CHECKS.map(({ title }) => title).filter((title) => !titles.has(title)), []);
});

Deno.test("doctor: a line is as virt-host-validate's", () => {
  const text = diagnosisText({ area: "HOOK", title: "for it", grade: "WARN", detail: "why" });
  assertMatch(text, /^ {4}HOOK: Checking for it {1,60}: WARN \(why\)\n$/);
});

Deno.test("doctor: a real installation runs its programs, and records nothing of that", () =>
  withRoot(async (folder) => {
    const root = await Deno.makeTempDir({ prefix: "premigrate-root-" });
    try {
      await install({ dist: DIST, root, deno: Deno.execPath() });
      const host = { ...HOST_IO, fillCache: () => Promise.resolve(folder) };
      const found = await Array.fromAsync(diagnose(host, root));
      const ours = found.filter(({ area }) => area !== "HOST" && area !== "LIBVIRT");
      assertEquals(
        ours.filter(({ grade }) => grade !== "PASS").map(({ title, detail }) => [title, detail]),
        [
          ["that the applied configuration is whole", "mode: observe refuses nothing"],
          [SOURCE, "cannot be checked: no systemd tells whether the agent runs"],
        ],
      );
      assertEquals(await Array.fromAsync(Deno.readDir(`${root}/var/log/premigrate/reports`)), []);
      // A link leads below the root, as it does for whom that is `/`.
      await Deno.mkdir(`${root}/srv`);
      await Deno.rename(`${root}/etc/premigrate`, `${root}/srv/premigrate`);
      await Deno.symlink("/srv/premigrate", `${root}/etc/premigrate`);
      const linked = await Array.fromAsync(diagnose(host, root));
      assertEquals(linked.filter(({ area }) => area !== "HOST" && area !== "LIBVIRT"), ours);
      await Deno.writeTextFile(`${root}${LIB}/hook.js`, "");
      const failed = (await Array.fromAsync(diagnose(host, root)))
        .filter(({ grade }) => grade === "FAIL").map(({ title }) => title);
      assertEquals(failed, [
        "that all files are as they were installed",
        "that the hook's program has its digest",
        "that it judges a guest with a host device",
      ]);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  }));
