/** F23: a guest without a device is not refused for a stamp that tells of none, however stale. */
import { assertEquals } from "@std/assert";
import { parseDomain } from "premigrate";
import { judgeArrival } from "../../../lib/hook/arrival.ts";
import { configOf, FakeHost, guestXml, stamped } from "../../helpers/hook_arrivals.ts";

const NETWORKS = { default: "plain", nat: "plain" } as const;
/** What may be a pool's on the source, for all that the document says. */
const INTERFACES = [
  "<interface type='network'><source network='default'/></interface>",
  "<interface type='network'><source network='nat'/><model type='virtio'/></interface>".repeat(2),
];

const STAMPS: Readonly<Record<string, NonNullable<Parameters<typeof stamped>[2]>>> = {
  "a second too old": { age: 901 },
  "a year old": { age: 31_536_000 },
  "from the future": { age: -3600 },
  "of another guest": { guest: "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01" },
};

for (const [name, stamp] of Object.entries(STAMPS)) {
  Deno.test(`a stamp of no device, ${name}: the guest passes`, async () => {
    using host = new FakeHost();
    for (const devices of INTERFACES) {
      const xml = await stamped(guestXml([], { devices }), [], stamp);
      const arrival = await host.arrival(xml, []);
      const found = await judgeArrival(parseDomain(xml, NETWORKS), arrival, configOf());
      assertEquals("ask" in found ? found.ask : found.answer.verdict.decision, "allow");
    }
  });
}
