/**
 * Each kind of trouble on the destination, and the two things that the operator may have chosen for
 * it. A running guest shows that a refusal leaves it alone; one that is shut off shows what is let
 * pass, as libvirt calls the hook the same way for both.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  DENO,
  guestXml,
  hookFailed,
  type HookHosts,
  OTHER_BYTES,
  said,
  testWithHook,
} from "./hook_hosts.ts";
import type { Finished } from "../helpers/run_program.ts";

const RUNNING = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2c01";
const SHUT_OFF = "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2c02";
const HOOK = "/etc/libvirt/hooks/qemu.d/90-premigrate";

type Kind = "hook" | "config" | "input" | "facts" | "deadline" | "report";

/** Something that is wrong on the destination. */
interface Trouble {
  readonly name: string;
  /** As which it counts; the operator has chosen for all of them. */
  readonly kinds: readonly Kind[];
  /** What virsh shows of it. */
  readonly why: RegExp;
  /** Does the damage. */
  readonly damage: string;
  readonly deadline?: string;
  /** Nothing can be written. */
  readonly isUnrecorded?: true;
}

const TROUBLES: readonly Trouble[] = [
  {
    name: "Deno is missing",
    kinds: ["hook"],
    why: /there is no Deno at \/run\/deno/,
    damage: `rm ${DENO}`,
  },
  {
    name: "the bundle is missing",
    kinds: ["hook"],
    why: /hook\.js is missing or altered/,
    damage: "rm hook.js",
  },
  {
    name: "the bundle is cut short",
    kinds: ["hook"],
    why: /hook\.js is missing or altered/,
    damage: "truncate -s 1000 hook.js",
  },
  {
    name: "the bundle is altered",
    kinds: ["hook"],
    why: /hook\.js is missing or altered/,
    damage: "echo >> hook.js",
  },
  {
    name: "the bundle is an empty script",
    kinds: ["hook"],
    why: /hook\.js ended with 0/,
    damage: "truncate -s 0 hook.js; sha256sum < hook.js | cut -c 1-64 > hook.js.sha256",
  },
  {
    name: "the applied configuration is cut short",
    kinds: ["config"],
    why: /Cannot read the applied configuration: it is not whole/,
    damage: "sed -i '$d' /etc/premigrate/applied.conf",
  },
  {
    name: "what comes from another hook is no domain",
    kinds: ["input"],
    why: /Libvirt handed over no domain XML/,
    damage: "for file in /run/hook/*.add; do echo 's|</domain>||' >> $file; done",
  },
  {
    name: "there is no stamp",
    kinds: ["facts"],
    why: /The guest's metadata says nothing about its source host/,
    damage: "sed -i /metadata/d /run/hook/*.add",
  },
  {
    name: "the probe does not run",
    kinds: ["facts"],
    why: /This host could not be read/,
    damage: "rm probe.sh",
  },
  {
    name: "the probe hangs",
    // What it could not read, or that it took so long.
    kinds: ["facts", "deadline"],
    why: /could not be read|deadline/,
    damage: "echo 'sleep 600' > probe.sh",
    deadline: "2s",
  },
  {
    name: "the probe hangs, and leaves a process that holds its output",
    kinds: ["deadline"],
    why: /the deadline of 2s passed/,
    damage: "echo 'setsid sleep 600 & sleep 600' > probe.sh",
    deadline: "2s",
  },
  {
    name: "the disk is full",
    kinds: ["report"],
    why: /The report or the audit line could not be written[^]*\nno report of /,
    damage: `mount -t tmpfs -o size=64k tmpfs /var/log/premigrate
      mkdir /var/log/premigrate/reports
      cat /dev/zero > /var/log/premigrate/zeros 2> /dev/null || true`,
    isUnrecorded: true,
  },
];

const SAVE =
  "mkdir -p /run/saved; cp -a /usr/lib/premigrate /etc/premigrate/applied.conf /run/saved";
const REPAIR = `
umount -q /var/log/premigrate || true
cp -a /run/saved/premigrate/. .
cp -a /run/saved/applied.conf /etc/premigrate
ln -sf "$1" ${DENO}`;

/** Holds the hook where it reads this host. */
const HOLD = "echo 'touch /run/held; while [ -e /run/held ]; do sleep 0.05; done' > probe.sh";
const UNTIL_HELD = "timeout 60 sh -c 'until [ -e /run/held ]; do sleep 0.05; done'";

/** What libvirt would not hand over. */
const INPUTS: readonly (readonly [name: string, script: string])[] = [
  ["nothing", ":"],
  ["50 MB of anything", "head -c 50000000 /dev/urandom"],
  ["50 MB of a document", "yes '<domain ><hostdev/>' | head -c 50000000"],
  ["a document with a zero in it", "printf '<domain >\\0<hostdev/></domain>'"],
  ["a document that is no UTF-8", "printf '<domain >\\377<hostdev/></domain>'"],
];

testWithHook("the hook in trouble", async (hosts, t) => {
  const inLib = (script: string, ...args: string[]): Promise<string> =>
    hosts.sh("b", `cd /usr/lib/premigrate; ${script}`, ...args);
  /** Puts all in order, with these choices. */
  const prepare = async (config: Readonly<Record<string, unknown>>): Promise<void> => {
    await inLib(REPAIR, Deno.execPath());
    await hosts.apply(config);
    for (const uuid of [RUNNING, SHUT_OFF]) await hosts.give(uuid);
  };
  await inLib(SAVE);
  await hosts.start("vm1", RUNNING);
  await hosts.feed("a", ["define"], guestXml("vm2", SHUT_OFF));

  for (const choice of ["closed", "open"] as const) {
    for (const { name, kinds, why, damage, deadline = "20s", isUnrecorded } of TROUBLES) {
      await t.step(`${name}: ${choice}`, async () => {
        const onTrouble = Object.fromEntries(kinds.map((kind) => [kind, choice]));
        await prepare({ deadline, onTrouble });
        await inLib(damage);
        if (choice === "closed") {
          const run = await hosts.migrate("vm1");
          assertRefused(run, "vm1");
          assertMatch(said(run), why);
          assertEquals(await hosts.states("vm1"), { a: "running", b: undefined });
        } else {
          await passes(hosts);
        }
        if (isUnrecorded) return;
        const { verdict, effect, trouble } = (await hosts.audit()).at(-1) ?? {};
        assertEquals([verdict, effect], ["undecided", choice === "closed" ? "refused" : "allowed"]);
        if (choice === "closed") assert(kinds.some((kind) => kind === trouble), `${trouble}`);
      });
    }

    for (const [name, script] of INPUTS) {
      await t.step(`input that is ${name}: ${choice}`, async () => {
        await prepare({ onTrouble: { input: choice } });
        const pipe = `${script} | env -i ${HOOK} vm1 migrate begin -`;
        const { code, stdout, stderr } = await hosts.run("b", ["sh", "-c", pipe]);
        assertEquals([code, stdout], [choice === "closed" ? 1 : 0, ""], stderr);
        const { effect, trouble } = (await hosts.audit()).at(-1) ?? {};
        // Of a call without an XML nobody knows whose it is.
        const refused = name === "nothing" ? "unjudged" : "refused";
        assertEquals(effect, choice === "closed" ? refused : "allowed");
        if (choice === "closed") assertEquals(trouble, "input");
      });
    }
  }

  await t.step("without its choices it refuses", async () => {
    await prepare({});
    await inLib("rm /etc/premigrate/applied.conf");
    const run = await hosts.migrate("vm1");
    assertRefused(run, "vm1");
    assertStringIncludes(
      said(run),
      "there is no Deno at the path of /etc/premigrate/applied.conf",
    );
  });

  await t.step("a waiver holds without Deno, for its guest alone", async () => {
    await prepare({});
    await hosts.premigrate("b", "waive", SHUT_OFF, "--for", "1h", "--reason", "a test");
    await inLib(`rm ${DENO}`);
    await passes(hosts);
    assertRefused(await hosts.migrate("vm1"), "vm1");
    const lines = (await hosts.audit()).slice(-2);
    assertEquals(lines.map(({ effect, waiver }) => [effect, waiver !== undefined]), [
      ["allowed", true],
      ["refused", false],
    ]);
  });

  await t.step("a veto is one, with its disk full", async () => {
    await prepare({});
    await hosts.setBytes(OTHER_BYTES);
    for (const { damage } of TROUBLES.filter(({ kinds: [kind] }) => kind === "report")) {
      await inLib(damage);
    }
    const run = await hosts.migrate("vm1");
    assertStringIncludes(said(run), `${hookFailed("vm1")}premigrate: VETO hostdev0`);
    assertMatch(said(run), /\nno report of \d{8}T\d{9}Z-[0-9a-f]{8}: /);
  });

  await t.step("Deno is killed", async () => {
    await prepare({});
    await inLib(HOLD);
    const migration = hosts.migrate("vm1");
    await hosts.sh("b", `${UNTIL_HELD}; kill -9 $(pgrep -x deno); rm /run/held`);
    const run = await migration;
    assertRefused(run, "vm1");
    assertStringIncludes(said(run), "hook.js ended with 137");
    assertEquals(await hosts.states("vm1"), { a: "running", b: undefined });
    assertEquals((await hosts.audit()).at(-1)?.["trouble"], "hook");
  });

  await t.step("the launcher is killed: libvirt waits for nothing", async () => {
    await prepare({});
    await inLib(HOLD);
    const migration = hosts.migrate("vm1");
    await hosts.sh("b", `${UNTIL_HELD}; kill -9 $(pgrep -o -f '9[0]-premigrate vm1')`);
    const run = await migration;
    assertEquals(run.code, 1);
    assertEquals(said(run), hookFailed("vm1", "fatal signal 9").replace(/: $/, ""));
    assertEquals(await hosts.states("vm1"), { a: "running", b: undefined });
    const untilGone = "while pgrep -f '[h]ook.js|[p]robe.sh|9[0]-premigrate'; do sleep 0.05; done";
    await hosts.sh("b", `rm /run/held; timeout 60 sh -c "${untilGone}" > /dev/null`);
    await prepare({});
    await hosts.setBytes(OTHER_BYTES);
    assertStringIncludes(said(await hosts.migrate("vm1")), "premigrate: VETO hostdev0");
  });
});

function assertRefused(run: Finished, name: string): void {
  assertEquals([run.code, run.stdout], [1, ""], run.stderr);
  assertStringIncludes(said(run), `${hookFailed(name)}premigrate: UNDECIDED, refused`);
}

/** The guest that is shut off migrates, and is as it was before. */
async function passes(hosts: HookHosts): Promise<void> {
  const run = await hosts.migrate("vm2", ["--offline", "--persistent"]);
  assertEquals(run, { code: 0, stdout: "", stderr: "" });
  assertEquals(await hosts.states("vm2"), { a: "shut off", b: "shut off" });
  await hosts.virsh("b", "undefine", "vm2");
}
