/** Elements below <domain> that decide, or that nobody knows, are undecided by name. */
import { assertEquals } from "@std/assert";
import { parseDomain } from "premigrate";
import { wantDevices } from "../../../lib/policy/guest.ts";
import { FIRST, guestXml } from "../../helpers/hook_arrivals.ts";

for (
  const [element, wanted] of [
    ["<launchSecurity type='sev'><policy>0x0003</policy></launchSecurity>", ["launchSecurity"]],
    ["<launchSecurity type='tdx'/>", ["launchSecurity"]],
    ["<iommufd enabled='yes'/>", ["iommufd"]],
    ["<ofTheFuture/><ofTheFuture/>", ["ofTheFuture"]],
    ["<cpu mode='host-model'/><memoryBacking><hugepages/></memoryBacking><pm/>", []],
    ["<x:note xmlns:x='urn:x'/>", []],
  ] as const
) {
  Deno.test(`below <domain>: ${element}: ${wanted.join() || "harmless"}`, () => {
    const read = (xml: string): unknown[] =>
      wantDevices(parseDomain(xml)).findings
        .filter(({ code }) => code === "element-not-understood")
        .map(({ data }) => data["element"]);
    assertEquals(read(guestXml([FIRST], { before: element })), [...wanted]);
    // Without a VFIO device nothing depends on it.
    assertEquals(read(guestXml([], { before: element })), []);
  });
}
