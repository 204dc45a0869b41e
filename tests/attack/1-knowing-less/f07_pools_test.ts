/**
 * A VF of a libvirt network's pool is no ordinary NIC, whatever the XML looks like (F7): what the
 * networks are is known, or it is undecided.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Networks, setMetadata } from "premigrate/domain";
import { parseDomain } from "premigrate";
import { STAMP_NAMESPACE, writeOfflineMark } from "../../../lib/facts/mod.ts";
import { findNetworks, parseNetworks, writeNetworks } from "../../../lib/facts/libvirt/networks.ts";
import { judgeArrival } from "../../../lib/hook/arrival.ts";
import {
  bytesOf,
  configOf,
  EMULATOR,
  FakeHost,
  FIRST,
  guestXml,
  NOW,
  SECOND,
  stamped,
} from "../../helpers/hook_arrivals.ts";
import { HookTree } from "../../helpers/hook_tree.ts";

/** An interface on a network, as libvirt sends it at `migrate begin`. */
function on(network: string, bus = "0x01"): string {
  return `<interface type='network'>
      <mac address='52:54:00:11:22:33'/>
      <source network='${network}'/>
      <model type='virtio'/>
      <address type='pci' domain='0x0000' bus='${bus}' slot='0x00' function='0x0'/>
    </interface>`;
}

const [GOOD, OTHER] = ["0000:5e:02.0", "0000:5e:02.1"] as const;
const KINDS: Networks = {
  default: "plain",
  "lan 2": "plain",
  vfs: { managed: false, devices: [GOOD, OTHER] },
  empty: { managed: true, devices: [] },
};
const THIRD = { guest: "0000:03:00.0", source: "0000:3b:00.6" };
// Its QEMU compares the byte in which the examples differ.
const OLD = { machine: "pc-q35-9.0" };

/** What comes of an arrival where the networks are these, once all is read; and the pairs. */
async function decide(
  host: FakeHost,
  xml: string,
  networks: Networks,
  config: unknown = {},
): Promise<string[]> {
  let ask: readonly string[] = ["--emulator", EMULATOR];
  for (let round = 1; round <= 3; round++) {
    const arrival = await host.arrival(xml, ask, { round });
    const found = await judgeArrival(parseDomain(xml, networks), arrival, configOf(config));
    if (!("ask" in found)) {
      const { verdict, devices } = found.answer;
      const deciding = verdict.findings.filter(({ severity }) =>
        severity === "veto" || severity === "undecided"
      );
      return [
        verdict.decision,
        ...new Set(deciding.map(({ code }) => code)),
        ...devices.map(({ source, destination }) => `${source}>${destination}`),
      ].sort();
    }
    if (found.ask.length > 0) ask = found.ask;
  }
  return ["asks for ever"];
}

function markOffline(xml: string): string {
  const mark = writeOfflineMark(new Date(NOW).toISOString());
  return setMetadata(xml, parseDomain(xml), STAMP_NAMESPACE, mark);
}

const CASES: readonly {
  readonly name: string;
  readonly xml: () => string | Promise<string>;
  readonly networks?: Networks;
  /** Of the pool's second device. */
  readonly bytes?: "source";
  readonly wanted: readonly string[];
}[] = [
  {
    name: "a network that is known to be plain",
    xml: () => guestXml([], { devices: on("default") }),
    wanted: ["allow"],
  },
  {
    name: "two plain networks, and a stamp of no device",
    xml: () => stamped(guestXml([], { devices: on("default") + on("lan 2", "0x02") }), []),
    wanted: ["allow"],
  },
  {
    name: "a network that is not in the list",
    xml: () => guestXml([], { devices: on("other") }),
    wanted: ["undecided", "network-may-be-pool"],
  },
  {
    name: "a network with a name that all objects have",
    xml: () => guestXml([], { devices: on("constructor") }),
    wanted: ["undecided", "network-may-be-pool"],
  },
  {
    name: "no list at all",
    xml: () => guestXml([], { devices: on("default") }),
    networks: {},
    wanted: ["undecided", "network-may-be-pool"],
  },
  {
    name: "a plain network and one that is not known",
    xml: () => guestXml([], { devices: on("default") + on("other", "0x02") }),
    wanted: ["undecided", "network-may-be-pool"],
  },
  {
    name: "a network that is not known, of a guest that is shut off",
    xml: () => markOffline(guestXml([], { devices: on("other") })),
    wanted: ["allow"],
  },
  {
    name: "a pool, without a stamp",
    xml: () => guestXml([], { devices: on("vfs") }),
    wanted: ["undecided", "no-stamp"],
  },
  {
    name: "a pool, of a guest that is shut off",
    xml: () => markOffline(guestXml([], { devices: on("vfs") })),
    wanted: ["allow"],
  },
  {
    name: "a pool, and a stamp of its device",
    xml: () => stamped(guestXml([], { devices: on("vfs") }), [FIRST]),
    wanted: ["allow", `${FIRST.source}>${GOOD}`],
  },
  {
    name: "a pool whose devices are all bad, and a stamp",
    xml: () => stamped(guestXml([], { devices: on("vfs"), ...OLD }), [FIRST]),
    wanted: ["veto", "will-fail", "body-compared", `${FIRST.source}>${GOOD}`],
  },
  {
    name: "a pool with a bad and a good device, and a stamp",
    xml: () => stamped(guestXml([], { devices: on("vfs"), ...OLD }), [FIRST]),
    bytes: "source",
    wanted: ["undecided", "pool-devices-differ", `${FIRST.source}>${OTHER}`],
  },
  {
    name: "two interfaces of one pool",
    xml: () => stamped(guestXml([], { devices: on("vfs") + on("vfs", "0x02") }), [FIRST, SECOND]),
    wanted: ["allow", `${FIRST.source}>${GOOD}`, `${SECOND.source}>${OTHER}`],
  },
  {
    name: "three interfaces of a pool of two",
    xml: () => {
      const devices = on("vfs") + on("vfs", "0x02") + on("vfs", "0x03");
      return stamped(guestXml([], { devices }), [FIRST, SECOND, THIRD]);
    },
    wanted: [
      "undecided",
      "paired-twice",
      `${FIRST.source}>${GOOD}`,
      `${SECOND.source}>${OTHER}`,
      `${THIRD.source}>${GOOD}`,
    ],
  },
  {
    name: "a pool that has no device",
    xml: () => stamped(guestXml([], { devices: on("empty") }), [FIRST]),
    wanted: ["undecided", "address-not-yet-known"],
  },
  {
    name: "a pool here and none on the source: the stamp has no device there",
    xml: () => stamped(guestXml([], { devices: on("vfs") }), []),
    wanted: ["veto", "network-kinds-differ"],
  },
  {
    name: "a pool on the source and none here: the stamp has a device there",
    xml: () => stamped(guestXml([], { devices: on("default") }), [FIRST]),
    wanted: ["veto", "network-kinds-differ"],
  },
  {
    name: "a pool on the source, and a network that is not known here",
    xml: () => stamped(guestXml([], { devices: on("other") }), [FIRST]),
    wanted: ["undecided", "network-may-be-pool"],
  },
  {
    name: "a pool, and a stamp that is too old",
    xml: () => stamped(guestXml([], { devices: on("vfs") }), [FIRST], { age: 1000 }),
    wanted: ["undecided", "stamp-too-old"],
  },
  {
    name: "a pool on the source and none here, and a stamp that is too old",
    xml: () => stamped(guestXml([], { devices: on("default") }), [FIRST], { age: 1000 }),
    wanted: ["undecided", "stamp-too-old"],
  },
  {
    name: "a plain network, and a stamp that cannot be read",
    xml: async () => {
      const xml = await stamped(guestXml([], { devices: on("default") }), [FIRST]);
      return xml.replace(/digest="\w/, 'digest="');
    },
    wanted: ["undecided", "stamp-unusable"],
  },
  {
    name: "a pool, and a stamp of a device at another place",
    xml: () => stamped(guestXml([], { devices: on("vfs") }), [SECOND]),
    wanted: ["undecided", "stamp-of-other-devices"],
  },
  {
    name: "a device that was plugged in since the stamp, beside one of a pool",
    xml: () => stamped(guestXml([SECOND], { devices: on("vfs") }), [FIRST]),
    wanted: ["undecided", "stamp-of-other-devices"],
  },
];

async function hostWithPool(bytes: "source" | "destination" = "destination"): Promise<FakeHost> {
  const devices = [FIRST.source, SECOND.source, GOOD, OTHER];
  const host = await new FakeHost().addFunctions(...devices).know();
  const path = `${host.sysfs.root}/bus/pci/devices/${OTHER}/config`;
  await Deno.writeFile(path, bytesOf(bytes));
  return host;
}

for (const { name, xml, networks = KINDS, bytes, wanted } of CASES) {
  Deno.test(`F7: ${name}: ${wanted.slice(0, 2).join(", ")}`, async () => {
    using host = await hostWithPool(bytes);
    assertEquals(await decide(host, await xml(), networks), wanted.toSorted());
  });
}

Deno.test("F7: where devices are chosen none is chosen from a pool, which libvirt does", async () => {
  using host = await hostWithPool();
  const xml = await stamped(guestXml([], { devices: on("vfs") }), [FIRST]);
  assertEquals(await decide(host, xml, KINDS, { rewrite: true }), [
    `${FIRST.source}>${GOOD}`,
    "allow",
  ]);
});

Deno.test("F7: a device of its own beside one of a pool", async () => {
  using host = await hostWithPool();
  const xml = await stamped(guestXml([FIRST], { devices: on("vfs", "0x02") }), [FIRST, SECOND]);
  const found = await decide(host, xml, KINDS);
  assert(found.includes(`${FIRST.source}>${FIRST.source}`), `${found}`);
  assert(found.includes(`${SECOND.source}>${GOOD}`), `${found}`);
});

Deno.test("F7: what is taken away of a guest that is not allowed never makes it allow", async () => {
  using host = await hostWithPool();
  const xml = guestXml([], { devices: on("vfs"), ...OLD });
  const { vfs: _, ...without } = KINDS;
  for (const guest of [xml, await stamped(xml, [FIRST]), await stamped(xml, [])]) {
    for (const networks of [KINDS, without, {}, { vfs: { managed: false, devices: [] } }]) {
      const found = await decide(host, guest, networks);
      assert(!found.includes("allow"), JSON.stringify(networks));
    }
  }
});

Deno.test("the list of networks: what was written is read, and nothing of half a list", () => {
  const devices = [GOOD, OTHER];
  const networks: Networks = {
    ...KINDS,
    " blank ": "plain",
    "plain x": "plain",
    "end": "plain",
    "bound": { managed: true, model: "mlx5_vfio_pci", devices },
  };
  const text = writeNetworks(networks);
  const model = undefined;
  assertEquals(parseNetworks(text), {
    ...networks,
    vfs: { managed: false, model, devices },
    empty: { managed: true, model, devices: [] },
  });
  for (let length = 0; length < text.length; length++) {
    assertEquals(parseNetworks(text.slice(0, length)), {});
  }
  assertEquals(parseNetworks(writeNetworks({ "a\nplain b": "plain" })), {});
});

/** Puts a list in place that is 5 seconds old, and libvirt's files of older networks. */
function keepNetworks(root: string, networks: Networks, active: readonly string[]): void {
  const [states, cache] = [`${root}/run/libvirt/network`, `${root}/var/cache/premigrate`];
  for (const folder of [states, cache]) Deno.mkdirSync(folder, { recursive: true });
  const put = (path: string, text: string, age: number): void => {
    Deno.writeTextFileSync(path, text);
    const time = new Date(Date.now() - age);
    Deno.utimeSync(path, time, time);
  };
  for (const name of active) put(`${states}/${name}.xml`, "", 10_000);
  put(`${cache}/networks`, writeNetworks(networks), 5_000);
}

Deno.test("the list of networks: one that libvirt started or changed since is not known", () => {
  const root = Deno.makeTempDirSync();
  try {
    const paths = {
      networks: `${root}/var/cache/premigrate/networks`,
      networkStates: `${root}/run/libvirt/network`,
    };
    const names = (newest: number): string[] => Object.keys(findNetworks(paths, newest));
    assertEquals(names(0), []);
    keepNetworks(root, { a: "plain", b: "plain", c: "plain" }, ["a", "b"]);
    const now = Date.now();
    assertEquals(names(now), ["a", "b"]);
    // Not active, but asked of just now.
    assertEquals(names(now - 20_000), ["a", "b", "c"]);
    Deno.utimeSync(`${paths.networkStates}/b.xml`, new Date(), new Date());
    assertEquals(names(now - 20_000), ["a", "c"]);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

/** A guest without a host device, as libvirt writes it. */
function plainGuest(interfaces: string, metadata = ""): string {
  return `<domain type='kvm'>
  <name>vm1</name>
  <uuid>4dea22b3-1d52-48f3-a516-782e98ab3fa0</uuid>
  ${metadata}
  <os>
    <type arch='x86_64' machine='pc-q35-9.0'>hvm</type>
  </os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='network' device='disk'>
      <source protocol='rbd' name='pool/network'/>
    </disk>
    ${interfaces}
  </devices>
</domain>
`;
}

const ESCAPED = "a&amp;b";
const BRIDGE = "<interface type='bridge'><source bridge='br0'/></interface>";
const USER = "<interface type='user'><model type='e1000'/></interface>";

/** Guests that the launcher itself lets pass, and those for which it starts Deno. */
const LAUNCHED: readonly (readonly [name: string, xml: string, isQuick: boolean])[] = [
  ["a plain network", plainGuest(on("default")), true],
  ["a plain network with a blank in its name", plainGuest(on("lan 2")), true],
  ["two plain networks", plainGuest(on("default") + on("lan 2")), true],
  ["a portgroup", plainGuest(on("default' portgroup='x")), true],
  ["no interface", plainGuest(""), true],
  ["interfaces of other kinds", plainGuest(BRIDGE + on("default") + USER), true],
  ["a pool", plainGuest(on("vfs")), false],
  ["a plain network, then a pool", plainGuest(on("default") + on("vfs")), false],
  ["a pool, then a plain network", plainGuest(on("vfs") + on("default")), false],
  ["a pool among other kinds", plainGuest(BRIDGE + on("vfs") + USER), false],
  ["a network that nobody knows", plainGuest(on("other")), false],
  ["the beginning of a name", plainGuest(on("defaul")), false],
  ["a longer name", plainGuest(on("default2")), false],
  ["a pattern", plainGuest(on("*")), false],
  ["no name", plainGuest(on("")), false],
  ["a path", plainGuest(on("../network/default")), false],
  ["a network that was started since", plainGuest(on("new")), false],
  ["a network that is not active", plainGuest(on("stopped")), false],
  ["an escaped name", plainGuest(on(ESCAPED)), false],
  ["other quotes", plainGuest(on("vfs").replaceAll("'", '"')), false],
  [
    "an attribute before the type",
    plainGuest(on("vfs").replace("<interface ", "<interface x='1' ")),
    false,
  ],
  ["an attribute behind it", plainGuest(on("vfs").replace("'network'>", "'network' x=''>")), false],
  ["a blank behind it", plainGuest(on("vfs").replace("'network'>", "'network' >")), false],
  [
    "an attribute before the name",
    plainGuest(on("vfs").replace("<source ", "<source x='' ")),
    false,
  ],
  ["no source", plainGuest("<interface type='network'></interface>"), false],
  [
    "a source behind the interface",
    plainGuest("<interface type='network'></interface><source network='default'/>"),
    false,
  ],
  [
    "a plain network in the metadata",
    plainGuest(on("vfs"), "<metadata><source network='default'/></metadata>"),
    false,
  ],
];

Deno.test("F7: the launcher itself lets pass who is on plain networks, and nobody else", async (t) => {
  using tree = await HookTree.make();
  const plain = ["default", "lan 2", "new", "stopped", ESCAPED];
  const list: Networks = {
    ...KINDS,
    ...Object.fromEntries(plain.map((name) => [name, "plain" as const])),
  };
  keepNetworks(tree.root, list, ["default", "lan 2", "new", ESCAPED, "vfs"]);
  Deno.utimeSync(`${tree.root}/run/libvirt/network/new.xml`, new Date(), new Date());
  // Whether Deno is started is seen.
  await tree.script("usr/lib/premigrate/probe.sh", "exit 0");
  await tree.script("deno", `touch ${tree.root}/started; exit 1`);
  await tree.apply({}, `${tree.root}/deno`);
  const started = `${tree.root}/started`;
  for (const [name, xml, isQuick] of LAUNCHED) {
    await t.step(name, async () => {
      await Deno.remove(started).catch(() => {});
      const { code, stdout } = await tree.migrate(xml);
      const isStarted = await Deno.stat(started).then(() => true, () => false);
      assertEquals([code, stdout, isStarted], [isQuick ? 0 : 1, "", !isQuick]);
    });
  }
  const path = `${tree.root}/var/cache/premigrate/networks`;
  for (const half of ["", "premigrate networks 1\nplain default\n", "plain default\nend"]) {
    await t.step(`half a list: ${JSON.stringify(half)}`, async () => {
      await Deno.writeTextFile(path, half);
      assertEquals((await tree.migrate(plainGuest(on("default")))).code, 1);
      assertEquals((await tree.migrate(plainGuest(""))).code, 0);
    });
  }
  await t.step("no list", async () => {
    await Deno.remove(path);
    assertEquals((await tree.migrate(plainGuest(on("default")))).code, 1);
    assertEquals((await tree.migrate(plainGuest(USER))).code, 0);
  });
});

Deno.test("F7: where a network is not known libvirt is asked, and what it says decides", async () => {
  using tree = await HookTree.make();
  const [asked, list] = [`${tree.root}/asked`, `${tree.root}/var/cache/premigrate/networks`];
  await Deno.writeTextFile(`${tree.root}/answer`, writeNetworks({ default: "plain" }));
  await tree.script(
    "usr/lib/premigrate/premigrate",
    `echo "$@" >>${asked}; [ "$2" != --networks ] || cat ${tree.root}/answer >${list}`,
  );
  const known = await tree.migrate(plainGuest(on("default")));
  assertEquals([known.code, known.stderr], [0, ""]);
  assertEquals(await Deno.readTextFile(asked), `cache --networks --root ${tree.root}\n`);
  assertEquals((await tree.audit()).at(-1)?.["verdict"], "allow");

  const unknown = await tree.migrate(plainGuest(on("vfs")));
  assertEquals(unknown.code, 1);
  assertStringIncludes(unknown.stderr, "network vfs");
  assertStringIncludes(unknown.stderr, "premigrate cache");
  assertEquals((await tree.audit()).at(-1)?.["codes"], ["premigrate network-may-be-pool"]);
});
