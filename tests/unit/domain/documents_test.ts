import { assertEquals } from "@std/assert";
import { DOMParser, onWarningStopParsing } from "@xmldom/xmldom";
import { type HostDevice, parseDomain } from "../../../lib/domain/mod.ts";

/** One line a device: kind, source, alias, guest address, bus, the properties, and what else is out of the ordinary. */
function summary(device: HostDevice): string {
  if (device.kind === "other") return `other ${device.type}`;
  const { address } = device;
  const source = device.kind === "unknown-until-start" ? device.network : device.source;
  const properties = Object.entries(device.properties).map(([name, value]) => `${name}=${value}`);
  const extra = [
    device.kind === "mdev" ? device.model : "",
    device.kind === "pci" && device.managed ? "managed" : "",
    device.kind === "pci" ? device.driver?.model ?? device.driver?.name ?? "" : "",
    device.failover === undefined ? "" : "transient",
  ];
  const place = address?.type === "pci" ? address.bdf : address?.type ?? "nowhere";
  return [device.kind, source, device.alias, place, device.bus ?? "-", ...properties, ...extra]
    .filter((word) => word !== "").join(" ");
}

const DOCUMENTS: Record<string, { machine: string; networks: string[]; devices: string[] }> = {
  "q35-vgpu-live": {
    machine: "pc-q35-9.0",
    networks: [],
    devices: ["mdev c2177883-f1bb-47f0-914d-32a22e3a8804 hostdev0 0000:02:00.0 port vfio-pci"],
  },
  "i440fx-gpu-live": {
    machine: "pc-i440fx-7.2",
    networks: [],
    devices: [
      "pci 0000:3b:00.0 hostdev0 0000:00:05.0 pci multifunction=on rombar=0 managed vfio",
      "pci 0000:3b:00.1 hostdev1 0000:00:05.1 pci managed vfio",
      "pci 0000:5e:00.0 hostdev2 0000:01:01.0 pci rombar=1 romfile=/usr/share/vgabios/p2000.rom managed vfio",
      "other usb",
    ],
  },
  "i440fx-migrate-begin": {
    machine: "pc-i440fx-9.2",
    networks: ["default"],
    devices: ["pci 0000:81:10.3 hostdev0 0000:00:07.0 pci managed mlx5_vfio_pci"],
  },
  "aarch64-virt": {
    machine: "virt-9.1",
    networks: [],
    devices: [
      "pci 0005:01:00.2 hostdev0 0000:01:00.0 port mlx5_vfio_pci",
      "pci 10000:e1:00.0 hostdev1 unassigned - managed",
    ],
  },
  "sriov-interfaces": {
    machine: "pc-q35-9.2",
    networks: [],
    devices: [
      "pci 0000:17:02.1 hostdev0 0000:01:00.0 port managed vfio",
      "pci 0000:17:02.2 ua-uplink 0000:02:00.0 port skip-vsc-check=off x-pci-device-id=4126 managed",
      "pci 0000:65:00.0 hostdev1 0000:03:00.0 port skip-vsc-check=on managed",
    ],
  },
  "qemu-commandline": {
    machine: "pc-q35-9.0",
    networks: [],
    devices: [
      "pci 0000:3b:00.4 hostdev0 0000:01:00.0 port skip-vsc-check=on x-pci-sub-device-id=0x1234 managed",
      "pci 0000:3b:00.5 hostdev1 0000:02:00.0 port skip-vsc-check=off x-pci-sub-device-id=0x1234 managed",
      "other qemu:commandline",
    ],
  },
  "network-pool-inactive": {
    machine: "pc-q35-10.0",
    networks: ["default", "sriov-pool"],
    devices: [
      "unknown-until-start sriov-pool hostdev0 0000:02:00.0 port failover_pair_id=ua-backup0 transient",
    ],
  },
  "network-pool-live": {
    machine: "pc-q35-10.0",
    networks: [],
    devices: [
      "pci 0000:17:0a.1 hostdev0 0000:02:00.0 port failover_pair_id=ua-backup0 managed vfio transient",
      "pci 0000:17:0a.2 hostdev1 0000:03:00.0 port managed vfio",
    ],
  },
  "s390x-ap-ccw-zpci": {
    machine: "s390-ccw-virtio-9.1",
    networks: [],
    devices: [
      "mdev 90c6c135-ad44-41d0-b1b7-bae47de48627 hostdev0 nowhere - vfio-ap",
      "mdev 9063cba3-ecef-47b6-abcf-3fef4fdcad85 hostdev1 ccw - vfio-ccw",
      "pci 0000:00:00.0 hostdev2 0000:00:01.0 pci",
    ],
  },
  "q35-buses": {
    machine: "pc-q35-8.2",
    networks: [],
    devices: [
      "pci 0000:41:00.0 hostdev0 0000:00:10.0 root managed",
      "pci 0000:42:00.0 hostdev1 0000:01:00.0 port managed",
      "pci 0000:43:00.0 hostdev2 0000:03:02.0 pci-under-pcie managed",
      "pci 0000:44:00.0 hostdev3 0000:05:01.0 pci-under-pcie managed",
      "pci 0000:45:00.0 hostdev4 0000:08:00.0 port managed",
      "pci 0000:46:00.0 hostdev5 0000:09:00.0 root managed",
      "pci 0000:47:00.0 hostdev6 0000:0a:00.0 - managed",
    ],
  },
};

function read(name: string): string {
  return Deno.readTextFileSync(new URL(`../../cases/domain/${name}.xml`, import.meta.url));
}

for (const [name, expected] of Object.entries(DOCUMENTS)) {
  Deno.test(`parseDomain() reads ${name}.xml`, () => {
    const domain = parseDomain(read(name));
    assertEquals({
      machine: domain.machine,
      networks: [...domain.networks],
      devices: domain.hostDevices.map(summary),
    }, expected);
  });

  Deno.test(`parseDomain() and xmldom agree on ${name}.xml`, () => {
    const document = new DOMParser({ onError: onWarningStopParsing })
      .parseFromString(read(name), "text/xml");
    const hostdevs = Array.from(document.getElementsByTagName("hostdev"));
    const interfaces = Array.from(document.getElementsByTagName("interface"))
      .filter((element) => element.getAttribute("type") === "hostdev");
    const { hostDevices } = parseDomain(read(name));
    const fromElements = hostDevices.filter((device) =>
      device.kind !== "unknown-until-start" &&
      !(device.kind === "other" && device.type === "qemu:commandline")
    );
    assertEquals(fromElements.length, hostdevs.length + interfaces.length);
  });
}

Deno.test("every document in cases/domain is tested", () => {
  const files = [...Deno.readDirSync(new URL("../../cases/domain/", import.meta.url))]
    .filter(({ name }) => name.endsWith(".xml"));
  const tested = Object.keys(DOCUMENTS).map((name) => `${name}.xml`);
  assertEquals(files.map(({ name }) => name).sort(), tested.sort());
});

Deno.test("parseDomain() reads what is said about the guest itself", () => {
  const xml = read("q35-vgpu-live");
  const domain = parseDomain(xml);
  const { hostDevices: [device], metadata, metadataElements, interfaces, ...about } = domain;
  assertEquals(about, {
    name: "cad-workstation-3",
    uuid: "6f1d2c3a-9b40-4d1e-8a55-0c6b7e1f2a93",
    title: "CAD workstation 3",
    virtType: "kvm",
    arch: "x86_64",
    machine: "pc-q35-9.0",
    emulator: "/usr/bin/qemu-system-x86_64",
    viommu: false,
    machineArgument: undefined,
    notUnderstood: [],
    elementsNotUnderstood: [],
    networks: [],
    unread: [],
  });
  assertEquals(
    interfaces.map(({ network, address }) => [network, address?.type === "pci" && address.bdf]),
    [["default", "0000:01:00.0"]],
  );
  assertEquals(
    metadataElements.map(({ namespace, name }) => [namespace, name]),
    [["https://inventory.example/ns/1", "vm"]],
  );
  const kept = xml.slice(metadata?.start, metadata?.end);
  assertEquals([kept.slice(0, 10), kept.slice(-11)], ["<metadata>", "</metadata>"]);
  assertEquals(device?.position, { line: 82, column: 5, offset: xml.indexOf("<hostdev mode") });
});

Deno.test("parseDomain() keeps the whole guest address", () => {
  const [device] = parseDomain(read("i440fx-gpu-live")).hostDevices;
  assertEquals(device?.kind === "pci" && device.address, {
    type: "pci",
    domain: 0,
    bus: 0,
    slot: 5,
    function: 0,
    bdf: "0000:00:05.0",
    multifunction: true,
  });
  assertEquals(device?.kind === "pci" && device.rom, {
    bar: false,
    file: undefined,
    enabled: undefined,
  });
});

Deno.test("parseDomain() knows the elements and arguments of real documents", () => {
  for (const name of Object.keys(DOCUMENTS)) {
    const { notUnderstood, hostDevices } = parseDomain(read(name));
    const below = hostDevices.flatMap((device) =>
      device.kind === "other" ? [] : device.notUnderstood
    );
    assertEquals([...notUnderstood, ...below], [], name);
  }
});
