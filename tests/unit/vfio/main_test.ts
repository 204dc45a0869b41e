/** What `deno task test:vfio` says where it cannot run; that it does is for a machine with root to show. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { isInstalled } from "../../helpers/probe_shells.ts";

const MAIN = new URL("../../vfio/main.ts", import.meta.url).pathname;
const isRoot = Deno.build.os === "linux" && Deno.uid() === 0;

interface Case {
  readonly args: readonly string[];
  /** The programs that can be found; all unless given. */
  readonly path?: string;
  readonly message: string;
}

const CASES: Readonly<Record<string, Case>> = {
  "no pairs": { args: ["--count", "0"], message: "Cannot migrate 0 pairs: wanted 1 to 10000" },
  "pairs without end": { args: ["--count", "1e9"], message: "Cannot migrate 1000000000 pairs" },
  "half a pair": { args: ["--count", "0.5"], message: '"--count" must be of type "integer"' },
  "a QEMU that is none": { args: ["--qemu", "9.1"], message: '"backports", "stable"' },
  "a part that is none": { args: ["--part", "all"], message: '"oracle", "emulated"' },
  "a seed that is none": { args: ["--seed", "x"], message: '"--seed" must be of type "integer"' },
  "a record of what is not run": {
    args: ["--part", "stack", "--record", "pairs.jsonl"],
    message: "Cannot record: the oracle is not among the parts",
  },
  "no programs": {
    args: [],
    path: "/nowhere",
    message: isRoot ? "apt-get" : "Cannot test on VFIO here: wanted ",
  },
};

for (const [name, { args, path, message }] of Object.entries(CASES)) {
  Deno.test(`test:vfio: ${name}`, async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "-A", MAIN, ...args],
      env: path === undefined ? {} : { PATH: path },
    }).output();
    const decoder = new TextDecoder();
    assertEquals([code, decoder.decode(stdout)], [2, ""]);
    assertStringIncludes(decoder.decode(stderr), message);
    assertEquals(decoder.decode(stderr).trimEnd().split("\n").length, 1);
  });
}

const canLint = isInstalled(["shellcheck"]);
Deno.test({
  name: `test:vfio: shellcheck has nothing to say of its scripts${
    canLint ? "" : " (left out: it is not installed)"
  }`,
  ignore: !canLint,
  async fn(): Promise<void> {
    const { stdout } = await new Deno.Command("shellcheck", {
      args: ["tests/vfio/image.sh", "tests/vfio/vm_init.sh"],
    }).output();
    assertEquals(new TextDecoder().decode(stdout), "");
  },
});
