import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import {
  type Capability,
  type ConfigSpace,
  decodeConfigSpace,
  type ExtendedCapability,
  readDump,
} from "../../../lib/pci/mod.ts";

const DUMPS = new URL("../../../../shared/data/dumps/", import.meta.url);

/** The ids of capabilities as lspci 3.9 words them, which has no ids in its output. */
const STANDARD_IDS: readonly (readonly [RegExp, number])[] = [
  [/^Null/, 0x00],
  [/^Power Management version/, 0x01],
  [/^AGP version/, 0x02],
  [/^Vital Product Data/, 0x03],
  [/^Slot ID/, 0x04],
  [/^MSI:/, 0x05],
  [/^CompactPCI hot-swap/, 0x06],
  [/^PCI-X/, 0x07],
  [/^HyperTransport/, 0x08],
  [/^Vendor Specific Information/, 0x09],
  [/^Debug port/, 0x0a],
  [/^CompactPCI central resource control/, 0x0b],
  [/^Hot-plug capable/, 0x0c],
  [/^Subsystem/, 0x0d],
  [/^AGP3/, 0x0e],
  [/^Secure device/, 0x0f],
  [/^Express/, 0x10],
  [/^MSI-X/, 0x11],
  [/^SATA HBA/, 0x12],
  [/^PCI Advanced Features/, 0x13],
  [/^Enhanced Allocation/, 0x14],
];
const EXTENDED_IDS: readonly (readonly [RegExp, number])[] = [
  [/^Null/, 0x00],
  [/^Advanced Error Reporting/, 0x01],
  [/^Virtual Channel/, 0x02],
  [/^Device Serial Number/, 0x03],
  [/^Power Budgeting/, 0x04],
  [/^Root Complex Link/, 0x05],
  [/^Root Complex Event Collector Endpoint Association/, 0x07],
  [/^Vendor Specific Information/, 0x0b],
  [/^Access Control Services/, 0x0d],
  [/^Alternative Routing-ID Interpretation/, 0x0e],
  [/^Address Translation Service/, 0x0f],
  [/^Single Root I\/O Virtualization/, 0x10],
  [/^Page Request Interface/, 0x13],
  [/^Physical Resizable BAR/, 0x15],
  [/^Transaction Processing Hints/, 0x17],
  [/^Latency Tolerance Reporting/, 0x18],
  [/^Secondary PCI Express/, 0x19],
  [/^Process Address Space ID/, 0x1b],
  [/^Downstream Port Containment/, 0x1d],
  [/^L1 PM Substates/, 0x1e],
  [/^Precision Time Measurement/, 0x1f],
  [/^Designated Vendor-Specific/, 0x23],
  [/^Virtual Resizable BAR/, 0x24],
  [/^Data Link Feature/, 0x25],
  [/^Physical Layer 16.0 GT\/s/, 0x26],
  [/^Lane Margining at the Receiver/, 0x27],
  [/^Data Object Exchange/, 0x2e],
];

interface Shown {
  readonly offset: number;
  readonly version: number | undefined;
  readonly text: string;
}

function granted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}

function hasLspci(): boolean {
  if (!granted({ name: "run", command: "lspci" })) return false;
  try {
    return new Deno.Command("lspci", { args: ["--version"] }).outputSync().success;
  } catch {
    return false;
  }
}

function dumpFiles(): string[] {
  if (!granted({ name: "read", path: DUMPS })) return [];
  try {
    return Array.from(Deno.readDirSync(DUMPS), ({ name }) => name)
      .filter((name) => name.endsWith(".txt"))
      .sort();
  } catch {
    return [];
  }
}

function rowCount(text: string): number {
  return text.match(/^[0-9a-f]+: /gm)?.length ?? 0;
}

function recordedSpaces(): { file: string; space: ConfigSpace }[] {
  return FILES.flatMap((file) =>
    readDump(Deno.readFileSync(new URL(file, DUMPS)))
      .map(({ bytes }) => ({ file, space: decodeConfigSpace(bytes) }))
  );
}

function lspciLines(file: string): string[] {
  const path = new URL(file, DUMPS).pathname;
  const { stdout } = new Deno.Command("lspci", { args: ["-vv", "-F", path] }).outputSync();
  return new TextDecoder().decode(stdout).split("\n");
}

function shownCapabilities(lines: readonly string[]): Shown[] {
  return lines.flatMap((line) => {
    const [, offset, version, text = ""] =
      /^\tCapabilities: \[([0-9a-f]+)(?: v(\d+))?\] (.*)$/.exec(line) ?? [];
    if (offset === undefined || text.startsWith("<chain")) return [];
    return [{
      offset: parseInt(offset, 16),
      version: version === undefined ? undefined : Number(version),
      text,
    }];
  });
}

function shownId({ version, text }: Shown): number {
  const unknown = /Capability ID 0x([0-9a-f]+)/.exec(text)?.[1];
  if (unknown !== undefined) return parseInt(unknown, 16);
  const known = (version === undefined ? STANDARD_IDS : EXTENDED_IDS)
    .find(([wording]) => wording.test(text));
  if (!known) throw new Error(`No id for ${text}`);
  return known[1];
}

/**
 * What lspci shows of a capability in its first line, in lspci's words; empty when it is not
 * compared.
 */
function wordsOf(capability: Capability | ExtendedCapability): string {
  const { fields, id } = capability;
  const flag = (name: string): string => fields[name] ? "+" : "-";
  const digits = (name: string, length = 0): string =>
    Number(fields[name]).toString(16).padStart(length, "0");
  if ("version" in capability) {
    switch (id) {
      case 0x03:
        return `Device Serial Number ${fields.serialNumber}`;
      case 0x0b:
        return `ID=${digits("vsecId", 4)} Rev=${digits("vsecRevision")} Len=${
          digits("declaredLength", 3)
        }`;
      case 0x23:
        return `Vendor=${digits("dvsecVendor", 4)} ID=${
          digits("dvsecId", 4)
        } Rev=${fields.dvsecRevision} Len=${fields.declaredLength}`;
      default:
        return "";
    }
  }
  switch (id) {
    case 0x01:
      return `Power Management version ${fields.version}`;
    case 0x05:
      return `Enable${flag("enabled")} Count=${fields.vectorsEnabled}/${fields.vectorsCapable} ` +
        `Maskable${flag("perVectorMasking")} 64bit${flag("address64")}`;
    case 0x10:
      return `Express (v${fields.version})`;
    case 0x11:
      return `Enable${flag("enabled")} Count=${fields.tableSize} Masked${flag("functionMask")}`;
    default:
      return "";
  }
}

const FILES = dumpFiles();
const LSPCI = hasLspci();
const noDumps = FILES.length === 0
  ? " (left out: no folder of recorded dumps beside this one)"
  : "";
const noOracle = noDumps || (LSPCI ? "" : " (left out: lspci is not installed or may not be run)");

Deno.test({
  name: `recorded dumps: those whose rows end early say so${noDumps}`,
  ignore: noDumps !== "",
  fn(): void {
    for (const file of FILES) {
      const data = Deno.readFileSync(new URL(file, DUMPS));
      const length = 16 * rowCount(new TextDecoder().decode(data));
      const [first] = readDump(data);
      assertEquals(first?.known ?? first?.bytes.length, length, file);
    }
  },
});

Deno.test({
  name: `recorded dumps: real devices have no problems but a length past the end${noDumps}`,
  ignore: noDumps !== "",
  fn(): void {
    const dumps = recordedSpaces();
    assertGreaterOrEqual(dumps.length, FILES.length / 2);
    const codes = dumps.flatMap(({ space }) => space.problems.map(({ code }) => code));
    assertEquals(codes.filter((code) => code !== "past-end"), []);
  },
});

Deno.test({
  name: `recorded dumps: capabilities are those lspci shows${noOracle}`,
  ignore: noOracle !== "",
  async fn(t): Promise<void> {
    for (const { file, space } of recordedSpaces()) {
      await t.step(file, () => {
        const shown = shownCapabilities(lspciLines(file));
        // lspci looks for the extended list only where the standard one has PCI Express or PCI-X.
        const express = space.capabilities.some(({ id }) => id === 0x10 || id === 0x07);
        const capabilities = [...space.capabilities, ...(express ? space.extended : [])];
        assertEquals(
          capabilities.map((capability) => ({
            offset: capability.offset,
            id: capability.id,
            version: "version" in capability ? capability.version : undefined,
          })),
          shown.map((one) => ({ offset: one.offset, id: shownId(one), version: one.version })),
        );
        const differing = capabilities
          .map((capability, i) => ({ words: wordsOf(capability), text: shown[i]?.text ?? "" }))
          .filter(({ words, text }) => !text.includes(words));
        assertEquals(differing, []);
      });
    }
  },
});

Deno.test({
  name: `recorded dumps: BARs and link speeds are those lspci shows${noOracle}`,
  ignore: noOracle !== "",
  async fn(t): Promise<void> {
    for (const { file, space } of recordedSpaces()) {
      await t.step(file, () => {
        const lines = lspciLines(file);
        // Of a 64-bit BAR in a dump, lspci 3.9 shows the upper half as a region of its own.
        const upperHalves = space.bars.filter(({ kind }) => kind === "memory64")
          .map(({ index }) => index + 1);
        const regions = lines.flatMap((line) => {
          const [, region, index] =
            /^\t(Region (\d): \S+(?: ports)? at [0-9a-f]{2,}.*)$/.exec(line) ?? [];
          if (region === undefined || upperHalves.includes(Number(index))) return [];
          return [region.replace(/ \[(disabled|virtual)\]/g, "")];
        });
        const bars = space.bars.filter(({ address }) => address !== "0x0").map((bar) => {
          const address = bar.address.slice(2).padStart(bar.kind === "io" ? 4 : 8, "0");
          if (bar.kind === "io") return `Region ${bar.index}: I/O ports at ${address}`;
          const width = bar.kind === "memory64" ? "64-bit" : "32-bit";
          const prefetch = bar.prefetchable ? "prefetchable" : "non-prefetchable";
          return `Region ${bar.index}: Memory at ${address} (${width}, ${prefetch})`;
        });
        assertEquals(bars, regions);

        const link = space.capabilities.find(({ fields }) => "linkStatus" in fields);
        const status = link?.fields.linkStatus;
        const shown = lines.flatMap((line) =>
          /LnkSta:\tSpeed ([\d.]+)GT\/s[^,]*, Width x(\d+)/.exec(line)?.slice(1).map(Number) ?? []
        );
        if (shown.length > 0 && typeof status === "object" && "speed" in status) {
          assertEquals([parseFloat(String(status.speed)), status.width], shown);
        } else {
          assertEquals(shown, []);
        }
      });
    }
  },
});
