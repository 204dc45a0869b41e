import { assertEquals } from "@std/assert";
import { predictDriver } from "../../../../lib/facts/vfio/driver.ts";

const HEAD = "# Aliases extracted from modules themselves.\n";
/** As depmod writes it for a kernel with all the variant drivers. */
const ALIASES = `${HEAD}alias pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_core
alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci
alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci
alias vfio_pci:v000019E5d0000A251sv*sd*bc*sc*i* hisi_acc_vfio_pci
alias vfio_pci:v00001DD8d00001003sv*sd*bc*sc*i* pds_vfio_pci
alias vfio_pci:v00001AF4d00001041sv*sd*bc*sc*i* virtio_vfio_pci
alias vfio_pci:v00008086d*sv*sd*bc03sc*i* xe_vfio_pci
alias vfio_pci:v000010DEd00002342sv*sd*bc*sc*i* nvgrace_gpu_vfio_pci
alias devname:vfio/vfio vfio
`;
const MLX5 = "pci:v000015B3d0000101Esv000015B3sd0000005Bbc02sc00i00\n";
const NVIDIA = "pci:v000010DEd00002236sv000010DEsd00001482bc03sc02i00\n";
const XE = "pci:v00008086d000056C0sv00008086sd00004905bc03sc80i00";

Deno.test("predictDriver() takes the driver libvirt takes", () => {
  const cases: [string, modalias: string, aliases: string | undefined, string | undefined][] = [
    ["a variant for the device", MLX5, ALIASES, "mlx5_vfio_pci"],
    ["none for the device", NVIDIA, ALIASES, "vfio-pci"],
    ["a variant for a vendor's class", XE, ALIASES, "xe-vfio-pci"],
    ["no VFIO aliases at all", MLX5, HEAD, "vfio-pci"],
    ["an empty file", MLX5, "", "vfio-pci"],
    [
      "only the generic driver",
      MLX5,
      `${HEAD}alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n`,
      "vfio-pci",
    ],
    [
      "the most specific, whatever the order",
      MLX5,
      `${HEAD}alias vfio_pci:v000015B3d0000101Esv000015B3sd*bc*sc*i* special
alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci\n`,
      "special",
    ],
    [
      "the first of equals",
      MLX5,
      `${HEAD}alias vfio_pci:v000015B3d*sv*sd*bc*sc*i* first
alias vfio_pci:v*d0000101Esv*sd*bc*sc*i* second\n`,
      "first",
    ],
    [
      "another subsystem's alias",
      MLX5,
      `${HEAD}alias vfio_pci:v000015B3d0000101Esv000015B3sd00000001bc*sc*i* no\n`,
      "vfio-pci",
    ],
    [
      "lines that are no aliases",
      MLX5,
      `${HEAD}alias vfio_pci:v000015B3 no
alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i*
#alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* no\n`,
      "vfio-pci",
    ],
    ["a host whose aliases are unknown", MLX5, undefined, undefined],
    ["a modalias of another bus", "usb:v1D6Bp0002", ALIASES, undefined],
    ["an empty modalias", "", ALIASES, undefined],
  ];
  for (const [name, modalias, aliases, driver] of cases) {
    assertEquals(predictDriver(modalias, aliases), driver, name);
  }
});
