import { assert, assertEquals } from "@std/assert";
import { parseProbeReport } from "../../../../lib/facts/probe/report.ts";
import { readDump } from "../../../../lib/pci/mod.ts";
import { makeHost, MDEV, withHost } from "../../../helpers/probe_hosts.ts";
import {
  faster,
  isInstalled,
  isStandalone,
  ownUid,
  readRecords,
  runScript,
  type Shell,
  shells,
} from "../../../helpers/probe_shells.ts";
import { type Content, FakeSysfs, makeConfig } from "../../../helpers/probe_tree.ts";

const DUMPS = new URL("../../../../../shared/data/dumps/", import.meta.url);
const NOBODY = 65534;

const UNUSUAL = "".concat(...Array.from({ length: 128 }, (_, index) => String.fromCharCode(index)));
const JUNK: Readonly<Record<string, Content>> = {
  "nothing": "",
  "a newline": "\n",
  "newlines": "\n\n\n",
  "no newline at the end": "D0",
  "a NUL": "D\u00000\n",
  "a NUL at the end": "D0\u0000\n",
  "a NUL after the end": "D0\n\u0000",
  "several lines": "one\ntwo\n\nthree\n",
  "several lines, no newline at the end": "one\ntwo",
  "a carriage return": "D0\r\n",
  "an escape sequence": "\u001b[31mD0\u001b[0m\n",
  "a tab": "D0\t1\n",
  "spaces": "  D0  \n",
  "backslashes": "\\n\\0\\c%s\\\n",
  "an option of echo": "-n\n",
  "the report's end": "D0\nend 3\n",
  "a heading": "device 0000:01:00.0\nattr vendor s 0x10de\n",
  "bytes in hexadecimal": " 41 42\n",
  "shell": '$(reboot) `reboot` "${IFS}" * ; & | > /tmp/x\n',
  "all of ASCII": UNUSUAL,
  "not UTF-8": Uint8Array.from({ length: 256 }, (_, index) => index),
  "what dash escapes with": Uint8Array.from([0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x0a]),
  "UTF-8": "gr\u00fc\u00df\n",
  "a long line": `${"x".repeat(5000)}\n`,
  "many lines": "x\n".repeat(3000),
  "64 KiB": `${"x".repeat(65535)}\n`,
};

function junkAddress(index: number): string {
  return `0000:${index.toString(16).padStart(2, "0")}:00.0`;
}

const [PF, VF, OTHER_VF] = ["0000:01:00.0", "0000:01:00.1", "0000:01:00.2"] as const;

/** Files of a VF that a policy might ask for. */
const DECLARED: Readonly<Record<string, Content | undefined>> = {
  fw_rev: "of the VF\n",
  "acme/profile": "gold\nsilver\n",
  "acme/empty": "",
  "acme/line": "\n",
  "acme/bare": "no newline",
  "acme/tab": "a\tb\n",
  "acme/utf8": "gr\u00fc\u00df\n",
  "acme/most": `${"x".repeat(4095)}\n`,
  "acme/large": "x".repeat(4097),
  "acme/larger": "x".repeat(5000),
  "acme/binary": Uint8Array.of(0x41, 0xff, 0x0a),
  "acme/nul": "a\u0000\n",
  "acme/escape": "\u001b[31mred\n",
  "acme/return": "a\r\n",
  "acme/shell": '$(reboot) "*" \\n\n',
  // Not files.
  acme: undefined,
  "acme/none": undefined,
  "none/at/all": undefined,
  "virtfn0/fw_rev": undefined,
};
/** What is read of them. */
const VALUES = {
  fw_rev: "of the VF",
  "acme/profile": "gold\nsilver",
  "acme/empty": "",
  "acme/line": "",
  "acme/bare": "no newline",
  "acme/tab": "a\tb",
  "acme/utf8": "gr\u00fc\u00df",
  "acme/most": "x".repeat(4095),
  "acme/shell": '$(reboot) "*" \\n',
  "acme/none": null,
  "none/at/all": null,
  "virtfn0/fw_rev": null,
};
const MISSING = {
  "attributes/acme/large": "too large",
  "attributes/acme/larger": "too large",
  "attributes/acme/binary": "found bytes that are no UTF-8",
  "attributes/acme/nul": "found control characters",
  "attributes/acme/escape": "found control characters",
  "attributes/acme/return": "found control characters",
  "attributes/acme": "cannot be read",
};
const PARENTS = { fw_rev: "of the parent\n", only_pf: "1\n" };
const PARENT_VALUES = { fw_rev: "of the parent", only_pf: "1" };

/** A physical function with two VFs and an mdev. */
function makeAcmeHost(): FakeSysfs {
  const host = new FakeSysfs();
  const config = makeConfig(64, [1, 2]);
  const written = Object.entries(DECLARED)
    .flatMap(([name, content]) => content === undefined ? [] : [[name, content] as const]);
  host.addFunction(PF, { config, files: PARENTS });
  host.addFunction(VF, { config, physfn: [PF, 0], files: Object.fromEntries(written) });
  host.addFunction(OTHER_VF, { config, physfn: [PF, 1], files: { fw_rev: "of the other VF\n" } });
  host.addMdev(MDEV, { parent: PF, type: "acme-1", files: { fw_rev: "of the mdev\n" } });
  return host;
}

function ofParent(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, text]) => [`parent/${name}`, text]));
}

function declaredReasons(missing: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(missing).filter(([name]) => name.startsWith("attributes/")),
  );
}

function makeFifo(path: string): void {
  new Deno.Command("mkfifo", { args: [path] }).outputSync();
}

/** A folder of programs like `/usr/bin`, but for timeout, which not every host has. */
function binWithoutTimeout(host: FakeSysfs): string {
  const bin = `${host.root}/bin`;
  Deno.mkdirSync(bin);
  for (const { name } of Deno.readDirSync("/usr/bin")) {
    if (name !== "timeout") Deno.symlinkSync(`/usr/bin/${name}`, `${bin}/${name}`);
  }
  return bin;
}

const MIGRATABLE = [
  "0000:3b:00.4",
  "0000:3b:00.5",
  "0000:5e:00.2",
  "0000:6b:00.1",
  "0000:d1:1f.7",
  "10000:e1:00.0",
  MDEV,
];

for (const { shell, name, ignore } of shells) {
  Deno.test({
    name: `${name}: every file of every device is read back byte for byte`,
    ignore,
    fn: () =>
      withHost(makeHost(), async (host) => {
        const addresses = [...host.written.keys()];
        const declared = [
          "nvidia/creatable_vgpu_types",
          "nvidia/vgpu_params",
          "qat/cfg_services",
        ];
        const { code, stdout, stderr } = await runScript(shell, [
          ...["--sysfs", host.root],
          ...declared.flatMap((name) => ["--attribute", name]),
          ...addresses,
        ]);
        assertEquals([code, stderr], [0, ""]);
        const records = readRecords(stdout);
        for (const [address, files] of host.written) {
          for (const [file, bytes] of files) {
            const key = declared.includes(file) ? `attributes/${file}` : file;
            assertEquals(records.get(address)?.get(key), bytes, `${address} ${file}`);
          }
        }
        assertEquals(parseProbeReport(stdout).devices.map(({ address }) => address), addresses);
      }),
  });

  Deno.test({
    name: `${name}: --all takes VFs, mdevs and what has a VFIO driver, each once`,
    ignore,
    fn: () =>
      withHost(makeHost(), async (host) => {
        const { stdout } = await runScript(shell, [
          "--sysfs",
          host.root,
          MDEV,
          "--all",
          "--all",
          MDEV,
        ]);
        const { devices, absent } = parseProbeReport(stdout);
        assertEquals(devices.map(({ address }) => address), [MDEV, ...MIGRATABLE.slice(0, -1)]);
        assertEquals(absent, []);
      }),
  });

  Deno.test({
    name: `${name}: values that are no line of text`,
    ignore,
    fn: () =>
      withHost(new FakeSysfs(), async (host) => {
        const values = Object.entries(JUNK);
        for (const [index, [, value]] of values.entries()) {
          host.addFunction(junkAddress(index), {
            config: makeConfig(256, [1, 2]),
            files: { power_state: value },
          });
        }
        const { code, stdout, stderr } = await runScript(shell, [
          "--sysfs",
          host.root,
          ...values.map((_, index) => junkAddress(index)),
        ]);
        assertEquals([code, stderr], [0, ""]);
        parseProbeReport(stdout);
        const records = readRecords(stdout);
        for (const [index, [title]] of values.entries()) {
          const address = junkAddress(index);
          const expected = host.written.get(address)?.get("power_state");
          assertEquals(records.get(address)?.get("power_state"), expected, title);
        }
      }),
  });

  Deno.test({
    name: `${name}: what cannot be read is missing, with why`,
    ignore,
    fn: () =>
      withHost(new FakeSysfs(), async (host) => {
        const address = "0000:01:00.0";
        host.addFunction(address, {
          config: makeConfig(256, [1, 2]),
          files: {
            device: "0x10000\n",
            resource: "0x0 0x0\n",
            class: new Uint8Array(65537),
          },
        });
        const path = host.pathOf(address);
        for (const file of ["vendor", "numa_node", "reset_method", "config"]) {
          Deno.removeSync(`${host.root}/${path}/${file}`);
        }
        Deno.mkdirSync(`${host.root}/${path}/vendor`);
        Deno.symlinkSync("/proc/self/mem", `${host.root}/${path}/config`); // EIO at 0
        host.link(`${path}/numa_node`, "nowhere");
        const { stdout } = await runScript(shell, ["--sysfs", host.root, address]);
        const [device] = parseProbeReport(stdout).devices;
        assertEquals(device?.missing, {
          driver: "not there",
          iommu_group: "not there",
          vendor: "cannot be read",
          config: "cannot be read",
          class: "too large",
          numa_node: "not there",
          reset_method: "not there",
          "driver/module/version": "not there",
          device: 'found "0x10000", wanted 16 bits in hexadecimal',
          resource: 'found "0x0 0x0", wanted 7 or more lines of start, end and flags',
        });
        assertEquals([device?.config, device?.vendor, device?.bars], [
          undefined,
          undefined,
          undefined,
        ]);
      }),
  });

  Deno.test({
    name: `${name}: a VF that its physical function has no number for`,
    ignore,
    fn: () =>
      withHost(makeHost(), async (host) => {
        const [address = ""] = MIGRATABLE;
        const physfn = host.pathOf("0000:3b:00.0");
        Deno.removeSync(`${host.root}/${physfn}/virtfn0`);
        host.link(`${physfn}/virtfna[$(kill $$)]`, host.pathOf(address));
        const { stdout } = await runScript(shell, ["--sysfs", host.root, address]);
        const [device] = parseProbeReport(stdout).devices;
        assertEquals(device?.vfIndex, undefined);
        assertEquals(device?.missing["vf_index"], "its physical function has no link to it");
      }),
  });

  Deno.test({
    name: `${name}: a user who may not read a file is told so`,
    ignore,
    fn: () =>
      withHost(new FakeSysfs(), async (host) => {
        const address = "0000:01:00.0";
        host.addFunction(address, { config: makeConfig(64, [1, 2]) });
        Deno.chmodSync(`${host.root}/${host.pathOf(address)}/resource`, 0);
        const { stdout } = await runScript(asNobody(shell), ["--sysfs", host.root, address]);
        const { devices: [device], uid } = parseProbeReport(stdout);
        assert(uid !== 0);
        assertEquals(device?.missing["resource"], "not permitted");
        assertEquals(device?.config?.bytes.length, 64);
      }),
  });

  Deno.test({
    name: `${name}: attributes that policies declare`,
    ignore,
    fn: () =>
      withHost(makeAcmeHost(), async (host) => {
        const names = [...Object.keys(DECLARED), ...Object.keys(PARENTS).map((n) => `parent/${n}`)];
        const { code, stdout, stderr } = await runScript(shell, [
          ...["--sysfs", host.root, PF, VF, MDEV],
          ...[...names, ...names].flatMap((name) => ["--attribute", name]),
        ]);
        assertEquals([code, stderr], [0, ""]);
        const { devices: [pf, vf, mdev] } = parseProbeReport(stdout);
        const none = Object.fromEntries(names.map((name) => [name, null]));
        assertEquals(vf?.attributes, { ...VALUES, ...ofParent(PARENT_VALUES) });
        assertEquals(mdev?.attributes, {
          ...none,
          fw_rev: "of the mdev",
          ...ofParent(PARENT_VALUES),
        });
        assertEquals(pf?.attributes, {
          ...none,
          fw_rev: "of the parent",
          "virtfn0/fw_rev": "of the VF",
        });
        assertEquals(declaredReasons(vf?.missing), MISSING);
        assertEquals(declaredReasons(mdev?.missing), {});
        assertEquals(declaredReasons(pf?.missing), {});
      }),
  });

  Deno.test({
    name: `${name}: what is not asked for is not read`,
    ignore,
    fn: () =>
      withHost(makeAcmeHost(), async (host) => {
        const { stdout } = await runScript(shell, ["--sysfs", host.root, VF]);
        assert(!stdout.includes("attributes/"));
        assertEquals(parseProbeReport(stdout).devices[0]?.attributes, undefined);
      }),
  });

  Deno.test({
    name: `${name}: an attribute that may not be read is no attribute that is not there`,
    ignore,
    fn: () =>
      withHost(makeAcmeHost(), async (host) => {
        Deno.chmodSync(`${host.root}/${host.pathOf(VF)}/fw_rev`, 0o200);
        const { stdout } = await runScript(asNobody(shell), [
          ...["--sysfs", host.root, "--attribute", "fw_rev", VF],
        ]);
        const [vf] = parseProbeReport(stdout).devices;
        assertEquals(vf?.attributes, {});
        assertEquals(declaredReasons(vf?.missing), { "attributes/fw_rev": "not permitted" });
      }),
  });

  Deno.test({
    name: `${name}: nor is one in a folder that may not be searched`,
    ignore,
    fn: () =>
      withHost(makeAcmeHost(), async (host) => {
        Deno.chmodSync(`${host.root}/${host.pathOf(VF)}/acme`, 0o700);
        const names = ["acme/profile", "acme/none/deeper", "none/deeper"];
        const { stdout } = await runScript(asNobody(shell), [
          ...["--sysfs", host.root],
          ...names.flatMap((name) => ["--attribute", name]),
          VF,
        ]);
        const [vf] = parseProbeReport(stdout).devices;
        assertEquals(vf?.attributes, { "none/deeper": null });
        assertEquals(declaredReasons(vf?.missing), {
          "attributes/acme/profile": "not permitted",
          "attributes/acme/none/deeper": "not permitted",
        });
      }),
  });

  Deno.test({
    name: `${name}: an attribute that never ends is read once, and the others all the same`,
    ignore,
    fn: () =>
      withHost(makeAcmeHost(), async (host) => {
        for (const address of [VF, OTHER_VF]) {
          makeFifo(`${host.root}/${host.pathOf(address)}/hangs`);
        }
        const script = faster("attribute_seconds=2", "attribute_seconds=1");
        const args = ["--sysfs", host.root, "--attribute", "hangs", "--attribute", "fw_rev"];
        // Without timeout(1), bash 5.2 crashes where its script is its input.
        const others = name === "bash" ? [] : [{ PATH: binWithoutTimeout(host) }];
        for (const env of [{}, ...others]) {
          const { code, stdout } = await runScript(shell, [...args, VF, OTHER_VF, PF], {
            script,
            env,
          });
          assertEquals(code, 0);
          const { devices } = parseProbeReport(stdout);
          assertEquals(devices.map(({ attributes }) => attributes), [
            { fw_rev: "of the VF" },
            { fw_rev: "of the other VF" },
            { fw_rev: "of the parent", hangs: null },
          ]);
          assertEquals(devices.map(({ missing }) => missing["attributes/hangs"]), [
            "no answer after 1 seconds",
            "not tried again: it took too long of another device",
            undefined,
          ]);
        }
      }),
  });

  const standalone = isStandalone(shell);
  Deno.test({
    name: `${name}: devices that are not there, or go away while they are read, are absent${
      standalone ? " (left out: it runs an od of its own)" : ""
    }`,
    ignore: ignore || standalone,
    fn: () =>
      withHost(makeHost(), async (host) => {
        const [gone = "", goes = "", stays = ""] = MIGRATABLE;
        const link = `${host.root}/bus/pci/devices`;
        Deno.removeSync(`${link}/${gone}`);
        host.link(`bus/pci/devices/${gone}`, "nowhere");
        // od reads config, of the device that the shell is in.
        host.file(
          "bin/od",
          `#!/bin/sh\ncase $PWD in */${goes}) rm ${link}/${goes} ;; esac\n/usr/bin/od "$@"\n`,
        );
        Deno.chmodSync(`${host.root}/bin/od`, 0o755);
        const { stdout } = await runScript(shell, ["--sysfs", host.root, gone, goes, stays], {
          env: { PATH: `${host.root}/bin:${Deno.env.get("PATH")}` },
        });
        const { devices, absent } = parseProbeReport(stdout);
        assertEquals(absent, [gone, goes]);
        assertEquals(devices.map(({ address }) => address), [stays]);
      }),
  });
}

Deno.test("every shell gives the same report", () =>
  withHost(makeHost(), async (host) => {
    const reports = await Promise.all(
      shells.filter(({ ignore }) => !ignore).map(async ({ shell }) => {
        const { stdout } = await runScript(shell, ["--sysfs", host.root, "--all"]);
        return stdout.replace(/^attr time s .*$/m, "");
      }),
    );
    for (const report of reports) assertEquals(report, reports[0]);
  }));

Deno.test({
  name: `recorded dumps are read back byte for byte${
    dumpFiles().length > 0 ? "" : " (left out: no folder of recorded dumps beside this one)"
  }`,
  ignore: dumpFiles().length === 0,
  fn: () =>
    withHost(new FakeSysfs(), async (host) => {
      const spaces = dumpFiles()
        .flatMap((file) => readDump(Deno.readFileSync(new URL(file, DUMPS))))
        .filter(({ known }) => known === undefined);
      for (const [index, { bytes }] of spaces.entries()) {
        host.addFunction(junkAddress(index), { config: bytes, driver: "vfio-pci" });
      }
      const { stdout } = await runScript(["sh"], ["--sysfs", host.root, "--all"]);
      const { devices } = parseProbeReport(stdout);
      assertEquals(devices.map(({ config }) => config?.bytes), spaces.map(({ bytes }) => bytes));
      assertEquals(
        devices.map(({ vendor }) => vendor),
        spaces.map(({ bytes: [low = 0, high = 0] }) => low | high << 8),
      );
    }),
});

function dumpFiles(): string[] {
  try {
    return Array.from(Deno.readDirSync(DUMPS), ({ name }) => name).filter((name) =>
      name.endsWith(".txt")
    ).sort().slice(0, 256);
  } catch {
    return [];
  }
}

Deno.test({
  name: `shellcheck has nothing to say${
    isInstalled(["shellcheck"]) ? "" : " (left out: it is not installed)"
  }`,
  ignore: !isInstalled(["shellcheck"]),
  fn(): void {
    const path = new URL("../../../../lib/facts/probe/probe.sh", import.meta.url).pathname;
    const { stdout } = new Deno.Command("shellcheck", { args: ["--shell=sh", path] }).outputSync();
    assertEquals(new TextDecoder().decode(stdout), "");
  },
});
/** The shell, by a user that is not root. */
function asNobody(shell: Shell): readonly [string, ...string[]] {
  if (ownUid() !== 0) return shell;
  return ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", ...shell];
}
