/** F14: the deadline in real time, with all that can make the hook wait for it. */
import { assert, assertEquals } from "@std/assert";
import { Launcher } from "./launchers.ts";

const UUIDS = Array.from({ length: 6 }, () => crypto.randomUUID());

/** How long a shell takes here and now for some last steps. */
async function lastSteps(): Promise<number> {
  const began = performance.now();
  const script = "i=0; while [ $i -lt 40 ]; do /bin/true; i=$((i + 1)); done";
  await new Deno.Command("sh", { args: ["-c", script] }).output();
  return performance.now() - began;
}

Deno.test("a deadline of 12 s: the probe takes nearly all, mdevs do not open, and leave processes behind", async () => {
  const deno = `case "$*" in
    *vfio_region_main*) setsid sleep 60 & exec sleep 60 ;;
    *) setsid sleep 30 & cat >/dev/null; sleep 60 ;;
  esac`;
  using launcher = await Launcher.make("dash", { config: { deadline: "12s" }, deno });
  const { tree } = launcher;
  await tree.script("usr/lib/premigrate/probe.sh", "setsid sleep 30 & sleep 9");
  const hostdevs = UUIDS.map((uuid) => {
    tree.sysfs.addMdev(uuid, { parent: "0000:3b:00.4", type: "mtty-2", iommuGroup: "9" });
    return `<hostdev mode='subsystem' type='mdev'><source><address uuid='${uuid}'/></source></hostdev>`;
  });
  const xml = (await tree.xml()).replace("</devices>", `${hostdevs.join("\n")}$&`);
  const began = performance.now();
  const { code, stderr } = await launcher.migrate(xml);
  const took = performance.now() - began;
  assertEquals([code, stderr.includes("the deadline of 12s passed")], [1, true], stderr);
  // Half a second is the launcher's for these; a busy machine may need more.
  const steps = await lastSteps();
  assert(
    took < 12_000 + Math.max(0, 2 * steps - 500),
    `${took} ms, with last steps of ${steps} ms`,
  );
  assert(took > 9_000, `${took} ms`);
});
