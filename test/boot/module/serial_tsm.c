// SPDX-License-Identifier: GPL-2.0
/*
 * A stand-in for the SEV-SNP firmware, for tests of the whole machine on hosts that have no SEV-SNP: registers with the kernel's configfs-tsm as the
 * provider "sev_guest" and carries each request over the second serial port to a simulated AMD on the host. Proves nothing to anybody, is in no image
 * that is shipped, and a kernel that takes signed modules only refuses it. (Linux 6.12, include/linux/tsm.h; 16550 UART.)
 *
 *   request:  'R', privilege level (1 byte), report data (64 bytes)
 *   answer:   0 or an errno (1 byte), then report and certificate table, each after its length (4 bytes, little-endian)
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/tsm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define tsm_ops tsm_report_ops
#define tsm_register tsm_report_register
#define tsm_unregister tsm_report_unregister
#endif

#define COM2 0x2f8
#define DATA (COM2 + 0)
#define INTERRUPT_ENABLE (COM2 + 1)
#define FIFO_CONTROL (COM2 + 2)
#define LINE_CONTROL (COM2 + 3)
#define MODEM_CONTROL (COM2 + 4)
#define LINE_STATUS (COM2 + 5)
#define SCRATCH (COM2 + 7)

#define RECEIVED 0x01
#define MAY_SEND 0x20

/* The host signs within milliseconds; under emulation on a busy machine that may become seconds. */
#define PATIENCE (8 * HZ)

static DEFINE_MUTEX(port);

/* Waits for a bit of the line status: awake while an answer is coming, since a sleep takes longer than sixteen bytes do. */
static int wait_for(u8 bit)
{
	unsigned long deadline = jiffies + PATIENCE;
	unsigned int polls = 0;

	while (!(inb(LINE_STATUS) & bit)) {
		if (time_after(jiffies, deadline))
			return -EIO;
		if (++polls > 20000)
			usleep_range(100, 500);
		else
			cond_resched();
	}
	return 0;
}

static int send(const u8 *bytes, size_t length)
{
	for (size_t at = 0; at < length; at++) {
		if (wait_for(MAY_SEND))
			return -EIO;
		outb(bytes[at], DATA);
	}
	return 0;
}

static int receive(u8 *bytes, size_t length)
{
	for (size_t at = 0; at < length; at++) {
		if (wait_for(RECEIVED))
			return -EIO;
		bytes[at] = inb(DATA);
	}
	return 0;
}

/* Receives a length and as many bytes; configfs-tsm frees them. */
static int receive_blob(u8 **blob, size_t *blob_length)
{
	u8 head[4];
	u32 length;
	u8 *bytes;
	int failed = receive(head, sizeof(head));

	if (failed)
		return failed;
	length = head[0] | head[1] << 8 | head[2] << 16 | (u32)head[3] << 24;
	if (length > TSM_OUTBLOB_MAX)
		return -EFBIG;
	bytes = kvzalloc(length, GFP_KERNEL);
	if (!bytes)
		return -ENOMEM;
	failed = receive(bytes, length);
	if (failed) {
		kvfree(bytes);
		return failed;
	}
	*blob = bytes;
	*blob_length = length;
	return 0;
}

static int exchange(struct tsm_report *report)
{
	u8 head[2] = { 'R', report->desc.privlevel };
	u8 status;
	int failed;

	/* What is left of an answer that broke off is not taken for the next one. */
	while (inb(LINE_STATUS) & RECEIVED)
		inb(DATA);
	failed = send(head, sizeof(head));
	if (!failed)
		failed = send(report->desc.inblob, sizeof(report->desc.inblob));
	if (!failed)
		failed = receive(&status, 1);
	if (!failed && status)
		failed = -status;
	if (!failed)
		failed = receive_blob(&report->outblob, &report->outblob_len);
	if (!failed)
		failed = receive_blob(&report->auxblob, &report->auxblob_len);
	return failed;
}

static int report_new(struct tsm_report *report, void *data)
{
	int failed;

	if (report->desc.inblob_len != sizeof(report->desc.inblob))
		return -EINVAL;
	mutex_lock(&port);
	failed = exchange(report);
	mutex_unlock(&port);
	return failed;
}

static bool has_attribute(int which)
{
	return which == TSM_REPORT_GENERATION || which == TSM_REPORT_PROVIDER ||
	       which == TSM_REPORT_PRIVLEVEL || which == TSM_REPORT_PRIVLEVEL_FLOOR;
}

static bool has_blob(int which)
{
	return which == TSM_REPORT_INBLOB || which == TSM_REPORT_OUTBLOB || which == TSM_REPORT_AUXBLOB;
}

static const struct tsm_ops ops = {
	.name = "sev_guest",
	.privlevel_floor = 0,
	.report_new = report_new,
	.report_attr_visible = has_attribute,
	.report_bin_attr_visible = has_blob,
};

static int __init serial_tsm_init(void)
{
	outb(0x5a, SCRATCH);
	if (inb(SCRATCH) != 0x5a)
		return -ENODEV;
	outb(0, INTERRUPT_ENABLE);
	outb(0x03, LINE_CONTROL); /* 8 data bits, no parity, 1 stop bit */
	outb(0x07, FIFO_CONTROL); /* on, and emptied */
	outb(0x03, MODEM_CONTROL);
	return tsm_register(&ops, NULL);
}

static void __exit serial_tsm_exit(void)
{
	tsm_unregister(&ops);
}

module_init(serial_tsm_init);
module_exit(serial_tsm_exit);
MODULE_DESCRIPTION("configfs-tsm provider for tests, over the second serial port");
MODULE_LICENSE("GPL");
