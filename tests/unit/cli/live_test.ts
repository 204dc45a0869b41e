/** A guest that runs, judged with policies that want more of its devices. */
import { assertEquals } from "@std/assert";
import { bytesOf, FIRST, GUEST, guestXml } from "../../helpers/hook_arrivals.ts";
import { askFakes, running } from "../../helpers/fake_virsh.ts";
import { FakeSysfs } from "../../helpers/probe_tree.ts";

Deno.test("the sysfs attributes that policies declare are read of both hosts", async () => {
  const sysfs = new FakeSysfs();
  const files = { "acme/fw_rev": "1.2\n", "other": "x\n" };
  sysfs.addFunction(FIRST.source, { config: bytesOf("source"), driver: "nvidia", files });
  const xml = guestXml([FIRST]);
  const ask = async (attributes: readonly string[]): Promise<unknown> => {
    const request = { what: "live", sysfs: sysfs.root, attributes, runner: "sh" };
    const arrival = { xml, now: 0 };
    const { result } = await askFakes({ localhost: running({ [GUEST]: xml }) }, {
      ...request,
      arrival,
    });
    return result;
  };
  const read = { "acme/fw_rev": "1.2", "parent/none": null };
  assertEquals(await ask(["acme/fw_rev", "parent/none"]), [[read, read]]);
  assertEquals(await ask([]), [[null, null]]);
  sysfs.remove();
});
