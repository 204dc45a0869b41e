/** A QEMU that nobody has asked may be one whose rules nobody knows. */
import { assert, assertEquals } from "@std/assert";
import {
  configOf,
  EMULATOR,
  FakeHost,
  FIRST,
  guestXml,
  NOW,
  stamped,
} from "../../helpers/hook_arrivals.ts";
import { judgeArrival, readGuestXml } from "../../../lib/hook/arrival.ts";
import { judgeExample } from "./example.ts";

const unknown = { qemu: undefined };

for (
  const [name, hosts] of Object.entries({
    "the destination's": { destinationHost: unknown },
    "the source's": { sourceHost: unknown },
    "both hosts'": { sourceHost: unknown, destinationHost: unknown },
    "the machine type": { machine: null },
    "the destination's machine types": { destinationHost: { machineTypes: undefined } },
  })
) {
  Deno.test(`F8: ${name} unknown: undecided, as a QEMU of the future is`, () => {
    assertEquals(judgeExample().verdict.decision, "allow");
    assertEquals(judgeExample(hosts).verdict.decision, "undecided");
  });
}

for (
  const emulator of ["/usr/bin/busybox", "/opt/my qemu/qemu-system-x86_64", "/nix/store/x/qemu"]
) {
  Deno.test(`F8: an arrival whose emulator ${emulator} was never asked: undecided`, async () => {
    using host = await new FakeHost().addFunctions(FIRST.source).know(EMULATOR);
    const xml = await stamped(guestXml([FIRST], { emulator }), [FIRST]);
    const arrival = await host.arrival(xml, [FIRST.source], { round: 2, now: NOW });
    const guest = readGuestXml(arrival.xml);
    assert(!("missing" in guest));
    const found = await judgeArrival(guest, arrival, configOf());
    assert("answer" in found);
    assertEquals(found.answer.verdict.decision, "undecided");
  });
}
