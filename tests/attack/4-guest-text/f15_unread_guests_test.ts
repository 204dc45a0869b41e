/** F15: a guest that cannot be read kept all guests from its host. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  bytesOf,
  EMULATOR,
  FakeHost,
  FIRST,
  GUEST,
  guestXml,
  SECOND,
  stamped,
} from "../../helpers/hook_arrivals.ts";
import { arrivalJson, askFakes, type FakeLibvirt, running } from "../../helpers/fake_virsh.ts";
import { parseGuest } from "../../../lib/facts/libvirt/guest.ts";
import { parseHost } from "../../../lib/facts/libvirt/host.ts";
import { BUILT_IN } from "../../../plugins/mod.ts";
import { parseDomain } from "premigrate";

const OTHER = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";
const MDEV = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";
const THIRD = "0000:3b:00.6";
const MANY = "<x/>".repeat(50_001);
const NAMING = [FIRST, SECOND].map(({ source }) => {
  const [domain, bus, slot, fn] = source.split(/[:.]/);
  return `<hostdev type='pci'><source><address domain='0x${domain}' bus='0x${bus}' ` +
    `slot='0x${slot}' function='0x${fn}'/></source></hostdev>`;
}).join("");

/** Another guest that runs on the destination. */
function other(options: Parameters<typeof guestXml>[1], places: typeof FIRST[] = []): string {
  return guestXml(places, options).replace(GUEST, OTHER).replace("vm1", "vm9");
}

const byHand = (...values: readonly string[]): string =>
  `<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>${
    values.map((value) => `<q:arg value='${value}'/>`).join("")
  }</q:commandline>`;

interface InUse {
  readonly name: string;
  readonly xml: string;
  readonly addresses: readonly string[];
  /** What the problem says. */
  readonly unread?: string;
  readonly mayHideMore?: true;
}

const IN_USE: readonly InUse[] = [
  { name: "a guest with a device", xml: other({}, [FIRST]), addresses: [FIRST.source] },
  {
    name: "metadata 200 deep",
    xml: other({
      before: `<metadata>${"<d>".repeat(200)}${"</d>".repeat(200)}</metadata>`,
    }, [FIRST]),
    addresses: [FIRST.source],
  },
  {
    name: "metadata that names devices",
    xml: other({
      before: `<metadata>${NAMING}${byHand("-device", "vfio-pci,host=1:0.0")}</metadata>`,
    }),
    addresses: [],
  },
  {
    name: "too many elements",
    xml: other({ before: `<cpu>${MANY}</cpu><metadata>${NAMING}</metadata>` }, [FIRST, {
      guest: "0000:02:00.0",
      source: MDEV,
    }]),
    addresses: [FIRST.source, MDEV],
    unread: "found more than 50000 elements",
  },
  {
    name: "too deep",
    xml: other({ before: `${"<d>".repeat(120)}${"</d>".repeat(120)}` }, [SECOND]),
    addresses: [SECOND.source],
    unread: "nested more than 100 deep",
  },
  {
    name: "too many elements, and a device by hand",
    xml: other({ before: `<cpu>${MANY}</cpu>${byHand("-device", "vfio-pci,host=3b:0.6")}` }),
    addresses: [THIRD],
    unread: "found more than 50000 elements",
  },
  {
    name: "a device by hand, named",
    xml: other({ before: byHand("-device", "vfio-pci,host=0000:3B:00.6,id=x") }),
    addresses: [THIRD],
  },
  {
    name: "a mediated device by hand, named",
    xml: other({ before: byHand("-device", `vfio-pci,sysfsdev=/sys/bus/mdev/devices/${MDEV}`) }),
    addresses: [MDEV],
  },
  {
    name: "a device by hand, in JSON",
    xml: other({
      before: byHand("-device", `{"driver":"vfio-pci","host":"0000:3b:00.6"}`),
    }),
    addresses: [THIRD],
  },
  {
    name: "a device by hand, not named",
    xml: other({ before: byHand("-device", "vfio-pci,sysfsdev=/dev/shm/x") }, [FIRST]),
    addresses: [FIRST.source],
    unread: "does not name a device",
    mayHideMore: true,
  },
  {
    name: "-readconfig",
    xml: other({ before: byHand("-readconfig", "/x") }, [FIRST]),
    addresses: [FIRST.source],
    unread: "does not name a device",
    mayHideMore: true,
  },
  {
    name: "too many elements, and -readconfig",
    xml: other({ before: `<cpu>${MANY}</cpu>${byHand("-readconfig", "/x")}` }, [FIRST]),
    addresses: [FIRST.source],
    unread: "found more than 50000 elements",
    mayHideMore: true,
  },
];

/** A long document is no argument of a shell's. */
async function askInUse(libvirt: FakeLibvirt): Promise<Readonly<Record<string, unknown>>> {
  const request = { what: "in-use", arrival: { xml: guestXml([FIRST]), now: 0 } };
  return (await askFakes({ localhost: libvirt }, request)).result;
}

for (const { name, xml, addresses, unread, mayHideMore = false } of IN_USE) {
  Deno.test(`F15: what is in use where a guest has ${name}`, async () => {
    const found = await askInUse(running({ [OTHER]: xml }));
    assertEquals([found["addresses"], found["mayHideMore"]], [[...addresses].sort(), mayHideMore]);
    const problem = `${found["unread"]}`;
    if (unread === undefined) assertEquals(found["unread"], []);
    else {
      assertStringIncludes(problem, "the guest 'vm0': ");
      assertStringIncludes(problem, unread);
    }
  });
}

Deno.test("F15: a guest that libvirt tells nothing of may have any VFIO device", async () => {
  const libvirt = {
    ...running({ [OTHER]: other({}) }),
    dumpxml: "printf 'error: internal error: too much\\n' >&2",
  };
  const found = await askInUse(libvirt);
  assertEquals([found["addresses"], found["mayHideMore"]], [[], true]);
  assertStringIncludes(`${found["unread"]}`, "the guest 'vm0': internal error: too much");
});

interface Arriving {
  readonly name: string;
  readonly xml: string;
  readonly driver: string;
  readonly decision: string;
  readonly to?: string;
  readonly codes?: readonly string[];
}

const ARRIVING: readonly Arriving[] = [
  {
    name: "metadata 200 deep",
    xml: other({ before: `<metadata>${"<d>".repeat(200)}${"</d>".repeat(200)}</metadata>` }),
    driver: "vfio-pci",
    decision: "allow",
  },
  {
    name: "too many elements",
    xml: other({ before: `<cpu>${MANY}</cpu>` }),
    driver: "vfio-pci",
    decision: "allow",
    codes: ["guest-not-read"],
  },
  {
    name: "too many elements, and the device",
    xml: other({ before: `<cpu>${MANY}</cpu>` }, [FIRST]),
    driver: "vfio-pci",
    decision: "allow",
    to: SECOND.source,
    codes: ["guest-not-read"],
  },
  {
    name: "a device that nothing names",
    xml: other({ before: byHand("-device", "vfio-pci,sysfsdev=/dev/shm/x") }),
    driver: "vfio-pci",
    decision: "allow",
    codes: ["guest-not-read"],
  },
  {
    name: "the device, and one that nothing names, where no VFIO driver has the free one",
    xml: other({ before: byHand("-device", "vfio-pci,sysfsdev=/dev/shm/x") }, [FIRST]),
    driver: "mlx5_core",
    decision: "allow",
    to: SECOND.source,
    codes: ["guest-not-read"],
  },
  {
    name: "the device, and one that nothing names, where a VFIO driver has the others",
    xml: other({ before: byHand("-device", "vfio-pci,sysfsdev=/dev/shm/x") }, [FIRST]),
    driver: "vfio-pci",
    decision: "veto",
    codes: ["guest-not-read", "none-chosen"],
  },
];

for (const { name, xml, driver, decision, to, codes = [] } of ARRIVING) {
  Deno.test(`F15: with rewrite, a guest arrives beside one with ${name}: ${decision}`, async () => {
    using host = new FakeHost();
    const config = bytesOf("destination");
    for (const [index, { source }] of [FIRST, SECOND].entries()) {
      host.sysfs.addFunction(source, { config, driver, iommuGroup: `${index}` });
    }
    await host.know();
    const arriving = await stamped(guestXml([FIRST]), [FIRST]);
    const arrival = await host.arrival(arriving, [
      ...["--emulator", EMULATOR],
      ...[FIRST.source, SECOND.source],
    ]);
    const observed = Object.fromEntries(BUILT_IN.map(({ id }) => [id, { mode: "observe" }]));
    const { result } = await askFakes({ localhost: running({ [OTHER]: xml }) }, {
      what: "arrival",
      // What the policies say of these devices is not the question.
      config: { rewrite: true, policies: observed },
      arrival: arrivalJson(arrival),
    });
    const findings = Array.isArray(result["findings"]) ? result["findings"] : [];
    const engine = findings.filter(({ policy }) => policy === "premigrate")
      .map(({ code }) => `${code}`);
    assertEquals(codes.filter((code) => !engine.includes(code)), []);
    assertEquals(engine.includes("guest-not-read"), codes.includes("guest-not-read"));
    assertEquals(engine.includes("none-chosen"), decision !== "allow");
    const moved = to === undefined ? {} : { hostdev0: { from: FIRST.source, to } };
    assertEquals(result["rewritten"], moved);
  });
}

Deno.test("F15: check --all judges the others, and names the guest that cannot be read", async () => {
  const libvirt = running({
    [GUEST]: guestXml([]),
    [OTHER]: other({ before: `<cpu>${MANY}</cpu>` }),
  });
  const request = { what: "all", runner: "sh", arrival: { xml: guestXml([]), now: 0 } };
  const { result } = await askFakes({ localhost: libvirt }, request);
  const answers = Array.isArray(result["answers"]) ? result["answers"] : [];
  assertEquals(answers.map(({ guest }) => guest), ["vm1", "vm1"]);
  assertEquals(answers.map(({ codes }) => codes.includes("guest-not-read")), [false, true]);
  assertEquals(answers[1].decision, "undecided");
});

Deno.test("F15: what hides secrets takes no document's form away", () => {
  const tricks = [
    `<q:arg xmlns:q='urn:q' a='value="secret"'/>`,
    `<q:arg xmlns:q='urn:q' a=" passwd='x'" value="secret=1"/>`,
    `<e a=' passwd="b'/>`,
  ];
  for (const trick of tricks) {
    const xml = other({ before: `<metadata>${trick}</metadata>` }, [FIRST]);
    const info = `Name: vm9\nUUID: ${OTHER}\nState: running\n`;
    const guest = parseGuest({ host: "a" }, OTHER, [info, xml], parseHost([]));
    assert(!("missing" in guest), JSON.stringify(guest));
    assertEquals(parseDomain(guest.xml).hostDevices.length, 1);
    assert(!guest.xml.includes("secret=1"));
  }
});

Deno.test("F15: the message names the guest", () => {
  const xml = other({ before: `<cpu>${MANY}</cpu>` });
  const info = `Name: vm9\nUUID: ${OTHER}\nState: running\n`;
  const found = parseGuest({ host: "a" }, OTHER, [info, xml], parseHost([]));
  assert("missing" in found);
  assertStringIncludes(found.missing.message, "the guest 'vm9': ");
});
