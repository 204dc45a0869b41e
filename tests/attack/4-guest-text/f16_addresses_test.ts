/**
 * F15 and F16: what root reads and opens at an arrival is what stands below the document's own
 * `<devices>`, whatever a guest's owner writes into its metadata.
 */
import { assert, assertEquals } from "@std/assert";
import { Launcher, SHELLS } from "../5-shell-and-time/launchers.ts";

const OWN = "0000:3b:00.4";
const OWN_MDEV = "c5b1d3e0-7f0a-4b7e-9a35-1f0f6f1f2a01";
/** Another guest's. */
const MDEV = "0f5e4f0c-93a5-4b0a-8a43-0f6a3a1d2b02";
const OTHER = "0000:5e:00.1";

const SOURCE = `<source><address uuid='${MDEV}'/></source>`;
const FUNCTION =
  "<source><address type='pci' domain='0x0000' bus='0x5e' slot='0x00' function='0x1'/></source>";
const HOSTDEV =
  `<hostdev mode='subsystem' type='mdev'>${SOURCE}</hostdev><hostdev>${FUNCTION}</hostdev>`;

/** What may stand in a guest's metadata, beside what its owner may write elsewhere. */
const METADATA: Readonly<Record<string, string>> = {
  "an address alone": `<x:a xmlns:x='urn:x'><address uuid='${MDEV}'/></x:a>`,
  "addresses without end": `<x:a xmlns:x='urn:x'>${
    `<address uuid='${MDEV}'/>\n`.repeat(5_000)
  }</x:a>`,
  "devices": `<x:a xmlns:x='urn:x'><devices>${HOSTDEV}</devices></x:a>`,
  "devices of a namespace": `<x:a xmlns:x='urn:x'><x:devices>${HOSTDEV}</x:devices></x:a>`,
  "devices and an emulator":
    `<x:a xmlns:x='urn:x'><devices><emulator>/bin/false</emulator>${HOSTDEV}</devices></x:a>`,
  "metadata of its own":
    `<x:a xmlns:x='urn:x'><metadata></metadata><devices>${HOSTDEV}</devices></x:a>`,
  "metadata that ends twice":
    `<x:a xmlns:x='urn:x'><metadata/><devices>${HOSTDEV}</devices><metadata/></x:a>`,
  "a comment that ends it":
    `<x:a xmlns:x='urn:x'><!-- </metadata><devices>${HOSTDEV}</devices> --></x:a>`,
  "CDATA that ends it":
    `<x:a xmlns:x='urn:x'><![CDATA[</metadata><devices>${HOSTDEV}</devices>]]></x:a>`,
  "an instruction that ends it":
    `<x:a xmlns:x='urn:x'><?a </metadata><devices>${HOSTDEV}</devices>?></x:a>`,
  "a namespace that looks like the end of its tag":
    `<x:a xmlns:x='urn:x/>'><devices>${HOSTDEV}</devices></x:a>`,
};

/** Where a text may stand, which libvirt writes with its `<` escaped, and a guest's owner chooses. */
const TEXTS: Readonly<Record<string, (xml: string) => string>> = {
  "a description": (xml) =>
    xml.replace(
      "<memory",
      `<description>address uuid='${MDEV}' ${escape(HOSTDEV)}</description><memory`,
    ),
  "an alias": (xml) =>
    xml.replace("<driver name='vfio'/>", `$&<alias name="ua-${escape(SOURCE)}"/>`),
  "an argument of QEMU's": (xml) =>
    xml.replace(
      "</domain>",
      `<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
        <qemu:arg value="${escape(HOSTDEV)}"/></qemu:commandline></domain>`,
    ),
  "a disk's source": (xml) =>
    xml.replace(
      "<hostdev",
      `<disk type='nvme'>${FUNCTION}</disk><disk type='file'><source file='/a'/><address type='pci'
        domain='0x0000' bus='0x5e' slot='0x00' function='0x1'/></disk>$&`,
    ),
  "devices behind the devices": (xml) =>
    xml.replace("</domain>", `<x:a xmlns:x='urn:x'>${HOSTDEV}</x:a></domain>`),
};

function escape(text: string): string {
  return text.replaceAll("<", "&lt;");
}

/** Writes down what the probe is asked for, and what is opened; the rest is the real thing. */
const PROBE =
  `echo "probe: $*" | sed "s/--identify *//; s/--emulator [^ ]* *//; s/--attribute [^ ]* *//g" >>LOG`;
const DENO = `case " $* " in
  *vfio_region_main.js*) shift 10; echo "opened: $*" >>LOG ;;
  *) cat >/dev/null; printf '\\036\\036\\036'; exit 80 ;;
esac`;

for (const { shell, name, ignore } of SHELLS) {
  Deno.test({
    name: `${name}: what is read and opened is the guest's own, whatever its metadata says`,
    ignore,
    async fn(): Promise<void> {
      using launcher = await Launcher.make(shell, { deno: DENO, config: { rewrite: true } });
      const { tree } = launcher;
      await tree.script("usr/lib/premigrate/probe.sh", PROBE.replaceAll("LOG", launcher.log));
      for (const uuid of [OWN_MDEV, MDEV]) {
        tree.sysfs.addMdev(uuid, { parent: "0000:3b:00.4", type: "mtty-2", iommuGroup: "9" });
      }
      const plain = (await tree.xml({ stamp: false })).replace(
        "</hostdev>",
        `$&<hostdev mode='subsystem' type='mdev'><source><address uuid='${OWN_MDEV}'/></source>
          <address type='pci' domain='0x0000' bus='0x02' slot='0x00' function='0x0'/></hostdev>`,
      );
      const read = async (xml: string): Promise<string[]> => {
        await Deno.writeTextFile(launcher.log, "");
        assertEquals((await launcher.migrate(xml)).code, 0);
        return (await launcher.lines()).map((line) => line.replaceAll(/ +/g, " ").trim());
      };
      const own = [`probe: --all ${OWN} ${OWN_MDEV}`, `opened: ${OWN_MDEV} 9`];
      assertEquals(await read(plain), own);
      for (const [name, metadata] of Object.entries(METADATA)) {
        const xml = plain.replace("<memory", () => `<metadata>${metadata}</metadata>\n<memory`);
        const lines = await read(xml);
        assert(!lines.join().includes(MDEV) && !lines.join().includes(OTHER), name);
        // Where it is not sure, it leaves all to the bundle.
        if (!/<!|<\?|<metadata/.test(metadata)) assertEquals(lines, own, name);
        else assertEquals(lines, ["probe: --all"], name);
      }
      for (const [name, change] of Object.entries(TEXTS)) {
        assertEquals(await read(change(plain)), own, name);
      }
      // The metadata where libvirt never writes it.
      const behind = plain.replace(
        "</domain>",
        `<metadata><x:a xmlns:x='urn:x'><devices>${HOSTDEV}</devices></x:a></metadata></domain>`,
      );
      assertEquals(await read(behind), ["probe: --all"]);
      // A guest that has nothing, but for its metadata.
      const none = `<domain type='kvm'>\n<metadata>${METADATA["devices"]}</metadata>\n</domain>\n`;
      assertEquals(await read(none), ["probe: --all"]);
    },
  });

  Deno.test({
    name: `${name}: a mediated device that is not here keeps no other from being opened`,
    ignore,
    async fn(): Promise<void> {
      using launcher = await Launcher.make(shell, { deno: DENO });
      const { tree } = launcher;
      tree.sysfs.addMdev(OWN_MDEV, { parent: "0000:3b:00.4", type: "mtty-2", iommuGroup: "9" });
      tree.sysfs.addMdev(MDEV, { parent: "0000:3b:00.4", type: "nvidia-558", iommuGroup: "8" });
      const hostdevs = [crypto.randomUUID(), MDEV, OWN_MDEV].map((uuid) =>
        `<hostdev mode='subsystem' type='mdev'><source><address uuid='${uuid}'/></source></hostdev>`
      );
      const xml = (await tree.xml({ stamp: false })).replace(
        /<hostdev[^]*<\/hostdev>/,
        hostdevs.join(""),
      );
      assertEquals((await launcher.migrate(xml)).code, 0);
      const opened = (await launcher.lines()).filter((line) => line.startsWith("opened: "));
      assertEquals(opened.map((line) => line.replaceAll(/ +/g, " ").trim()), [
        `opened: ${OWN_MDEV} 9`,
      ]);
    },
  });

  Deno.test({
    name: `${name}: an arrival opens sixteen mediated devices at most`,
    ignore,
    async fn(): Promise<void> {
      using launcher = await Launcher.make(shell, { deno: DENO });
      const { tree } = launcher;
      const uuids = Array.from({ length: 20 }, () => crypto.randomUUID());
      for (const uuid of uuids) {
        tree.sysfs.addMdev(uuid, { parent: "0000:3b:00.4", type: "mtty-2", iommuGroup: "9" });
      }
      const hostdevs = uuids.map((uuid) =>
        `<hostdev mode='subsystem' type='mdev'><source><address uuid='${uuid}'/></source></hostdev>`
      );
      const xml = (await tree.xml({ stamp: false })).replace(
        "</devices>",
        `${hostdevs.join("\n")}$&`,
      );
      assertEquals((await launcher.migrate(xml)).code, 0);
      assertEquals(await launcher.lines(), uuids.slice(0, 16).map((uuid) => `opened: ${uuid} 9`));
    },
  });
}
