/** The facts of two devices side by side: those that policies declare, too. */
import { assertEquals } from "@std/assert";
import { deviceFacts } from "../../../lib/report/device_facts.ts";

Deno.test("the sysfs attributes of either side stand below the other facts, sorted", () => {
  const source = { address: "0000:3b:00.4", attributes: { "power/control": "auto", "b": "1\n2" } };
  const destination = { address: "0000:3b:00.5", attributes: { "power/control": null, "a": "" } };
  const guest = { properties: {} };
  const facts = deviceFacts({ name: "hostdev0", guest, source, destination });
  assertEquals(facts.filter(({ name }) => name.startsWith("sysfs ")), [
    { name: "sysfs a", source: "not known", destination: "" },
    { name: "sysfs b", source: "1\n2", destination: "not known" },
    { name: "sysfs power/control", source: "auto", destination: "not there" },
  ]);
  const none = deviceFacts({ name: "hostdev0", guest, source: { address: "a" }, destination });
  assertEquals(none.length, facts.length - 1);
});
