// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mediated VFIO PCI device whose config space, BARs, ROM and MSI-X are given by a test
 *
 * One write() to /dev/config_mdev sets the template; a device that is created afterwards keeps a
 * copy of it. The device does no DMA and never interrupts, so that it has no state to migrate
 * except that it was there.
 */

#include <linux/anon_inodes.h>
#include <linux/cleanup.h>
#include <linux/device.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/mdev.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci_regs.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>
#include <linux/vfio.h>

#define NAME			"config_mdev"
#define MAX_INSTANCES		64
#define MAX_BAR_SIZE		SZ_1G
#define MAX_ROM_SIZE		SZ_16M
#define MAX_MSIX_VECTORS	(PCI_MSIX_FLAGS_QSIZE + 1)
#define MSI_VECTORS		32
#define REGION_SHIFT		40
#define ROM_BAR_SIZE		sizeof(__le32)

struct template {
	__le64 bar_size[PCI_STD_NUM_BARS];
	__le64 rom_size;
	__le32 config_size;
	__le32 msix_vectors;
	__u8 config[PCI_CFG_SPACE_EXP_SIZE];
	__u8 writable[PCI_CFG_SPACE_EXP_SIZE];	/* the bits of config that keep what is written */
} __packed;
static_assert(sizeof(struct template) == 8256);

struct migration_data {
	__le64 magic;
	__le64 version;
};

static const struct migration_data migration_data = {
	.magic = cpu_to_le64(0x7665646d67666e63),
	.version = cpu_to_le64(1),
};

/*
 * A migration file may outlive its device: it refers to nothing but itself, and the device tells
 * it when the state that it belongs to has ended.
 */
struct migration_file {
	struct mutex lock;	/* guards all below */
	bool ended;
	loff_t done;
	struct migration_data data;
};

struct config_mdev {
	struct vfio_device vdev;
	struct mutex lock;	/* guards all below, and the config space in the template's copy */
	enum vfio_device_mig_state state;
	struct file *file;	/* that of STOP_COPY or RESUMING */
	u8 initial_config[PCI_CFG_SPACE_EXP_SIZE];
	struct template template;
};

static struct template *current_template;
static DEFINE_MUTEX(template_lock);
static atomic_t available_instances = ATOMIC_INIT(MAX_INSTANCES);

static struct config_mdev *to_config_mdev(struct vfio_device *vdev)
{
	return container_of(vdev, struct config_mdev, vdev);
}

/* The template */

static bool is_size(__le64 size, u64 max)
{
	u64 value = le64_to_cpu(size);

	return !value || (value <= max && is_power_of_2(value));
}

static bool is_template(const struct template *template)
{
	u32 config_size = le32_to_cpu(template->config_size);
	int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		if (!is_size(template->bar_size[i], MAX_BAR_SIZE))
			return false;
	return is_size(template->rom_size, MAX_ROM_SIZE) &&
	       (config_size == PCI_CFG_SPACE_SIZE || config_size == PCI_CFG_SPACE_EXP_SIZE) &&
	       le32_to_cpu(template->msix_vectors) <= MAX_MSIX_VECTORS;
}

static ssize_t template_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct template *template __free(kfree) = NULL;

	if (count != sizeof(*template))
		return -EINVAL;
	template = memdup_user(buf, count);
	if (IS_ERR(template))
		return PTR_ERR(template);
	if (!is_template(template))
		return -EINVAL;
	guard(mutex)(&template_lock);
	swap(template, current_template);
	return count;
}

static const struct file_operations template_fops = {
	.owner = THIS_MODULE,
	.write = template_write,
};

static struct miscdevice template_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = NAME,
	.fops = &template_fops,
	.mode = 0600,
};

/* Migration */

static ssize_t migration_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct migration_file *migf = file->private_data;

	guard(mutex)(&migf->lock);
	if (migf->ended)
		return -ENODEV;
	return simple_read_from_buffer(buf, count, &migf->done, &migf->data, sizeof(migf->data));
}

static ssize_t migration_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct migration_file *migf = file->private_data;

	guard(mutex)(&migf->lock);
	if (migf->ended)
		return -ENODEV;
	if (count > sizeof(migf->data) - migf->done)
		return -EINVAL;
	if (copy_from_user((u8 *)&migf->data + migf->done, buf, count))
		return -EFAULT;
	migf->done += count;
	return count;
}

static int migration_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

/* a file that saves is opened for reading, one that resumes for writing */
static const struct file_operations migration_fops = {
	.owner = THIS_MODULE,
	.read = migration_read,
	.write = migration_write,
	.release = migration_release,
};

static struct file *open_migration(struct config_mdev *cmdev, int flags)
{
	struct migration_file *migf;
	struct file *file;

	migf = kzalloc(sizeof(*migf), GFP_KERNEL_ACCOUNT);
	if (!migf)
		return ERR_PTR(-ENOMEM);
	mutex_init(&migf->lock);
	if (flags == O_RDONLY)
		migf->data = migration_data;
	file = anon_inode_getfile(NAME, &migration_fops, migf, flags);
	if (IS_ERR(file)) {
		kfree(migf);
		return file;
	}
	stream_open(file_inode(file), file);
	cmdev->file = file;
	/* one reference stays with the device, the other goes to whom the file is returned */
	return get_file(file);
}

static void close_migration(struct config_mdev *cmdev)
{
	struct migration_file *migf;

	if (!cmdev->file)
		return;
	migf = cmdev->file->private_data;
	scoped_guard(mutex, &migf->lock)
		migf->ended = true;
	fput(cmdev->file);
	cmdev->file = NULL;
}

static bool is_resumed(struct config_mdev *cmdev)
{
	struct migration_file *migf = cmdev->file->private_data;

	guard(mutex)(&migf->lock);
	return migf->done == sizeof(migf->data) &&
	       !memcmp(&migf->data, &migration_data, sizeof(migf->data));
}

static struct file *step_state(struct config_mdev *cmdev, enum vfio_device_mig_state next)
{
	switch (next) {
	case VFIO_DEVICE_STATE_STOP_COPY:
		return open_migration(cmdev, O_RDONLY);
	case VFIO_DEVICE_STATE_RESUMING:
		return open_migration(cmdev, O_WRONLY);
	default:
		if (cmdev->state == VFIO_DEVICE_STATE_RESUMING && !is_resumed(cmdev))
			return ERR_PTR(-EINVAL);
		close_migration(cmdev);
		return NULL;
	}
}

static struct file *config_mdev_set_state(struct vfio_device *vdev,
					  enum vfio_device_mig_state new_state)
{
	struct config_mdev *cmdev = to_config_mdev(vdev);
	enum vfio_device_mig_state next;
	struct file *file = NULL;
	int ret;

	guard(mutex)(&cmdev->lock);
	/* without PRE_COPY, the states that have a file are only entered as the last one */
	while (cmdev->state != new_state) {
		ret = vfio_mig_get_next_state(vdev, cmdev->state, new_state, &next);
		if (ret)
			return ERR_PTR(ret);
		file = step_state(cmdev, next);
		if (IS_ERR(file))
			return file;
		cmdev->state = next;
	}
	return file;
}

static int config_mdev_get_state(struct vfio_device *vdev, enum vfio_device_mig_state *state)
{
	struct config_mdev *cmdev = to_config_mdev(vdev);

	guard(mutex)(&cmdev->lock);
	*state = cmdev->state;
	return 0;
}

static int config_mdev_get_data_size(struct vfio_device *vdev, unsigned long *length)
{
	*length = sizeof(migration_data);
	return 0;
}

static const struct vfio_migration_ops config_mdev_mig_ops = {
	.migration_set_state = config_mdev_set_state,
	.migration_get_state = config_mdev_get_state,
	.migration_get_data_size = config_mdev_get_data_size,
};

/* The device */

static void config_mdev_reset(struct vfio_device *vdev)
{
	struct config_mdev *cmdev = to_config_mdev(vdev);

	guard(mutex)(&cmdev->lock);
	close_migration(cmdev);
	cmdev->state = VFIO_DEVICE_STATE_RUNNING;
	memcpy(cmdev->template.config, cmdev->initial_config, sizeof(cmdev->initial_config));
}

static u64 region_size(struct config_mdev *cmdev, u32 index)
{
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX ... VFIO_PCI_BAR5_REGION_INDEX:
		return le64_to_cpu(cmdev->template.bar_size[index]);
	case VFIO_PCI_ROM_REGION_INDEX:
		return le64_to_cpu(cmdev->template.rom_size);
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return le32_to_cpu(cmdev->template.config_size);
	default:
		return 0;
	}
}

static int find_region(struct config_mdev *cmdev, size_t count, u64 pos, u64 *offset)
{
	u32 index = pos >> REGION_SHIFT;
	u64 size = region_size(cmdev, index);

	*offset = pos & (BIT_ULL(REGION_SHIFT) - 1);
	return *offset < size && count <= size - *offset ? index : -EINVAL;
}

static ssize_t config_mdev_read(struct vfio_device *vdev, char __user *buf, size_t count,
				loff_t *pos)
{
	struct config_mdev *cmdev = to_config_mdev(vdev);
	unsigned long left;
	u64 offset;
	int index;

	index = find_region(cmdev, count, *pos, &offset);
	if (index < 0)
		return index;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX) {
		guard(mutex)(&cmdev->lock);
		left = copy_to_user(buf, cmdev->template.config + offset, count);
	} else {
		left = clear_user(buf, count);
	}
	if (left)
		return -EFAULT;
	*pos += count;
	return count;
}

static int write_config(struct config_mdev *cmdev, const char __user *buf, size_t count, u64 offset)
{
	u32 rom_size = region_size(cmdev, VFIO_PCI_ROM_REGION_INDEX);
	struct template *template = &cmdev->template;
	u8 *rom = template->config + PCI_ROM_ADDRESS;
	u8 written[sizeof(u64)];
	size_t i;

	if (count > sizeof(written))
		return -EINVAL;
	if (copy_from_user(written, buf, count))
		return -EFAULT;
	guard(mutex)(&cmdev->lock);
	for (i = 0; i < count; i++) {
		u8 *byte = template->config + offset + i;
		bool is_rom = rom_size && byte >= rom && byte < rom + ROM_BAR_SIZE;
		u8 mask = is_rom ? 0xff : template->writable[offset + i];

		*byte = (*byte & ~mask) | (written[i] & mask);
	}
	if (rom_size && offset < PCI_ROM_ADDRESS + ROM_BAR_SIZE && offset + count > PCI_ROM_ADDRESS) {
		u32 mask = (PCI_ROM_ADDRESS_MASK & -rom_size) | PCI_ROM_ADDRESS_ENABLE;

		put_unaligned_le32(get_unaligned_le32(rom) & mask, rom);
	}
	return 0;
}

static ssize_t config_mdev_write(struct vfio_device *vdev, const char __user *buf, size_t count,
				 loff_t *pos)
{
	struct config_mdev *cmdev = to_config_mdev(vdev);
	u64 offset;
	int index;
	int ret;

	index = find_region(cmdev, count, *pos, &offset);
	if (index < 0)
		return index;
	if (index == VFIO_PCI_ROM_REGION_INDEX)
		return -EINVAL;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX) {
		ret = write_config(cmdev, buf, count, offset);
		if (ret)
			return ret;
	}
	*pos += count;
	return count;
}

static long get_info(void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long get_region_info(struct config_mdev *cmdev, void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info.size = region_size(cmdev, info.index);
	info.offset = (u64)info.index << REGION_SHIFT;
	info.flags = info.size ? VFIO_REGION_INFO_FLAG_READ : 0;
	if (info.size && info.index != VFIO_PCI_ROM_REGION_INDEX)
		info.flags |= VFIO_REGION_INFO_FLAG_WRITE;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static u32 count_irqs(struct config_mdev *cmdev, u32 index)
{
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		return cmdev->template.config[PCI_INTERRUPT_PIN] ? 1 : 0;
	case VFIO_PCI_MSI_IRQ_INDEX:
		return MSI_VECTORS;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return le32_to_cpu(cmdev->template.msix_vectors);
	default:
		return 0;
	}
}

static long get_irq_info(struct config_mdev *cmdev, void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	/* QEMU warns of an ERR interrupt that is there with no vectors */
	if (info.argsz < minsz || info.index > VFIO_PCI_MSIX_IRQ_INDEX)
		return -EINVAL;
	info.count = count_irqs(cmdev, info.index);
	info.flags = VFIO_IRQ_INFO_EVENTFD;
	if (info.index == VFIO_PCI_INTX_IRQ_INDEX)
		info.flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	else
		info.flags |= VFIO_IRQ_INFO_NORESIZE;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long set_irqs(struct config_mdev *cmdev, void __user *arg)
{
	struct vfio_irq_set set;
	size_t data_size;

	if (copy_from_user(&set, arg, offsetofend(struct vfio_irq_set, count)))
		return -EFAULT;
	/* the data is left alone: the device never interrupts */
	return vfio_set_irqs_validate_and_prepare(&set, count_irqs(cmdev, set.index),
						  VFIO_PCI_NUM_IRQS, &data_size);
}

static long config_mdev_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	struct config_mdev *cmdev = to_config_mdev(vdev);

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return get_info((void __user *)arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return get_region_info(cmdev, (void __user *)arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return get_irq_info(cmdev, (void __user *)arg);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(cmdev, (void __user *)arg);
	case VFIO_DEVICE_RESET:
		config_mdev_reset(vdev);
		return 0;
	default:
		return -ENOTTY;
	}
}

static int config_mdev_init(struct vfio_device *vdev)
{
	struct config_mdev *cmdev = to_config_mdev(vdev);

	scoped_guard(mutex, &template_lock) {
		if (!current_template)
			return -EINVAL;
		cmdev->template = *current_template;
	}
	if (atomic_dec_if_positive(&available_instances) < 0)
		return -ENOSPC;
	mutex_init(&cmdev->lock);
	cmdev->state = VFIO_DEVICE_STATE_RUNNING;
	memcpy(cmdev->initial_config, cmdev->template.config, sizeof(cmdev->initial_config));
	vdev->migration_flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P;
	vdev->mig_ops = &config_mdev_mig_ops;
	return 0;
}

static void config_mdev_release(struct vfio_device *vdev)
{
	atomic_inc(&available_instances);
}

static const struct vfio_device_ops config_mdev_ops = {
	.name = NAME,
	.init = config_mdev_init,
	.release = config_mdev_release,
	/* a process may end in any state: the next one finds the device as it was made */
	.close_device = config_mdev_reset,
	.read = config_mdev_read,
	.write = config_mdev_write,
	.ioctl = config_mdev_ioctl,
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
};

/* The parent */

static int config_mdev_probe(struct mdev_device *mdev)
{
	struct config_mdev *cmdev;
	int ret;

	cmdev = vfio_alloc_device(config_mdev, vdev, &mdev->dev, &config_mdev_ops);
	if (IS_ERR(cmdev))
		return PTR_ERR(cmdev);
	ret = vfio_register_emulated_iommu_dev(&cmdev->vdev);
	if (ret) {
		vfio_put_device(&cmdev->vdev);
		return ret;
	}
	dev_set_drvdata(&mdev->dev, cmdev);
	return 0;
}

static void config_mdev_remove(struct mdev_device *mdev)
{
	struct config_mdev *cmdev = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&cmdev->vdev);
	vfio_put_device(&cmdev->vdev);
}

static unsigned int config_mdev_get_available(struct mdev_type *type)
{
	return atomic_read(&available_instances);
}

static struct mdev_driver config_mdev_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.driver = {
		.name = NAME,
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
	},
	.probe = config_mdev_probe,
	.remove = config_mdev_remove,
	.get_available = config_mdev_get_available,
};

static struct mdev_type config_mdev_type = {
	.sysfs_name = "1",
	.pretty_name = "Config space of a test",
};

static struct mdev_type *config_mdev_types[] = { &config_mdev_type };
static const struct class config_mdev_class = { .name = NAME };
static struct device *parent_device;
static struct mdev_parent parent;

static int __init config_mdev_module_init(void)
{
	int ret;

	ret = mdev_register_driver(&config_mdev_driver);
	if (ret)
		return ret;
	ret = class_register(&config_mdev_class);
	if (ret)
		goto err_driver;
	parent_device = device_create(&config_mdev_class, NULL, MKDEV(0, 0), NULL, NAME);
	if (IS_ERR(parent_device)) {
		ret = PTR_ERR(parent_device);
		goto err_class;
	}
	ret = mdev_register_parent(&parent, parent_device, &config_mdev_driver, config_mdev_types,
				   ARRAY_SIZE(config_mdev_types));
	if (ret)
		goto err_device;
	ret = misc_register(&template_misc);
	if (ret)
		goto err_parent;
	return 0;

err_parent:
	mdev_unregister_parent(&parent);
err_device:
	device_unregister(parent_device);
err_class:
	class_unregister(&config_mdev_class);
err_driver:
	mdev_unregister_driver(&config_mdev_driver);
	return ret;
}

static void __exit config_mdev_module_exit(void)
{
	misc_deregister(&template_misc);
	mdev_unregister_parent(&parent);
	device_unregister(parent_device);
	class_unregister(&config_mdev_class);
	mdev_unregister_driver(&config_mdev_driver);
	kfree(current_template);
}

module_init(config_mdev_module_init);
module_exit(config_mdev_module_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Mediated PCI device whose config space is given by a test");
