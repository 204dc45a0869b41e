import { assertEquals } from "@std/assert";
import { type DriverChoice, predictDriver } from "../../../../lib/facts/vfio/driver.ts";

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
  const cases: [string, DriverChoice, string | undefined][] = [
    ["a variant for the device", { modalias: MLX5, modulesAlias: ALIASES }, "mlx5_vfio_pci"],
    ["none for the device", { modalias: NVIDIA, modulesAlias: ALIASES }, "vfio-pci"],
    ["a variant for a vendor's class", { modalias: XE, modulesAlias: ALIASES }, "xe-vfio-pci"],
    ["no VFIO aliases at all", { modalias: MLX5, modulesAlias: HEAD }, "vfio-pci"],
    ["an empty file", { modalias: MLX5, modulesAlias: "" }, "vfio-pci"],
    [
      "only the generic driver",
      { modalias: MLX5, modulesAlias: `${HEAD}alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n` },
      "vfio-pci",
    ],
    [
      "the most specific, whatever the order",
      {
        modalias: MLX5,
        modulesAlias: `${HEAD}alias vfio_pci:v000015B3d0000101Esv000015B3sd*bc*sc*i* special
alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci\n`,
      },
      "special",
    ],
    [
      "the first of equals",
      {
        modalias: MLX5,
        modulesAlias: `${HEAD}alias vfio_pci:v000015B3d*sv*sd*bc*sc*i* first
alias vfio_pci:v*d0000101Esv*sd*bc*sc*i* second\n`,
      },
      "first",
    ],
    [
      "another subsystem's alias",
      {
        modalias: MLX5,
        modulesAlias: `${HEAD}alias vfio_pci:v000015B3d0000101Esv000015B3sd00000001bc*sc*i* no\n`,
      },
      "vfio-pci",
    ],
    [
      "lines that are no aliases",
      {
        modalias: MLX5,
        modulesAlias: `${HEAD}alias vfio_pci:v000015B3 no
alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i*
#alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* no\n`,
      },
      "vfio-pci",
    ],
    [
      "a model, over the best variant",
      { driverModel: "vfio-pci", modalias: MLX5, modulesAlias: ALIASES },
      "vfio-pci",
    ],
    ["a model by its module's name", { driverModel: "vfio_pci" }, "vfio-pci"],
    ["a model with dashes for underscores", { driverModel: "mlx5-vfio-pci" }, "mlx5_vfio_pci"],
    ["a model not known here", { driverModel: "acme_vfio" }, "acme_vfio"],
    ["a model named as no driver is", { driverModel: "constructor" }, "constructor"],
    ["a host whose aliases are unknown", { modalias: MLX5 }, undefined],
    ["a device whose modalias is unknown", { modulesAlias: ALIASES }, undefined],
    ["a modalias of another bus", { modalias: "usb:v1D6Bp0002", modulesAlias: ALIASES }, undefined],
    ["an empty modalias", { modalias: "", modulesAlias: ALIASES }, undefined],
    ["nothing known", {}, undefined],
  ];
  for (const [name, choice, driver] of cases) assertEquals(predictDriver(choice), driver, name);
});
