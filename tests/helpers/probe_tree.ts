/** A host's sysfs as the kernel lays it out, in a folder: real directories, files, relative links. */

export type Content = string | Uint8Array;

/** A PCI function, with its files beside those that every one has. */
export interface FakeFunction {
  readonly config: Uint8Array;
  readonly driver?: string;
  /** Of its driver; none where that is built in. */
  readonly module?: string;
  readonly iommuGroup?: string;
  /** Address of its physical function, and which of its VFs it is. */
  readonly physfn?: readonly [address: string, index: number];
  /** What its driver offers for migration, as debugfs tells. */
  readonly offers?: readonly string[];
  readonly files?: Readonly<Record<string, Content>>;
}

export interface FakeMdev {
  readonly parent: string;
  readonly type: string;
  readonly typeFiles?: Readonly<Record<string, Content>>;
  readonly driver?: string;
  readonly iommuGroup?: string;
  readonly offers?: readonly string[];
  readonly files?: Readonly<Record<string, Content>>;
}

/** A function's `resource` file with BARs of the sizes that the examples' devices have. */
export const RESOURCE = [16 << 20, 256 << 20, 0, 32 << 20, ...Array<number>(9).fill(0)]
  .map((size, bar) => (size === 0 ? [0, 0, 0] : [bar * 2 ** 32, bar * 2 ** 32 + size - 1, 0x40200]))
  .map((numbers) => numbers.map((number) => `0x${number.toString(16).padStart(16, "0")}`).join(" "))
  .join("\n") + "\n";

/** All that a device can offer. */
export const OFFERS = ["stop-copy", "p2p", "pre-copy", "dirty-tracking"] as const;

const encoder = new TextEncoder();

export class FakeSysfs {
  readonly root = Deno.makeTempDirSync({ prefix: "premigrate-sysfs-" });
  /** What each device's files hold, by the device's address and the file's name in its directory. */
  readonly written = new Map<string, Map<string, Uint8Array>>();

  constructor() {
    Deno.chmodSync(this.root, 0o755); // for those who are not root
    for (const path of ["bus/pci/devices", "bus/mdev/devices", "module", "kernel/iommu_groups"]) {
      this.#directory(path);
    }
  }

  remove(): void {
    Deno.removeSync(this.root, { recursive: true });
  }

  file(path: string, content: Content): Uint8Array {
    const bytes = typeof content === "string" ? encoder.encode(content) : content;
    this.#directory(path.replace(/\/[^/]*$/, ""));
    Deno.writeFileSync(`${this.root}/${path}`, bytes);
    return bytes;
  }

  /** As the kernel's, it goes up from where it is to the root, and down from there. */
  link(path: string, to: string): void {
    const up = "../".repeat(path.split("/").length - 1);
    Deno.symlinkSync(`${up}${to}`, `${this.root}/${path}`);
  }

  /** Where a function's directory is. */
  pathOf(address: string): string {
    return `devices/pci${address.slice(0, -5)}/${address}`;
  }

  addFunction(address: string, fake: FakeFunction): void {
    const path = this.pathOf(address);
    const id = (offset: number, length: number): string =>
      `0x${hex(fake.config.slice(offset, offset + length).reverse())}\n`;
    this.#add(address, path, {
      config: fake.config,
      vendor: id(0x00, 2),
      device: id(0x02, 2),
      class: id(0x09, 3),
      resource: "0x0000000000000000 0x0000000000000000 0x0000000000000000\n".repeat(13),
      numa_node: "0\n",
      modalias: "pci:v000010DEd00002235sv000010DEsd0000145Abc03sc02i00\n",
      power_state: "D0\n",
      reset_method: "flr bus\n",
      ...fake.files,
    });
    this.link(`bus/pci/devices/${address}`, path);
    this.#bind(path, "pci", fake);
    this.#offer(address, fake);
    if (fake.physfn !== undefined) {
      const [physfn, index] = fake.physfn;
      this.link(`${path}/physfn`, this.pathOf(physfn));
      this.link(`${this.pathOf(physfn)}/virtfn${index}`, path);
    }
  }

  addMdev(uuid: string, fake: FakeMdev): void {
    const parent = this.pathOf(fake.parent);
    const path = `${parent}/${uuid}`;
    const type = `${parent}/mdev_supported_types/${fake.type}`;
    this.#add(uuid, path, fake.files ?? {});
    const written = this.written.get(uuid);
    for (const [name, content] of Object.entries(fake.typeFiles ?? {})) {
      written?.set(`mdev_type/${name}`, this.file(`${type}/${name}`, content));
    }
    this.#directory(type);
    this.link(`bus/mdev/devices/${uuid}`, path);
    this.link(`${path}/mdev_type`, type);
    this.#bind(path, "mdev", fake);
    this.#offer(uuid, fake);
  }

  addModule(name: string, files: Readonly<Record<string, Content>>): void {
    this.#directory(`module/${name}`);
    for (const [file, content] of Object.entries(files)) {
      this.file(`module/${name}/${file}`, content);
    }
  }

  #add(address: string, path: string, files: Readonly<Record<string, Content>>): void {
    this.#directory(path);
    const written = Object.entries(files)
      .map(([name, content]) => [name, this.file(`${path}/${name}`, content)] as const);
    this.written.set(address, new Map(written));
  }

  #offer(address: string, { offers }: Pick<FakeFunction, "offers">): void {
    if (offers === undefined) return;
    this.file(`kernel/debug/vfio/${address}/migration/features`, offers.join("\n") + "\n");
  }

  #bind(path: string, bus: string, { driver, module, iommuGroup }: Partial<FakeFunction>): void {
    if (driver !== undefined) {
      const directory = `bus/${bus}/drivers/${driver}`;
      this.#directory(directory);
      this.link(`${path}/driver`, directory);
      if (module !== undefined && !exists(`${this.root}/${directory}/module`)) {
        this.#directory(`module/${module}`);
        this.link(`${directory}/module`, `module/${module}`);
      }
    }
    if (iommuGroup !== undefined) {
      this.#directory(`kernel/iommu_groups/${iommuGroup}`);
      this.link(`${path}/iommu_group`, `kernel/iommu_groups/${iommuGroup}`);
    }
  }

  #directory(path: string): void {
    Deno.mkdirSync(`${this.root}/${path}`, { recursive: true });
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A config space with ids of its own, and bytes that differ from one seed to the next. */
export function makeConfig(
  length: number,
  ids: readonly [vendor: number, device: number],
  seed = 1,
): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, index) => (index * 167 + seed * 89) & 0xff);
  const [vendor, device] = ids;
  bytes.set([vendor & 0xff, vendor >> 8, device & 0xff, device >> 8]);
  return bytes;
}
