import { assertEquals, assertMatch } from "@std/assert";
import { refuse, type VfioStep } from "../../../../lib/facts/vfio/refusal.ts";

const [EPERM, ENOENT, ESRCH, EIO, EBADF, EAGAIN, EACCES, EBUSY, ENODEV, ENOTTY, ENOSYS] = //
  [1, 2, 3, 5, 9, 11, 13, 16, 19, 25, 38] as const;

Deno.test("refuse() says what a failed call means", () => {
  const cases: [string, VfioStep, number, string][] = [
    ["the guest's QEMU has ended", "open-process", ESRCH, "not-held"],
    ["a kernel without pidfds", "open-process", ENOSYS, "unsupported"],
    ["without CAP_SYS_PTRACE", "look-into-process", EACCES, "no-access"],
    ["it ended while it was looked at", "look-into-process", ENOENT, "not-held"],
    ["yama, or without CAP_SYS_PTRACE", "copy-descriptor", EPERM, "no-access"],
    ["closed since", "copy-descriptor", EBADF, "not-held"],
    ["a kernel before 5.6", "copy-descriptor", ENOSYS, "unsupported"],
    ["a kernel without VFIO", "open-container", ENOENT, "unsupported"],
    ["VFIO that cannot be loaded", "open-container", ENODEV, "unsupported"],
    ["a container closed to this user", "open-container", EACCES, "no-access"],
    ["no device of the group is bound", "open-group", ENOENT, "no-group"],
    ["the last one was unbound this moment", "open-group", ENODEV, "not-vfio"],
    ["a guest has the group", "open-group", EBUSY, "busy"],
    ["a group closed to this user", "open-group", EACCES, "no-access"],
    ["a device cgroup forbids the group", "open-group", EPERM, "no-access"],
    ["a host driver has a fellow of the group", "attach-group", EPERM, "not-viable"],
    ["an IOMMU without room", "attach-group", EIO, "failed"],
    ["not in the group", "open-device", ENODEV, "not-vfio"],
    ["a VF whose PF wants a token", "open-device", EACCES, "no-access"],
    ["a reset is under way", "open-device", EAGAIN, "busy"],
    ["an mdev's driver has it still", "open-device", EBUSY, "busy"],
    ["GVT-g without a KVM guest", "open-device", ESRCH, "failed"],
    ["a vGPU that does not start", "open-device", EIO, "failed"],
    ["an ioctl that the driver lacks", "read-device", ENOTTY, "failed"],
    ["an errno of the future", "open-group", 4095, "failed"],
  ];
  for (const [name, step, errno, result] of cases) {
    const refusal = refuse(step, errno, "open /dev/vfio/12", "Some reason");
    assertEquals(refusal.result, result, name);
    assertMatch(
      refusal.reason,
      /^Failed to open \/dev\/vfio\/12: Some reason; [a-z0-9_.,' ]+$/i,
      name,
    );
  }
});
