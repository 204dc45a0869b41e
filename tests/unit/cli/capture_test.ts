/** `capture`, of a folder that is as sysfs. */
import { assertEquals } from "@std/assert";
import { parseFacts } from "premigrate";
import { runCli, testRuns } from "../../helpers/cli_run.ts";
import { withHost } from "../../helpers/probe_hosts.ts";
import { FakeSysfs, makeConfig } from "../../helpers/probe_tree.ts";

const [PF, VF] = ["0000:01:00.0", "0000:01:00.1"];

testRuns([
  {
    name: "capture: an attribute that is none",
    words: "capture --attribute fw_rev --attribute ../x",
    code: 2,
    error:
      'Cannot read --attribute "../x": wanted the name of a sysfs attribute that may be read, as fw_rev',
  },
  {
    name: "capture: an attribute without its name",
    words: "capture --attribute",
    code: 2,
    error: "--attribute",
  },
  {
    name: "capture: an attribute without a way to read it",
    words: `capture ${PF} --uri qemu+tcp://hosta/system --attribute fw_rev`,
    code: 2,
    error: "Cannot read attributes without the probe: give --ssh",
  },
]);

Deno.test("capture --attribute: a VF's and its physical function's", () =>
  withHost(new FakeSysfs(), async (host) => {
    const config = makeConfig(64, [1, 2]);
    host.addFunction(PF, { config, files: { fw_rev: "8\n" } });
    host.addFunction(VF, { config, physfn: [PF, 0], files: { fw_rev: "7\n" } });
    const { code, stdout, stderr } = await runCli(
      `capture ${VF} --sysfs ${host.root} --attribute fw_rev --attribute parent/fw_rev ` +
        "--attribute acme/profile",
      "",
      ["--allow-run", "--allow-write", "--allow-env"],
    );
    assertEquals([code, stderr], [0, ""]);
    assertEquals(parseFacts(stdout).devices.map(({ attributes }) => attributes), [
      {
        "acme/profile": null,
        fw_rev: "7",
        "nvidia/creatable_vgpu_types": null,
        "nvidia/vgpu_params": null,
        "parent/fw_rev": "8",
        "parent/qat/cfg_services": null,
      },
    ]);
  }));
