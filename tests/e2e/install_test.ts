/** An installation on a living host: what it makes of it, what the doctor finds, and what is left. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DIST } from "../helpers/install_host.ts";
import type { Finished } from "../helpers/run_program.ts";
import { type Hosts, testOnHosts } from "./hosts.ts";

const DAEMON = "that the daemon knows of hooks";

const sh = (hosts: Hosts, script: string): Promise<Finished> =>
  hosts.run("a", ["sh", "-c", script]);

async function succeed(hosts: Hosts, script: string): Promise<string> {
  const { code, stdout, stderr } = await sh(hosts, script);
  assertEquals(code, 0, `${script}\n${stdout}${stderr}`);
  return stdout;
}

/** The doctor's grade of each line that is not PASS. */
async function diagnose(hosts: Hosts): Promise<Record<string, string>> {
  const { stdout } = await sh(hosts, "premigrate doctor --json");
  const lines: { readonly title: string; readonly grade: string; readonly detail?: string }[] = JSON
    .parse(stdout);
  return Object.fromEntries(
    lines.filter(({ grade }) => grade !== "PASS")
      .map(({ title, grade, detail }) => [title, `${grade} ${detail}`]),
  );
}

const RESTART = `kill $(pgrep -x libvirtd); until ! pgrep -x libvirtd; do sleep 0.1; done
libvirtd --listen < /dev/null > /dev/null 2>&1 &
timeout 30 sh -c "until virsh version; do sleep 0.1; done" > /dev/null 2>&1`;

testOnHosts("install, doctor and uninstall on a host", async (hosts) => {
  // /etc is the host's own already.
  await succeed(
    hosts,
    `for dir in usr var; do
  mkdir -p /run/$dir/upper /run/$dir/work
done
mount -t overlay -o lowerdir=/usr,upperdir=/run/usr/upper,workdir=/run/usr/work overlay /usr
for dir in /var/lib /var/log; do
  mount -t tmpfs tmpfs $dir
  mkdir $dir/libvirt
done`,
  );
  const list = "find /etc /usr /var -name '*premigrate*' -o -path '/etc/libvirt/*'";
  const before = await succeed(hosts, list);
  const deno = `"${Deno.execPath()}"`;

  const first = await succeed(
    hosts,
    `PATH="$(dirname ${deno}):$PATH" "${DIST}/premigrate" install --copy-deno`,
  );
  assertMatch(first, /^made +\/etc\/libvirt\/hooks\/qemu\.d\/90-premigrate$/m);
  assertMatch(first, /^next: systemctl reload libvirtd: it does not know of hooks yet$/m);

  const found = await diagnose(hosts);
  // There is no systemd that would know of a reload.
  assertMatch(
    found[DAEMON] ?? "",
    /^WARN cannot be checked: libvirtd was started before the first/,
  );

  await succeed(hosts, RESTART);
  // The clock of a test's machine may be as it likes.
  const { "that the clock is synchronised, as stamps age": _, ...others } = await diagnose(hosts);
  assertEquals(others, {
    "that the applied configuration is whole": "WARN mode: observe refuses nothing",
    "that something tells of the source: stamps, or hosts":
      "WARN cannot be checked: no systemd tells whether the agent runs",
  });
  const { code, stdout } = await sh(hosts, "premigrate doctor");
  assertEquals(code, 0, stdout);
  assertMatch(
    stdout,
    /for what the hook knows of QEMU +: PASS \(libvirt \S+, \/\S+ \S+, 0 networks\)$/m,
  );

  // A newer hook in the place of the old one: the daemon still knows.
  await succeed(hosts, "sleep 0.1; touch /etc/libvirt/hooks/qemu.d/90-premigrate");
  const again = await succeed(hosts, "premigrate install");
  assert(!/^(made|changed|removed) |reload/m.test(again), again);
  assertEquals((await diagnose(hosts))[DAEMON], undefined);

  await succeed(hosts, "premigrate uninstall");
  assertEquals(await succeed(hosts, list), before);
});
