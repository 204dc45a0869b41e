/** The readers with programs that stand for virsh: which commands they give it, and how often. */
import { assertEquals, assertMatch } from "@std/assert";

const CASES = `${Deno.cwd()}/tests/cases/libvirt`;

/**
 * Does what virsh does with its arguments, in sh, which quotes likewise: each command is a program
 * of the case.
 */
const FAKE = `#!/bin/sh
here=\${0%/*}
printf '%s\\n' "$1 $2 $3 $4" >> "$here/runs"
PATH=$here/commands:/usr/bin:/bin
echo() {
  if [ "$1" = --err ]; then printf 'error: %s\\n' "$3" >&2; else printf %s "$2"; fi
}
eval "$5"
`;

/** A host whose libvirt answers as one was recorded. */
const RECORDED = {
  version: `cat ${CASES}/version.txt`,
  hostname: "echo hostb",
  capabilities: `cat ${CASES}/capabilities.xml`,
  dominfo: `cat ${CASES}/dominfo.txt`,
  dumpxml: `cat ${CASES}/dumpxml.xml`,
  list: `cat ${CASES}/list.txt`,
};
const UUID = "a8282f87-25c0-72d0-f974-2ae778942970";
const MDEV = "c7f3bd21-5b8a-4a0e-9d1c-2f6f0a6f9b11";

interface Outcome {
  readonly result: unknown;
  /** The arguments of each virsh process but the last. */
  readonly runs: readonly string[];
}

/** `commands` are shell scripts by their names; or one that is all of virsh; `undefined`: no virsh. */
async function read(
  commands: Readonly<Record<string, string>> | string | undefined,
  [reader, ...args]: readonly [reader: string, ...args: string[]],
  milliseconds = 30_000,
): Promise<Outcome> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/commands`);
    const program = async (name: string, text: string): Promise<void> => {
      await Deno.writeTextFile(`${folder}/${name}`, text, { mode: 0o755 });
    };
    if (typeof commands === "string") {
      await program("virsh", `#!/bin/sh\nPATH=/usr/bin:/bin\n${commands}\n`);
    } else if (commands !== undefined) {
      await program("virsh", FAKE);
      for (const [name, script] of Object.entries(commands)) {
        await program(`commands/${name}`, `#!/bin/sh\n${script}\n`);
      }
    }
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-prompt", "--allow-run=virsh"],
        ...["tests/helpers/libvirt_reader.ts", reader, String(milliseconds), ...args],
      ],
      env: { PATH: folder },
    }).output();
    const decoder = new TextDecoder();
    const text = decoder.decode(stdout);
    if (text === "") throw new Error(decoder.decode(stderr));
    const runs = await Deno.readTextFile(`${folder}/runs`).catch(() => "");
    return { result: JSON.parse(text), runs: runs.split("\n").slice(0, -1) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const READ_ONLY = "-r -q -c qemu+tcp://hostb/system";

Deno.test("readGuest() reads a guest and its host with one virsh process", async () => {
  const { result, runs } = await read(RECORDED, ["readGuest", "vm1"]);
  assertEquals(runs, [READ_ONLY]);
  assertEquals(pick(result, ["name", "uuid", "state", "machine"]), {
    name: "vm1",
    uuid: UUID,
    state: "running",
    machine: "pc-q35-7.2",
  });
});

Deno.test("readGuest() looks a number up by name first", async () => {
  const dominfo = `[ "$2" = ${UUID} ] && sed 's/vm1/101/' ${CASES}/dominfo.txt`;
  const dumpxml = `[ "$2" = ${UUID} ] && sed 's/vm1/101/' ${CASES}/dumpxml.xml`;
  const commands = { ...RECORDED, dominfo, dumpxml, list: `printf '${UUID} 101\\n'` };
  const { result, runs } = await read(commands, ["readGuest", "101"]);
  assertEquals(pick(result, ["name", "uuid"]), { name: "101", uuid: UUID });
  assertEquals(runs.length, 2);
});

Deno.test("readGuests() reads several with one virsh process, and one's error in its place", async () => {
  const missing = "echo \"error: failed to get domain '$2'\" >&2";
  const dominfo = `[ "$2" = ${UUID} ] && cat ${CASES}/dominfo.txt || ${missing}`;
  const { result, runs } = await read({ ...RECORDED, dominfo }, ["readGuests", UUID, MDEV]);
  const [first, second] = Array.isArray(result) ? result : [];
  assertEquals(pick(first, ["name"]), { name: "vm1" });
  assertEquals(pick(second, ["code"]), { code: "no-such-domain" });
  assertEquals(runs.length, 1);
});

Deno.test("listRunning() and readHost() take one virsh process each", async () => {
  const listed = await read(RECORDED, ["listRunning"]);
  assertEquals([Array.isArray(listed.result) && listed.result.length, listed.runs.length], [6, 1]);
  const { result, runs } = await read(RECORDED, ["readHost"]);
  assertEquals(pick(result, ["name", "libvirt", "installedQemu"]), {
    name: "hostb",
    libvirt: "9.0.0",
    installedQemu: "7.2.22",
  });
  assertEquals(runs.length, 1);
});

const DUMP = `case $2 in
pci_0000_3b_00_2) cat ${CASES}/nodedev_vf.xml ;;
mdev_*_0000_41_00_0) cat ${CASES}/nodedev_mdev.xml ;;
*) echo "error: Could not find matching device '$2'" >&2 ;;
esac`;
const NODE_DEVICES = {
  "nodedev-dumpxml": DUMP,
  "nodedev-list": `echo mdev_${MDEV.replaceAll("-", "_")}_0000_41_00_0`,
};

Deno.test("readNodeDevices() takes one virsh process for PCI functions", async () => {
  const addresses = ["0000:3b:00.2", "0000:3b:00.7"];
  const { result, runs } = await read(NODE_DEVICES, ["readNodeDevices", ...addresses]);
  assertEquals(runs, [READ_ONLY]);
  assertEquals(addressesOf(result), [{ address: "0000:3b:00.2" }]);
});

Deno.test("readNodeDevices() takes two where mediated devices are among them", async () => {
  const other = "00000000-0000-4000-8000-000000000000";
  const addresses = [MDEV, "0000:3b:00.2", other];
  const { result, runs } = await read(NODE_DEVICES, ["readNodeDevices", ...addresses]);
  assertEquals(runs.length, 2);
  assertEquals(addressesOf(result), [{ address: MDEV }, { address: "0000:3b:00.2" }]);
});

function addressesOf(result: unknown): unknown {
  return Array.isArray(result) && result.map((device) => pick(device, ["address"]));
}

Deno.test("readNodeDevices() runs nothing for no devices", async () => {
  const { result, runs } = await read(NODE_DEVICES, ["readNodeDevices"]);
  assertEquals([result, runs], [[], []]);
});

const FAILURES: readonly (readonly [
  name: string,
  virsh: Readonly<Record<string, string>> | string | undefined,
  code: string,
  message: RegExp,
])[] = [
  ["no virsh", undefined, "not-installed", /install libvirt's client/],
  [
    "no connection",
    "echo error: failed to connect to the hypervisor >&2; exit 1",
    "unreachable",
    /on hostb: failed to connect to the hypervisor; see that/,
  ],
  [
    "a virsh that does not end",
    "exec sleep 60",
    "timeout",
    /dumpxml did not end before the deadline/,
  ],
  ["a virsh that waits for an answer", "read answer; exit 1", "truncated", /0 of 5 commands/],
  ["an output without end", "exec yes", "truncated", /more than 67108864 bytes/],
  ["a virsh that dies", { ...RECORDED, dominfo: "kill $PPID" }, "truncated", /3 of 5 commands/],
  [
    "a guest that is not there",
    { ...RECORDED, dominfo: "echo error: failed to get domain vm1 >&2" },
    "no-such-domain",
    /virsh list --all/,
  ],
  [
    "a guest that is shut off",
    { ...RECORDED, dominfo: `sed s/running/shut\\ off/ ${CASES}/dominfo.txt` },
    "not-running",
    /the state "shut off"/,
  ],
  ["an XML that is none", { ...RECORDED, dumpxml: "echo '<domain'" }, "unreadable", /domain XML/],
];

for (const [name, virsh, code, message] of FAILURES) {
  Deno.test(`readGuest() tells of ${name} in one line`, async () => {
    const { result } = await read(virsh, ["readGuest", "vm1"], code === "timeout" ? 1000 : 30_000);
    const error = pick(result, ["code", "message"]);
    assertEquals(error.code, code);
    assertMatch(String(error.message), message);
    assertEquals(String(error.message).includes("\n"), false);
  });
}

function pick(value: unknown, keys: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw new TypeError(`found ${value}`);
  return Object.fromEntries(Object.entries(value).filter(([key]) => keys.includes(key)));
}
