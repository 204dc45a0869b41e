/** F16: with `rewrite` an arrival opens the free mediated devices that it needs, and no others. */
import { assertEquals } from "@std/assert";
import type { Facts } from "premigrate";
import {
  bytesOf,
  EMULATOR,
  FakeHost,
  GUEST,
  guestXml,
  sourceFacts,
  stamped,
  vfioAnswer,
} from "../../helpers/hook_arrivals.ts";
import { arrivalJson, askFakes, type FakeLibvirt, running } from "../../helpers/fake_virsh.ts";
import { OFFERS } from "../../helpers/probe_tree.ts";

const uuid = (last: number): string => `c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a0${last}`;
const OWN = uuid(0);
const FREE = [1, 2, 3, 4].map(uuid);
const OF_OTHER_TYPE = uuid(8);
const OTHER_GUEST = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";
const PLACE = { guest: "0000:01:00.0", source: OWN };
const READ = vfioAnswer(bytesOf("destination"));
/** Its header is another one. */
const OTHER = vfioAnswer(bytesOf("destination").with(0xd2, 0x1a));
const BUSY = '{"result":"busy","reason":"busy"}';

const holding = (...sources: readonly string[]): FakeLibvirt => {
  const places = sources.map((source, index) => ({ guest: `0000:0${index + 1}:00.0`, source }));
  return running({ [OTHER_GUEST]: guestXml(places).replace(GUEST, OTHER_GUEST) });
};

/** The source's facts of the guest's device, of this type. */
function facts(id: string): Facts {
  const { devices, ...rest } = sourceFacts([OWN]);
  return {
    ...rest,
    devices: devices.map((device) => ({ ...device, mdevType: { ...device.mdevType, id } })),
  };
}

const CASES: readonly {
  readonly name: string;
  readonly libvirt: FakeLibvirt;
  readonly type?: string;
  readonly round?: number;
  readonly isMissing?: boolean;
  readonly regions: readonly (readonly [string, string])[];
  /** What is to be opened beside the guest's own; absent: it is decided. */
  readonly opens?: readonly string[];
  /** The device that the guest gets. */
  readonly to?: string;
}[] = [
  {
    name: "its own is free: no other is opened",
    libvirt: holding(),
    regions: [[OWN, READ]],
  },
  {
    name: "its own is taken: two free ones of its type are",
    libvirt: holding(OWN, uuid(1)),
    regions: [[OWN, BUSY]],
    opens: [uuid(2), uuid(3)],
  },
  {
    name: "one of them is read, and chosen",
    libvirt: holding(OWN, uuid(1)),
    round: 2,
    regions: [[OWN, BUSY], [uuid(2), BUSY], [uuid(3), READ]],
    to: uuid(3),
  },
  {
    name: "these two do not do: all free ones of its type are",
    libvirt: holding(OWN),
    round: 2,
    regions: [[OWN, BUSY], [uuid(1), OTHER], [uuid(2), BUSY]],
    opens: [uuid(1), uuid(3), uuid(4)],
  },
  {
    name: "its own is free, and another device: two others of its type are",
    libvirt: holding(),
    regions: [[OWN, OTHER]],
    opens: [uuid(1), uuid(2)],
  },
  {
    name: "its own is not here: two free ones of its type are",
    libvirt: holding(),
    isMissing: true,
    regions: [],
    opens: [uuid(1), uuid(2)],
  },
  {
    name: "its own is not here, and one of these is read: it is chosen",
    libvirt: holding(),
    isMissing: true,
    round: 2,
    regions: [[uuid(1), OTHER], [uuid(2), READ]],
    to: uuid(2),
  },
  {
    name: "nothing is left to open",
    libvirt: holding(OWN),
    round: 2,
    regions: [[OWN, BUSY], ...FREE.map((address) => [address, OTHER] as const)],
  },
  {
    name: "a type that is not here opens nothing",
    libvirt: holding(OWN),
    type: "mtty-7",
    regions: [[OWN, BUSY]],
  },
  {
    name: "a type of NVIDIA's opens nothing",
    libvirt: holding(OWN),
    type: "nvidia-558",
    regions: [[OWN, BUSY]],
  },
  {
    name: "libvirt does not tell what is free: nothing is opened",
    libvirt: { start: "exit 1" },
    regions: [[OWN, BUSY]],
  },
  {
    name: "the last round opens nothing more",
    libvirt: holding(OWN),
    round: 3,
    regions: [[OWN, BUSY]],
  },
];

for (const { name, libvirt, type = "mtty-2", round = 1, regions, opens, to, isMissing } of CASES) {
  Deno.test(`with rewrite, ${name}`, async () => {
    using host = new FakeHost().addFunctions("0000:3b:00.0");
    for (const address of [...isMissing ? [] : [OWN], ...FREE, OF_OTHER_TYPE]) {
      host.sysfs.addMdev(address, {
        parent: "0000:3b:00.0",
        type: address === OF_OTHER_TYPE ? "mtty-1" : "mtty-2",
        typeFiles: { name: "GRID T4-2Q\n" },
        driver: "vfio_mdev",
        iommuGroup: "9",
        offers: OFFERS,
      });
    }
    await host.know();
    const xml = await stamped(guestXml([PLACE]), [PLACE], { facts: facts(type) });
    const ask = ["--emulator", EMULATOR, OWN];
    const arrival = await host.arrival(xml, [...ask, ...FREE, OF_OTHER_TYPE], {
      round,
      regions: new Map(regions),
    });
    const { result } = await askFakes({ localhost: libvirt }, {
      what: "arrival",
      config: { rewrite: true },
      arrival: arrivalJson(arrival),
    });
    assertEquals(result["ask"], opens === undefined ? undefined : [...ask, ...opens]);
    if (to !== undefined) assertEquals(result["rewritten"], { hostdev0: { from: OWN, to } });
  });
}
