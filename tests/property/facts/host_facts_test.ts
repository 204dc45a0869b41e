import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { hostFacts } from "../../../lib/facts/host_facts.ts";
import { parseFacts, writeFacts } from "../../../lib/facts/mod.ts";
import { parseProbeReport } from "../../../lib/facts/probe/report.ts";
import { ProbeError } from "../../../lib/facts/probe/sections.ts";
import { reportOf } from "../../helpers/probe_reports.ts";

const HOST = ["sys/kernel/hostname", "sys/kernel/osrelease", "machine-id", "module/vfio/version"];
const DEVICE = [
  "vendor",
  "class",
  "driver",
  "driver/module/version",
  "iommu_group",
  "numa_node",
  "power_state",
  "reset_method",
  "modalias",
  "mdev_type",
  "mdev_type/name",
  "mdev_type/available_instances",
  "parent",
  "nvidia/current_vgpu_type",
  "attributes/nvidia/vgpu_params",
  "vf_index",
  "attributes/fw_rev",
  "attributes/acme/profile",
  "attributes/parent/fw_rev",
];

const value = fc.oneof(
  fc.constantFrom("", "0x10de", "0x030200", "7", "-1", "D0", "nvidia-558"),
  fc.stringMatching(/^[ -~]{0,40}$/),
);

function attributes(keys: readonly string[]): fc.Arbitrary<string[]> {
  return fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] })
    .map((values) => Object.entries(values).map(([key, text]) => `attr ${key} s ${text}`));
}

Deno.test("whatever the probe reports becomes a facts file that can be read", () => {
  fc.assert(fc.property(attributes(HOST), attributes(DEVICE), (host, device) => {
    const text = reportOf(...host, "device 0000:3b:00.4", ...device);
    try {
      const read = parseFacts(writeFacts(hostFacts({ probe: parseProbeReport(text) })));
      assertEquals(parseFacts(writeFacts(read)), read);
    } catch (error) {
      if (!(error instanceof ProbeError)) throw error;
    }
  }));
});
