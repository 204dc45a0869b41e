/** A dispatcher that runs qemu.d a second time, and a call in which no XML came in. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { pathsBelow } from "../../../lib/config/paths.ts";
import { HOOK_CHECKS } from "../../../lib/install/doctor/hook_checks.ts";
import { HOST_IO, type HostIo } from "../../../lib/install/host_io.ts";
import { HookTree } from "../../helpers/hook_tree.ts";

/** A host with this program at hooks/qemu, and nothing else. */
function withHook(text: string): HostIo {
  const isHook = (path: string): boolean => path === "/etc/libvirt/hooks/qemu";
  return {
    ...HOST_IO,
    list: () => Promise.resolve([]),
    stat: (path) =>
      Promise.resolve(
        isHook(path) ? { kind: "file", mode: 0o755, size: 1, changed: 0 } : undefined,
      ),
    read: (path) => Promise.resolve(isHook(path) ? new TextEncoder().encode(text) : undefined),
  };
}

const HOOKS: readonly (readonly [name: string, text: string, runsAll: boolean])[] = [
  [
    "a loop that hands on what each hook printed",
    `#!/bin/bash
DATA=$(cat)
for hook in "$(dirname "$0")"/qemu.d/*; do
    [ -x "$hook" ] && [ -f "$hook" ] || continue
    DATA=$(printf '%s' "$DATA" | "$hook" "$@")
done
printf '%s' "$DATA"`,
    true,
  ],
  ["run-parts", '#!/bin/sh\nrun-parts --arg="$1" /etc/libvirt/hooks/qemu.d\n', true],
  [
    "a list",
    '#!/bin/sh\nfor hook in $(ls "$DIR/qemu.d"); do "$DIR/qemu.d/$hook" "$@"; done\n',
    true,
  ],
  [
    "Python",
    "import glob\nfor hook in glob.glob('/etc/libvirt/hooks/qemu.d/*'): run(hook)\n",
    true,
  ],
  [
    "a dispatcher to a folder for each guest",
    '#!/bin/bash\nHOOKPATH="$BASEDIR/qemu.d/$GUEST_NAME/$HOOK_NAME/$STATE_NAME"\nrun "$HOOKPATH"\n',
    false,
  ],
  [
    "the same, with braces and quotes",
    '#!/bin/bash\nfor f in "$BASE/qemu.d"/"${1}"/*; do "$f" "$@"; done\n',
    false,
  ],
  ["one that only speaks of it", "#!/bin/sh\n# not those in qemu.d/*\nexit 0\n", false],
  ["one that does something else", "#!/bin/sh\niptables -A FORWARD\n", false],
];
for (const [name, text, runsAll] of HOOKS) {
  Deno.test(`doctor, and ${name} at hooks/qemu: ${runsAll ? "WARN" : "PASS"}`, async () => {
    const check = HOOK_CHECKS.find(({ title }) => title === "for another hook at hooks/qemu");
    assert(check !== undefined);
    const [grade, detail = ""] = await check.run({
      host: withHook(text),
      root: "",
      paths: pathsBelow(),
      manifest: undefined,
    });
    assertEquals(grade, runsAll ? "WARN" : "PASS");
    if (runsAll) assertStringIncludes(detail, "second time");
  });
}

for (const [name, stdin] of [["nothing", ""], ["a line break", "\n"]] as const) {
  Deno.test(`a call at migrate begin with ${name} for an XML refuses no guest in the audit`, async () => {
    using tree = await HookTree.make();
    const { code, stdout, stderr } = await tree.migrate(stdin);
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, "without any input");
    const lines = await tree.audit();
    assertEquals(lines.map((line) => line["effect"]), ["unjudged"]);
    assertStringIncludes(JSON.stringify(lines), "premigrate nothing-handed-over");
  });
}

Deno.test("what is no XML is refused as before", async () => {
  using tree = await HookTree.make();
  assertEquals((await tree.migrate("<domain")).code, 1);
  assertEquals((await tree.audit()).map((line) => line["effect"]), ["refused"]);
});
