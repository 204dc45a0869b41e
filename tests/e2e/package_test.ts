/**
 * The `.deb` on a clean Debian with systemd and libvirt, without Node or Deno: installed, upgraded, removed
 * and purged by apt, and beside an installation that no package made.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { build } from "../../lib/install/build.ts";
import { version } from "../../lib/config/version.ts";
import { putDeno } from "../../lib/install/put_deno.ts";
import { makeDeb } from "../../lib/install/package/deb.ts";
import { type Finished, runProgram } from "../helpers/run_program.ts";

const NAMESPACES = ["--mount", "--uts", "--ipc", "--cgroup", "--pid"];
const HOOK = "/etc/libvirt/hooks/qemu.d/90-premigrate";
const GUEST = "4dea22b3-1d52-48f3-a516-782e98ab3fa0";

// The mirror that this machine itself uses, or in a line what is missing.
const REQUIREMENTS = `
[ "$(id -u)" -eq 0 ] || { echo "missing this is not root"; exit; }
for program in apt-get dpkg-deb mmdebstrap nsenter setpriv unshare; do
  command -v "$program" > /dev/null || { echo "missing there is no $program"; exit; }
done
unshare ${NAMESPACES.join(" ")} --net --fork sh -c '
  mount -t tmpfs tmpfs /mnt && mount -t cgroup2 cgroup2 /mnt
' 2> /dev/null || { echo "missing namespaces or cgroups cannot be made"; exit; }
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' |
  grep '/debian/$' | head -n 1)
[ -n "$mirror" ] || { echo "missing apt knows no mirror of Debian"; exit; }
release=$(mktemp)
timeout 20 /usr/lib/apt/apt-helper -qq -o APT::Sandbox::User=root download-file \\
  "\${mirror}dists/bookworm/Release.gpg" "$release" > /dev/null 2>&1 ||
  { echo "missing $mirror cannot be reached"; exit; }
rm -f "$release"
echo "mirror $mirror"
`;

/** A clean Debian, which ends with this. */
class CleanHost implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;
  #pid = "";

  constructor(folder: string, mirror: string, files: string) {
    this.#folder = folder;
    const script = new URL("package_host.sh", import.meta.url).pathname;
    const options = ["--fork", "--kill-child", "--mount-proc", "sh", script, folder, mirror, files];
    this.#process = new Deno.Command("unshare", {
      args: [...NAMESPACES, ...options],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  /** Waits until its systemd is up. */
  async ready(): Promise<void> {
    const reader = this.#process.stdout.getReader();
    const { done } = await reader.read();
    reader.releaseLock();
    if (done) {
      const { stderr } = await this.#process.output();
      throw new Error(`The host was not made: ${new TextDecoder().decode(stderr)}`);
    }
    const { pid } = this.#process;
    this.#pid = (await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`)).trim();
    // Some of what Debian starts may fail in a container: what is needed is that systemd answers.
    await this.succeed(
      "timeout 300 sh -c 'until systemctl -q is-active basic.target; do sleep 0.1; done 2> /dev/null'",
    );
  }

  /** Runs a script as root. */
  sh(script: string, stdin = ""): Promise<Finished> {
    const enter = [`--target=${this.#pid}`, "--all", "--root", "--wd"];
    const env = [
      "env",
      "-i",
      "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
      "DEBIAN_FRONTEND=noninteractive",
    ];
    const args = [...enter, ...env, "timeout", "300", "sh", "-c", script];
    return runProgram("nsenter", { args }, stdin);
  }

  /** Runs a script that must succeed, and hands over what it printed. */
  async succeed(script: string, stdin = ""): Promise<string> {
    const { code, stdout, stderr } = await this.sh(script, stdin);
    assertEquals(code, 0, `${script}\n${stdout}${stderr}`);
    return stdout;
  }

  /** All that is there, but for what packages' own tools and services keep, and in root's home Deno. */
  async files(): Promise<string[]> {
    const others =
      "/proc /sys /dev /run /tmp /mnt /var/lib/dpkg /var/lib/apt /var/lib/systemd /var/log /var/tmp /root /etc/libvirt/secrets";
    const prune = `${others} /var/cache /var/lib/libvirt`.split(" ").map((path) => `-path ${path}`);
    const listed = await this.succeed(
      `find / -xdev \\( ${
        prune.join(" -o ")
      } \\) -prune -o -print; find /var -name '*premigrate*' ! -path '/var/cache/man/*' 2> /dev/null || :`,
    );
    return listed.trim().split("\n").sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await Promise.all([this.#process.stdout.cancel(), this.#process.stderr.cancel()]);
    await this.#process.status;
    await Deno.remove(this.#folder);
  }
}

/** A package of a later version, with another file for each of the operator's. */
const LATER = `
dpkg-deb --raw-extract "$1" later
cd later
sed -i 's/^Version: .*/&+later/' DEBIAN/control
echo '# later' >> etc/premigrate/config.yaml
echo '# later' >> etc/logrotate.d/premigrate
dpkg-deb --root-owner-group -Zgzip -z1 --build . ../later.deb
`;

const { stdout } = new Deno.Command("sh", { args: ["-c", REQUIREMENTS] }).outputSync();
const [, kind, found = ""] = /^(missing|mirror) (.*)\n/.exec(new TextDecoder().decode(stdout)) ??
  [];
const reason = kind === "mirror" ? undefined : found;

Deno.test({
  name: "a package is installed, upgraded, removed and purged by apt" +
    (reason === undefined ? "" : ` (left out: ${reason})`),
  ignore: reason !== undefined,
  async fn(t): Promise<void> {
    const work = await Deno.makeTempDir({ prefix: "premigrate-package-" });
    try {
      await Deno.mkdir(`${work}/host`);
      await Deno.mkdir(`${work}/files`);
      await using host = new CleanHost(`${work}/host`, found, `${work}/files`);
      const [first] = await Promise.all([makeFiles(`${work}/files`), host.ready()]);
      await tryPackages(host, first, t);
    } finally {
      await Deno.remove(work, { recursive: true });
    }
  },
});

/** A build with this Deno, and two packages of it: the name of the first; the other is `later.deb`. */
async function makeFiles(folder: string): Promise<string> {
  const dist = `${folder}/dist`;
  await build(dist);
  await putDeno(dist, Deno.execPath());
  const work = `${folder}/work`;
  const path = await makeDeb({ dist, deno: `${dist}/deno`, output: folder, work });
  const { code, stderr } = await runProgram("sh", {
    args: ["-ec", LATER, "sh", path],
    cwd: folder,
  });
  assertEquals(code, 0, stderr);
  return path.slice(folder.length + 1);
}

async function tryPackages(host: CleanHost, first: string, t: Deno.TestContext): Promise<void> {
  const install = (file: string): Promise<Finished> =>
    host.sh(`apt-get install -q -y -o Dpkg::Options::=--force-confold /mnt/${file} 2>&1`);
  const installed = async (file: string): Promise<string> => {
    const { code, stdout } = await install(file);
    assertEquals(code, 0, stdout);
    return stdout;
  };
  const mode = async (): Promise<string | undefined> =>
    /^mode: (\w+)$/m.exec(await host.succeed("premigrate config show"))?.[1];
  const agent = async (): Promise<string> =>
    (await host.succeed("systemctl show -p MainPID --value premigrate-agent")).trim();
  const before = await host.files();

  await t.step("installed, it observes, and everything of it works", async () => {
    assertEquals((await host.sh("command -v node deno")).stdout, "");
    assertStringIncludes(await installed(first), "next: premigrate doctor");
    assertEquals(await mode(), "observe");
    assertEquals(await host.succeed("dpkg --verify premigrate"), "");
    assertEquals(await host.succeed("premigrate --version"), `premigrate ${version}\n`);
    assertMatch(await host.succeed("man premigrate | cat"), /^NAME\n +premigrate - predict /m);
    const complete = ". /usr/share/bash-completion/completions/premigrate; complete -p premigrate";
    assertStringIncludes(await host.succeed(`bash -c '${complete}'`), "_premigrate premigrate");
    assertEquals((await host.sh("systemctl is-enabled premigrate-agent")).stdout, "disabled\n");
  });

  await t.step("check judges the examples that came with it", async () => {
    const files = "--source examples/source.json --destination examples/destination.json";
    const { code, stdout, stderr } = await host.sh(
      `cd /usr/share/doc/premigrate && premigrate check ${files} --domain examples/domain.xml`,
    );
    assertEquals([code, stderr], [1, ""]);
    assertMatch(stdout, /VETO/);
  });

  await t.step("the doctor finds nothing wrong with it", async () => {
    // libvirt looks for hooks when it is started or reloaded.
    await host.succeed("systemctl restart libvirtd; systemctl enable --now premigrate-agent");
    const { stdout } = await host.sh("premigrate doctor --json");
    const lines: { readonly title: string; readonly grade: string; readonly detail?: string }[] =
      JSON.parse(stdout);
    const wrong = lines.filter(({ grade }) => grade === "FAIL")
      .map(({ title, detail }) => `${title}: ${detail}`);
    assertEquals(wrong, []);
    assert(lines.length > 10);
  });

  await t.step("install and uninstall leave it to apt", async () => {
    for (const command of ["install", "uninstall --purge"]) {
      const { code, stderr } = await host.sh(`premigrate ${command}`);
      assertEquals(code, 2);
      assertStringIncludes(stderr, `premigrate ${version} came as a deb package`);
    }
  });

  await t.step("upgraded, it does what it did, and the agent is a new one", async () => {
    const change = "sed -i 's/^mode: observe/mode: enforce/' /etc/premigrate/config.yaml";
    await host.succeed(`${change}; premigrate config apply`);
    await host.succeed(`premigrate waive ${GUEST} --for 1h --reason tried`);
    const old = await agent();
    const said = await installed("later.deb");
    assertStringIncludes(said, "restarted premigrate-agent.service");
    assertMatch(
      await host.succeed("dpkg-query -W -f '${Version} ${db:Status-Abbrev}' premigrate"),
      /\+later ii /,
    );
    assertEquals(await mode(), "enforce");
    assertEquals(await host.succeed("tail -n 1 /etc/logrotate.d/premigrate"), "# later\n");
    assertStringIncludes(await host.succeed("premigrate waive --list"), GUEST);
    const now = await agent();
    assert(now !== old && now !== "0", `${old}, then ${now}`);
  });

  await t.step("removed, it leaves what the operator wrote and what was recorded", async () => {
    await host.succeed(
      `${HOOK} guest migrate begin - < /usr/share/doc/premigrate/examples/domain.xml || :`,
    );
    const pid = await agent();
    await host.succeed("apt-get remove -q -y premigrate");
    await host.succeed(`! kill -0 ${pid}`);
    assertEquals((await host.sh("systemctl is-enabled premigrate-agent")).code !== 0, true);
    for (
      const path of [
        HOOK,
        "/usr/bin/premigrate",
        "/usr/lib/premigrate",
        "/etc/premigrate/applied.conf",
      ]
    ) {
      await host.succeed(`[ ! -e ${path} ]`);
    }
    await host.succeed("grep -q '^mode: enforce' /etc/premigrate/config.yaml");
    await host.succeed(
      "[ -s /var/log/premigrate/audit.jsonl ] && ls /var/lib/premigrate/waivers/*",
    );
  });

  await t.step("installed again, it is as it was", async () => {
    await installed(first);
    assertEquals(await mode(), "enforce");
  });

  await t.step("purged, it leaves nothing", async () => {
    await host.succeed("apt-get purge -q -y premigrate");
    assertEquals((await host.files()).filter((path) => !before.includes(path)), []);
    assertEquals((await host.sh("find /etc/systemd /var/log -name '*premigrate*'")).stdout, "");
  });

  await t.step("a host that install has changed is left as it is", async () => {
    await host.succeed("sh /mnt/dist/premigrate install");
    const { code, stdout } = await install(first);
    assert(code !== 0);
    assertStringIncludes(stdout, "Cannot install the package: found what `premigrate install` put");
    await host.succeed("premigrate doctor > /dev/null; premigrate uninstall --purge");
    assertEquals((await host.files()).filter((path) => !before.includes(path)), []);
    // A hook of somebody else's.
    await host.succeed(`mkdir -p ${HOOK.replace(/\/[^/]*$/, "")}; echo > ${HOOK}`);
    assertStringIncludes(
      (await install(first)).stdout,
      `${HOOK} is not premigrate's, or was changed`,
    );
  });
}
