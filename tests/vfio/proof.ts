/**
 * `deno task proof`: writes docs/proof.md, what real migrations have shown, from what was recorded of
 * them.
 *
 * @module
 */
import { isForetold, type RecordedMigration } from "./recorded.ts";

const CASES = new URL("../cases/", import.meta.url);
const PAGE = new URL("../../docs/proof.md", import.meta.url);
const BUSES = ["root", "port", "pci-under-pcie", "pci"] as const;

/** A line of `vfio-results.jsonl`. */
type Result = Readonly<Record<string, unknown>>;

/** The recordings' names. */
export function recordingNames(): string[] {
  return Array.from(Deno.readDirSync(CASES), ({ name }) => name)
    .filter((name) => /^vfio-\d.*\.jsonl$/.test(name)).sort();
}

/** A recording's lines. */
export function readRecording(name: string): RecordedMigration[] {
  return readLines(name).map((line) => JSON.parse(line));
}

/** The page. */
export function proof(): string {
  const recordings = recordingNames().map((name) => ({ name, migrations: readRecording(name) }));
  const results: Result[] = readLines("vfio-results.jsonl").map((line) => JSON.parse(line));
  const of = (part: string): Result[] => results.filter((result) => result.part === part);
  const [versions = {}] = of("versions");
  const [emulated = {}] = of("emulated");
  const [realize = {}] = of("realize");
  const scenarios = (part: string): string =>
    table(
      ["scenario", "premigrate", "what came of it"],
      of(part).map(({ scenario, premigrate, said }) => [scenario, premigrate, said]),
    );
  return `<!-- Made by \`deno task proof\` from tests/cases/vfio-*.jsonl: do not edit. -->

# What real migrations have shown

premigrate's predictions and vetoes were held against real QEMU, real libvirt and real VFIO devices:
mediated devices whose config space, BARs, ROM and MSI-X are the test's choice
(\`tests/vfio/config_mdev.c\`), in a nested VM (Linux ${versions.kernel}, libvirt ${versions.libvirt},
QEMU ${versions.backports} and ${versions.stable}).

## Random pairs

Each is a guest that was migrated from one device to another, alike but for a few random changes.
Foretold means: the same result, the same first offset, read and device bytes and all three masks as
QEMU printed; where QEMU did not open a device, the same side and QEMU's own words.

${
    table(
      [
        "recording",
        "QEMU",
        "pairs",
        "of 4096 bytes",
        "arrived",
        "`Bad config data`",
        "not opened",
        "foretold",
      ],
      recordings.map(({ name, migrations }) => [
        `\`${name}\``,
        migrations[0]?.qemu,
        migrations.length,
        migrations.filter(({ source }) => source.length === 8192).length,
        migrations.filter(({ extended }) => extended.length > 0).length,
        migrations.filter(({ result }) => result === "completed").length,
        migrations.filter(({ result }) => result === "bad-config").length,
        migrations.filter(({ result }) => result === "realize-failed").length,
        migrations.filter(isForetold).length,
      ]),
    )
  }

${
    table(
      ["where the guest has the device", ...recordings.map(({ name }) => `\`${name}\``)],
      BUSES.map((bus) => [
        `\`${bus}\``,
        ...recordings.map(({ migrations }) => migrations.filter((it) => it.bus === bus).length),
      ]),
    )
  }

## What is read of a device

${realize.devices} devices of every kind the module can be: what the VFIO reader returned while they
were idle, what was recorded of them before their guest's start, and what QEMU ${realize.qemu} then
put into the migration stream were the same, byte for byte, by the model of what QEMU changes.

## Devices that QEMU emulates

${emulated.migrated} migrations between devices with differing properties on QEMU ${emulated.qemu}. Of
those premigrate claims the header, MSI and MSI-X alone: ${emulated.decided} were decided there, all as
foretold; no other contradicted it.

## The whole stack

Two libvirt hosts, premigrate installed on both, the agent stamping, a guest with an NVIDIA-like
device. What was refused was tried again without the hook: then QEMU failed as foretold.

${scenarios("stack")}

## ROM files

A device with a ROM file of its own on each side. The verdict is \`qemu/restore-check\`'s.

${scenarios("rom")}

## Documents that deceive

Guests whose document says in another place what QEMU will do: by an argument, or by a property. What
came of it is what QEMU does where nobody refuses them; where BAR 0 is at 0x0, nothing of the device's
state arrived, and the migration was a success.

${scenarios("attacks")}

## Again

As root on Debian 12, without KVM or hardware; nothing is installed but the VM's image below
\`/var/cache/premigrate-vfio\`:

\`\`\`text
apt-get install --no-install-recommends e2fsprogs mmdebstrap qemu-system-x86
deno task test:vfio
${
    of("oracle").map(({ qemu, seed, migrated }) =>
      `deno task test:vfio --part oracle --count ${migrated} --seed ${seed}` +
      ` --qemu ${qemu === versions.stable ? "stable" : "backports"}`
    ).join("\n")
  }
\`\`\`

The last lines make the recorded pairs again. What the parts are is told in
[tests/vfio](../tests/vfio/README.md).
`;
}

function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function readLines(name: string): string[] {
  return Deno.readTextFileSync(new URL(name, CASES)).trimEnd().split("\n");
}

if (import.meta.main) Deno.writeTextFileSync(PAGE, proof());
