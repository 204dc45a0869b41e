/** The model against migrations that were recorded in the nested VM, and the page that tells of them. */
import { assert, assertEquals } from "@std/assert";
import { proof, readRecording, recordingNames } from "../../vfio/proof.ts";
import { isForetold, realizeSide } from "../../vfio/recorded.ts";

for (const name of recordingNames()) {
  Deno.test(`predictLine: every migration of ${name} comes out as recorded`, () => {
    const migrations = readRecording(name);
    assert(migrations.length >= 200);
    const missed = migrations.findIndex((migration) => !isForetold(migration));
    assertEquals(missed, -1, JSON.stringify(migrations[missed]));
  });
}

for (const name of recordingNames()) {
  Deno.test(`realize: every bit that guests of ${name} read is the device's or the shadow's`, () => {
    const views = readRecording(name).flatMap((migration) => [
      { ...migration, side: "source", view: migration.guestSource } as const,
      { ...migration, side: "destination", view: migration.guestDestination } as const,
    ]);
    let compared = 0;
    for (const { side, view, ...migration } of views) {
      if (view === undefined) continue;
      const device = realizeSide(migration, side);
      assert(device.ok);
      const region = Uint8Array.fromHex(migration[side]);
      // vfio_pci_read_config: emulated_config_bits choose between the two.
      const others = Uint8Array.fromHex(view).findIndex((byte, at) =>
        ((byte ^ (region[at] ?? 0)) & (byte ^ (device.shadow[at] ?? 0))) !== 0
      );
      assertEquals(others, -1, JSON.stringify(migration));
      compared++;
    }
    assert(compared >= 300);
  });
}

Deno.test("there are recordings of two QEMU versions", () => {
  assert(recordingNames().length >= 2);
});

Deno.test("docs/proof.md is what `deno task proof` writes", () => {
  assertEquals(Deno.readTextFileSync("docs/proof.md"), proof());
});
