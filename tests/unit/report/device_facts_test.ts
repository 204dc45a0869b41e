/** The facts of two devices side by side: those that policies declare, too. */
import { assertEquals } from "@std/assert";
import { parseQemuVersion } from "premigrate/policy";
import { deviceFacts, hostFacts } from "../../../lib/report/device_facts.ts";

Deno.test("the sysfs attributes of either side stand below the other facts, sorted", () => {
  const source = { address: "0000:3b:00.4", attributes: { "power/control": "auto", "b": "1\n2" } };
  const destination = { address: "0000:3b:00.5", attributes: { "power/control": null, "a": "" } };
  const guest = { properties: {} };
  const facts = deviceFacts({ name: "hostdev0", guest, source, destination });
  assertEquals(facts.filter(({ name }) => name.startsWith("sysfs ")), [
    { name: "sysfs a", source: "not known", destination: "", differs: false },
    { name: "sysfs b", source: "1\n2", destination: "not known", differs: false },
    { name: "sysfs power/control", source: "auto", destination: "not there", differs: true },
  ]);
  const none = deviceFacts({ name: "hostdev0", guest, source: { address: "a" }, destination });
  assertEquals(none.length, facts.length - 1);
});

Deno.test("hosts: what is known of one of them, when it was gathered, and no difference in that", () => {
  const host = { name: "a", qemu: parseQemuVersion("9.1"), time: "2026-11-29T11:55:00+00:00" };
  const other = {
    name: "b",
    qemu: parseQemuVersion("9.2"),
    kernel: "6.1.0",
    time: "2026-11-30T12:00:01Z",
  };
  const migration = { source: host, destination: other, bytesOnly: false };
  assertEquals(hostFacts(migration, "2026-11-29T12:00:00.000Z"), [
    { name: "QEMU", source: "9.1", destination: "9.2", differs: true },
    { name: "Kernel", source: "not known", destination: "6.1.0", differs: false },
    {
      name: "Facts gathered",
      source: "2026-11-29 11:55:00 UTC (5 minutes before this report)",
      destination: "2026-11-30 12:00:01 UTC (1 day after this report)",
      differs: false,
    },
  ]);
  const none = { source: { name: "a" }, destination: { name: "b" }, bytesOnly: false };
  assertEquals(hostFacts(none, undefined).map(({ name, source }) => `${name} ${source}`), [
    "QEMU not known",
    "Facts gathered not known",
  ]);
});
