import type { Codes } from "premigrate/policy";

const NVML =
  "nvmlGetVgpuCompatibility compares the vGPU's metadata with the destination GPU's (nvml.h). capture does not ask it; a facts file can carry its answer.";
const TYPES =
  "A type's name, as in A40-8Q, is the same everywhere, its number may be another in another driver. OpenStack Nova and NVIDIA want the same type on both hosts.";
const DRIVERS =
  "NVIDIA means vGPUs to migrate between host drivers, and NVML knows which pairs do. Each driver writes its version into the vGPU's config space, which QEMU compares up to 9.0 and with machine types up to 9.0 (Red Hat: vGPU live migration fails if the driver version differs).";

/** Every finding of `nvidia/vgpu`. */
export const CODES = {
  "type-differs": {
    severity: "veto",
    title: "The vGPU types differ",
    message: "The vGPU is {source} on {sourceHost} and {destination} on {destinationHost}",
    remedy: "Create a vGPU of the same type on the destination.",
    about: TYPES,
  },
  "type-unknown": {
    severity: "undecided",
    title: "It is not known whether the vGPU types are the same",
    message:
      "The vGPU is {source} on {sourceHost} and {destination} on {destinationHost}, which cannot be compared",
    remedy:
      "Gather the facts again, as root; the vGPU's VFIO config region (--vfio-region) holds the type as subsystem id.",
    about: TYPES,
  },
  "not-created": {
    severity: "veto",
    title: "The destination's VF has no vGPU yet",
    message: "{destinationHost}'s VF has no vGPU, wanted is {type}",
    remedy: "Write the type's number to nvidia/current_vgpu_type of the VF, then ask again.",
    about:
      "An SR-IOV VF becomes a vGPU when its type is set (creatable_vgpu_types, current_vgpu_type in sysfs); 0 is none.",
  },
  "no-capacity": {
    severity: "veto",
    title: "The destination's VF has no vGPU, and cannot be made one of this type",
    message:
      "{destinationHost}'s VF has no vGPU, and {type} is not among the types it can be made now",
    remedy: "Free room on that GPU, or choose another host.",
    about:
      "creatable_vgpu_types of a VF shrinks with what is placed on its GPU already: it lists what there is room for.",
  },
  "nvml-accepts": {
    severity: "info",
    title: "NVML accepts this live migration",
    message: "nvmlGetVgpuCompatibility says that the vGPU can migrate live to {destinationHost}",
    remedy: "Nothing to do.",
    about: `${NVML} It does not look at capacity.`,
  },
  "nvml-refuses": {
    severity: "veto",
    title: "NVML refuses this live migration",
    message: "nvmlGetVgpuCompatibility does not allow a live migration: {limits}",
    remedy: "Use a host whose GPU and driver NVML accepts, or a guest driver of the host's branch.",
    about: NVML,
  },
  "host-driver-differs": {
    severity: "warn",
    title: "The host drivers differ",
    message:
      "NVIDIA driver {source} on {sourceHost}, {destination} on {destinationHost}; accepted pairs: {accepted}",
    remedy:
      "Check NVIDIA's release notes for this pair of drivers. A site that does not want such pairs sets the option drivers to same-branch or equal.",
    about: `With the option drivers this is a veto where the pair is not accepted. ${DRIVERS}`,
  },
  "host-driver-compared": {
    severity: "veto",
    title: "The host drivers differ, and QEMU compares them",
    message:
      "NVIDIA driver {source} on {sourceHost}, {destination} on {destinationHost}, and on this machine type QEMU compares, or may compare, what the drivers wrote",
    remedy:
      "Restart the guest with a machine type of version 9.1 or later, set skip-vsc-check=on on the destination (qemu:override), or install the same host driver on both hosts.",
    about:
      `The vGPU's bytes are not known, but the drivers' versions in them are. If the compat of the machine type is not known, this is undecided. ${DRIVERS}`,
  },
  "host-driver-unknown": {
    severity: "undecided",
    title: "The host drivers are not known",
    message: "The host drivers of both sides are not known; accepted pairs: {accepted}",
    remedy: "Gather the facts again, or set the option drivers to any.",
    about: DRIVERS,
  },
  "vgpu-version-out-of-range": {
    severity: "veto",
    title: "The destination does not take the guest's vGPU version",
    message: "The guest runs vGPU version {version}, {destinationHost} takes {min} to {max}",
    remedy:
      "Widen the destination's range (nvmlSetVgpuVersion, without guests running), or use the source's driver there.",
    about:
      "Guest and host agree on a vGPU version when the guest's driver loads, and it stays the same across migrations (nvml.h, nvmlVgpuVersion_t).",
  },
  "guest-driver-out-of-range": {
    severity: "warn",
    title: "The guest's driver may be of the wrong branch",
    message: "The guest's driver is {guest}, {destinationHost}'s {host}",
    remedy: "Upgrade the guest's driver to the destination's branch first, or ask NVML.",
    about:
      "A vGPU manager takes guest drivers of its own branch and of the one before, and a manager of a long-term support branch (R450, R470, R535, R580) also those of the long-term support branch before (vGPU release notes 19.0, 1.2; which branches those are, NVIDIA Data Center Drivers, Supported Drivers). Another driver fails to load with the vGPU; NVIDIA does not say what becomes of one that is loaded: so this only warns.",
  },
  "gpu-mode-differs": {
    severity: "warn",
    title: "The GPUs are in different modes",
    message: "{mode} is {source} on {sourceHost}'s GPU and {destination} on {destinationHost}'s",
    remedy: "Set both GPUs alike (nvidia-smi), or ask NVML.",
    about:
      "A migration between hosts of another ECC configuration stops before it is complete, whatever the GPU (NVIDIA AI Enterprise 6.2, NVIDIA vGPU (C-Series), known issues with migration). A known issue may be fixed in another release: so this only warns.",
  },
  "parameter-blocks": {
    severity: "warn",
    title: "A parameter of the vGPU may block migration",
    message: "The vGPU on {sideHost} has {parameter}",
    remedy: "Set the parameter to 0 (nvidia/vgpu_params) and restart the guest.",
    about:
      "Migration is disabled for a guest with unified memory, debuggers or profilers (NVIDIA AI Enterprise 6.2, NVIDIA vGPU (C-Series), limitations of migration). Whether the driver offers it for this vGPU the kernel itself may tell (generic/vfio): so this only warns.",
  },
  "hypervisors-unsupported": {
    severity: "veto",
    title: "NVIDIA does not support this pair of hypervisors",
    message: "{sourceHost} runs RHEL {source}, {destinationHost} RHEL {destination}",
    remedy: "Migrate between hosts of one release.",
    about:
      "Live migration of vGPUs is not supported between RHEL 10 and RHEL 9.4 (NVIDIA AI Enterprise, live migration). The release is read from the kernel's version (el9_4).",
  },
} as const satisfies Codes;
