import { countNetworks, parseNetworks } from "../../facts/libvirt/networks.ts";
import { oneLine } from "../../facts/one_line.ts";
import { parseProbeReport } from "../../facts/probe/report.ts";
import type { Check, Outcome } from "./check.ts";

const UNSYNCHRONISED = 0x40; // STA_UNSYNC of timex.h
// As much as whoever lacks CAP_SYS_ADMIN is shown (the kernel's `pci_read_config`).
const HEADER_BYTES = 64;
const LEAST_KILOBYTES = 1024;
const FEW_KILOBYTES = 100 * 1024;
const FEW_INODES = 1000;

/** What the hook needs of the host. */
export const HOST_CHECKS: readonly Check[] = [
  {
    area: "HOST",
    title: "that the clock is synchronised, as stamps age",
    async run({ host }): Promise<Outcome> {
      const asked = await host.run("timedatectl", [
        "show",
        "--property=NTPSynchronized",
        "--value",
      ]);
      const answer = asked.stdout.trim();
      if (asked.kind === "ended" && asked.code === 0 && /^(yes|no)$/.test(answer)) {
        return answer === "yes" ? ["PASS"] : ["WARN", "it is not"];
      }
      const { kind, stdout } = await host.run("adjtimex", ["--print"]);
      const status = /^\s*status: (\d+)$/m.exec(stdout)?.[1];
      if (kind !== "ended" || status === undefined) {
        return ["WARN", "cannot be checked: neither timedatectl nor adjtimex answers"];
      }
      return (Number(status) & UNSYNCHRONISED) === 0 ? ["PASS"] : ["WARN", "it is not"];
    },
  },
  {
    area: "HOST",
    title: "that the probe may read devices",
    async run({ host, paths: { lib } }): Promise<Outcome> {
      const { stdout: names } = await host.run("ls", ["/sys/bus/pci/devices"]);
      const [first = ""] = names.split("\n");
      const words = first === "" ? [] : [first];
      const args = ["-i", "sh", `${lib}/probe.sh`, ...words];
      const { kind, code, stdout, stderr } = await host.run("env", args);
      if (kind !== "ended" || code !== 0) {
        return ["FAIL", `it ended with ${code}: ${oneLine(stderr)}`];
      }
      const { uid, devices: [device] } = parseProbeReport(stdout);
      if (uid !== 0) {
        return ["WARN", "cannot be checked by another user than root, who runs the hook"];
      }
      if (device === undefined) return ["WARN", "cannot be checked: there is no PCI device"];
      const { config, powerState } = device;
      return powerState === "D3cold" || (config !== undefined && config.bytes.length > HEADER_BYTES)
        ? ["PASS"]
        : ["FAIL", `the kernel shows too little of ${first}: see lockdown in dmesg`];
    },
  },
  {
    area: "HOST",
    title: "for what the hook knows of libvirt's networks",
    async run({ host, paths: { networks, networkStates } }): Promise<Outcome> {
      const [text, made] = [await host.read(networks), await host.stat(networks)];
      if (text === undefined || made === undefined) {
        return ["WARN", "there is no list of which are pools of host devices: premigrate cache"];
      }
      const known = parseNetworks(new TextDecoder().decode(text));
      const stale: string[] = [];
      for (const file of await host.list(networkStates) ?? []) {
        const name = /^(.+)\.xml$/.exec(file)?.[1];
        if (name === undefined) continue;
        const state = await host.stat(`${networkStates}/${file}`);
        const isKnown = Object.hasOwn(known, name) && (state?.changed ?? 0) <= made.changed;
        if (!isKnown) stale.push(name);
      }
      return stale.length === 0 ? ["PASS", countNetworks(known)] : [
        "WARN",
        `the list is older than ${oneLine(stale.join(", "))}: premigrate cache, or run the agent`,
      ];
    },
  },
  {
    area: "HOST",
    title: "for what the hook knows of QEMU",
    async run({ host, paths }): Promise<Outcome> {
      return ["PASS", await host.fillCache(paths)];
    },
  },
  {
    area: "HOST",
    title: "that decisions can be recorded",
    async run({ host, paths: { log, reports } }): Promise<Outcome> {
      for (const folder of [log, reports]) {
        const stat = await host.stat(folder);
        if (stat?.kind !== "folder") return ["FAIL", `there is no folder ${folder}`];
        const { kind, code } = await host.run("test", ["-w", folder]);
        if (kind !== "ended") return ["WARN", `cannot be checked: test ${kind}`];
        if (code !== 0) return ["FAIL", `${folder} cannot be written`];
        if ((stat.mode & 0o077) !== 0) return ["WARN", `chmod 700 ${folder}: others may read it`];
      }
      const left = async (option: string): Promise<number> => {
        const { stdout } = await host.run("df", [option, log]);
        // Filesystem, all, used, available: of the last line.
        return Number(stdout.trim().split("\n").at(-1)?.split(/\s+/)[3] ?? NaN);
      };
      const [kilobytes, inodes] = await Promise.all([left("-Pk"), left("-Pi")]);
      if (Number.isNaN(kilobytes)) return ["WARN", "cannot be checked: df gives no number"];
      if (kilobytes < LEAST_KILOBYTES || inodes === 0) return ["FAIL", `${log} is full`];
      return kilobytes < FEW_KILOBYTES || inodes < FEW_INODES
        ? ["WARN", `${log} has ${kilobytes} KiB and ${inodes} inodes left`]
        : ["PASS"];
    },
  },
];
