/** vfio-ap and vfio-ccw devices cannot migrate. */
import { assertEquals } from "@std/assert";
import { parseDomain } from "premigrate";
import { decide } from "../../../lib/policy/engine.ts";
import { wantDevices } from "../../../lib/policy/guest.ts";

for (const model of ["vfio-ap", "vfio-ccw"]) {
  Deno.test(`an mdev of model ${model} is a veto`, () => {
    const { wanted, findings } = wantDevices(parseDomain(`<domain type='kvm'><name>vm1</name>
      <os><type arch='s390x' machine='s390-ccw-virtio-9.0'>hvm</type></os><devices>
      <hostdev mode='subsystem' type='mdev' model='${model}'>
        <source><address uuid='3a5f1d0e-1111-4222-8333-444455556666'/></source>
      </hostdev></devices></domain>`));
    assertEquals(wanted, []);
    assertEquals(findings.map(({ code, data }) => [code, data]), [["no-pci-device", { model }]]);
    assertEquals(decide(findings), "veto");
  });
}
