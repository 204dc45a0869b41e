/**
 * F14: the deadline covers all that was started. On a clock of the test's own, each step that is
 * granted a time would end before it, whatever the steps before it took.
 */
import { assert, assertEquals } from "@std/assert";
import { Launcher, SHELLS } from "./launchers.ts";

const DEADLINES = [2, 5, 12, 60, 600];
/** Hundredths of a second. */
const BEGAN = 1_000_000;
const UUIDS = Array.from({ length: 6 }, () => crypto.randomUUID());

/**
 * In place of timeout: writes down when what was granted to whom, lets what fits SLOW take all of it
 * on the test's clock, and lets what fits LATE end just before. The clock runs no other way.
 */
const TIMEOUT = `
read -r now _ <CLOCK
limit=$3
shift 3
case $1 in
  logger) exit ;; # behind libvirt's back
esac
echo "$now $limit $*" | cut -c 1-2000 | head -n 1 >>LOG
pass() {
  awk -v now="$now" -v limit="$limit" -v less="$1" 'BEGIN { printf "%.2f 0\\n", now + limit - less }' >CLOCK.$$
  mv CLOCK.$$ CLOCK
}
case "$*" in
  $SLOW) cat >/dev/null; pass 0; exit 137 ;;
  $LATE) cat >CLOCK.$$.input; pass 0.01; exec "$@" <CLOCK.$$.input ;;
esac
exec "$@"`;

/** What the bundle says of the first round: that QEMU is to be asked, and more to be opened. */
const ASKS = `case "$*" in
  *vfio_region_main*) ;;
  *" 3 "*) cat >/dev/null; printf '\\036\\036\\036'; exit 80 ;;
  *) cat >/dev/null; printf '\\036again\\036x86_64 networks ${UUIDS.join(" ")}\\036'; exit 83 ;;
esac`;

interface Slowness {
  readonly name: string;
  /** Patterns of the shell's. */
  readonly slow?: string;
  readonly late?: string;
  /** What is to be among that which was granted a time. */
  readonly granted: RegExp;
}

const SLOWNESSES: readonly Slowness[] = [
  { name: "nothing", granted: /hook\.js .* 3 /s },
  { name: "the probe", slow: "*probe.sh*", granted: /probe\.sh/ },
  { name: "the probe, and mdevs", late: "*probe.sh*", slow: "*vfio_region*", granted: /probe/ },
  { name: "mdevs", slow: "*vfio_region_main*", granted: /vfio_region_main/ },
  { name: "mdevs, all but", late: "*vfio_region_main*", granted: /vfio_region_main/ },
  { name: "QEMU's answer", slow: "*premigrate cache*", granted: /premigrate cache/ },
  { name: "the bundle", slow: "*hook.js*", granted: /hook\.js/ },
  { name: "the bundle, all but", late: "*hook.js*", granted: /hook\.js/ },
  { name: "the document", slow: "head *", granted: /head -c/ },
  { name: "the document's addresses", slow: "awk *", granted: /awk/ },
  { name: "the audit file", slow: "sh -c *", late: "*hook.js*", granted: /sh -c/ },
  { name: "everything", slow: "*", granted: /head -c/ },
  { name: "everything, all but", late: "*", granted: /head -c/ },
];

/** Those that are tried in each shell, and with each deadline. */
const ALWAYS = ["the probe, and mdevs", "mdevs", "the document", "everything, all but"];

for (const { shell, name, ignore } of SHELLS) {
  for (const seconds of shell === "dash" ? DEADLINES : [12]) {
    Deno.test({
      name: `${name}: whatever is slow, no step is granted more than ${seconds} s have left`,
      ignore,
      async fn(): Promise<void> {
        const config = { deadline: `${seconds}s` };
        const isMain = shell === "dash" && seconds === 12;
        const slownesses = SLOWNESSES.filter(({ name }) => isMain || ALWAYS.includes(name));
        using launcher = await Launcher.make(shell, { config, deno: ASKS });
        const { tree } = launcher;
        const clock = `${tree.root}/uptime`;
        await launcher.edit("uptime=/proc/uptime", `uptime=${clock}`);
        await launcher.script("timeout", TIMEOUT.replaceAll("CLOCK", clock));
        await tree.script("usr/lib/premigrate/premigrate", "exit 0");
        await tree.script("usr/lib/premigrate/probe.sh", "exit 0");
        for (const uuid of UUIDS) {
          tree.sysfs.addMdev(uuid, { parent: "0000:3b:00.4", type: "mtty-2", iommuGroup: "9" });
        }
        const xml = await tree.xml({ stamp: false });
        for (const { name, slow = "", late = "", granted } of slownesses) {
          await Deno.writeTextFile(launcher.log, "");
          await Deno.writeTextFile(clock, `${BEGAN / 100}.00 0\n`);
          const env = { ...launcher.env, SLOW: slow, LATE: late };
          const { code } = await tree.run(["migrate", "begin"], xml, { env });
          const lines = await launcher.lines();
          assert(lines.some((line) => granted.test(line)), `${name}: ${lines.join("\n")}`);
          for (const line of lines) {
            const [, start, limit, command] = /^(\S+) (\S+) (.*)$/.exec(line) ?? [];
            assert(Number(limit) > 0, `${name}: ${line}`);
            const ends = Number(start) + Number(limit) - BEGAN / 100;
            // The last steps are the shell's own, and the audit file's.
            const most = command?.startsWith("sh -c ") ? seconds : seconds - 0.5;
            assert(ends <= most + 0.001, `${name}: ${line} ends at ${ends} s`);
          }
          const took = Number((await Deno.readTextFile(clock)).split(" ")[0]) - BEGAN / 100;
          assert(took <= seconds + 0.001, `${name}: ${took} s`);
          assertEquals(code, name === "nothing" ? 0 : code);
        }
      },
    });
  }
}
