import { parseProbeReport } from "../../lib/facts/probe/report.ts";

/** Machine types of a QEMU as libvirt tells them. */
const MACHINES = ["8.2", "9.0", "9.1", "9.2"].map((version) => {
  const name = `pc-q35-${version}`;
  return { name, canonical: name, isDeprecated: false };
});

/** What is kept of what libvirt and QEMU said; `probed` is what the probe says of that emulator. */
export function keptHost(probed: string, path: string, uuid: string): string {
  const { emulator } = parseProbeReport(probed);
  const entry = {
    identity: emulator?.identity,
    exe: emulator?.identity,
    asked: "2026-01-01T00:00:00Z",
    daemons: emulator?.daemons,
    host: {
      name: "hostb",
      uuid,
      libvirt: "9.0.0",
      emulator: path,
      machines: MACHINES,
      missing: {},
    },
    replies: { qemu: "9.1.0", missing: {} },
  };
  return JSON.stringify({ premigrate: "host/2", emulators: { [path]: entry } });
}
